"""Makes the packages importable under their names, as on their hosts; and two servers that are played."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

for role in ("pgbackrest", "postgresql_adoption"):
    sys.path.insert(0, str(Path(__file__).parents[3] / f"roles/{role}/files"))

from .played import Servers


@pytest.fixture
def servers(tmp_path: Path) -> Servers:
    """An old server, and the primary."""
    return Servers(tmp_path)
