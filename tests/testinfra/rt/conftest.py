"""What the tests of the office share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .rehearsal import Rehearsal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def rehearsal() -> Iterator[Rehearsal]:
    """The office, with settings and a state of the test's."""
    made = Rehearsal()
    yield made
    made.close()
