"""A fleet in a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .fleet import edited

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with the small fleet."""
    for name, content in edited().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path
