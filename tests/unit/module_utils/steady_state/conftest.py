"""The host that the agent works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.played_host import Host, place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host with nothing on it."""
    return place(tmp_path / "host", monkeypatch)
