"""Makes the packages importable under their names, as on their hosts; and a member that is played."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

for role in ("pgbackrest", "postgresql_upgrade"):
    sys.path.insert(0, str(Path(__file__).parents[3] / f"roles/{role}/files"))

from .played import Member


@pytest.fixture
def member_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Member:
    """A replica that runs 17."""
    played = Member(tmp_path)
    monkeypatch.setenv("PATH", f"{played.bin}:/usr/bin:/bin")
    return played
