"""Property tests here try the same examples each time, and take as long as they need; a fleet in a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from .fleet import edited

if TYPE_CHECKING:
    from pathlib import Path

settings.register_profile("model", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("model")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with the small fleet."""
    for name, content in edited().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path
