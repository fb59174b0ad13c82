"""Two servers that are played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .played import Servers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def servers(tmp_path: Path) -> Servers:
    """An old server, and the primary."""
    return Servers(tmp_path)
