"""From one server into another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from postgresql_adoption import copying
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from .played import Servers


def test_a_snapshot_is_kept_while_it_is_used(servers: Servers) -> None:
    job = servers.play()
    with copying.Snapshot(job.old, job.source) as snapshot:
        assert snapshot.name == "00000003-1"
        assert snapshot._process.poll() is None
    assert snapshot._process.returncode == 0


def test_a_snapshot_that_there_is_not(servers: Servers) -> None:
    servers.rule("old", "pg_export_snapshot", "!no such database")
    job = servers.play()
    with pytest.raises(RestoreError, match="no such database"), copying.Snapshot(job.old, job.source):
        pass


def test_both_say_why(servers: Servers) -> None:
    servers.rule("pg_dump", "", "!connection lost")
    servers.rule("pg_restore", "", "!input ends too early")
    job = servers.play()
    with pytest.raises(RestoreError, match=r"pg_dump failed:\n  connection lost\npg_restore failed:\n  input ends"):
        copying.copy(job.old, job.source, "1-1", job.new, job.copy, "forge")
