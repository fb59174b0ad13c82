"""A host that is played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .played import Host

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A member of the cluster."""
    return Host(tmp_path)
