"""A member that is played."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .played import Member

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def member_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Member:
    """A replica that runs 17."""
    played = Member(tmp_path)
    monkeypatch.setenv("PATH", f"{played.bin}:/usr/bin:/bin")
    return played
