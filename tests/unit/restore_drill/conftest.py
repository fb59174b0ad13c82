"""Makes the package importable under its name, as on its hosts; and a host that is played."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "roles/pgbackrest/files"))

from .played import Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A member of the cluster."""
    return Host(tmp_path)
