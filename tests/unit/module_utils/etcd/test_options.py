"""A client made of a module's options."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.etcd.options import client

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.https import Proofs


def test_endpoints_are_asked_in_their_order(proofs: Proofs) -> None:
    options = {"endpoints": ["192.0.2.11:2379", "postgresql-gs.example.net:2379"], **asdict(proofs)}
    assert client(options).endpoints == [("192.0.2.11", 2379), ("postgresql-gs.example.net", 2379)]


def test_files_that_are_not_there(proofs: Proofs, tmp_path: Path) -> None:
    options = {"endpoints": ["192.0.2.11:2379"], **asdict(proofs), "key": str(tmp_path / "host.key")}
    with pytest.raises(FileNotFoundError):
        client(options)
