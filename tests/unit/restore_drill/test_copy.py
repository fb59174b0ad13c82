"""A restored copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from restore_drill.copy import Copy
from restore_drill.settings import RestoreError
from restore_drill.target import Target

if TYPE_CHECKING:
    from .played import Host


def copy(host: Host) -> Copy:
    return Copy(host.settings, host.run, host.settings.scratch)


def test_a_copy_is_reached_by_nobody_else(host: Host) -> None:
    one = copy(host)
    assert one.restore(Target("default"), "promote") == "20261126-020000F"
    one.start()
    started = next(line for line in host.said if "pg_ctl start" in line)
    assert "listen_addresses= " in started
    assert "archive_mode=off" in started
    assert "max_connections=720" in started
    assert "max_wal_senders=32" in started
    assert "max_prepared_transactions=5" in started
    assert one.place.stat().st_mode & 0o777 == 0o700
    assert "peer" in (one.place / "hba.conf").read_text()
    one.remove()
    assert not host.settings.scratch.exists()
    assert (host.data / "PG_VERSION").exists()


def test_why_a_copy_does_not_start(host: Host) -> None:
    one = copy(host)
    one.restore(Target("default"), "promote")
    (one.place / "log").write_text("FATAL:  recovery ended before configured recovery target was reached\n")
    host.fails["pg_ctl start"] = "could not start server"
    with pytest.raises(RestoreError, match=r"could not start(.|\n)*recovery ended before"):
        one.start()


def test_a_copy_that_dies_on_its_way(host: Host) -> None:
    one = copy(host)
    one.restore(Target("default"), "promote")
    host.fails["psql"] = "could not connect"
    with pytest.raises(RestoreError, match="no server running"):
        one.await_promoted()


def test_a_copy_that_has_less_than_the_original_had(host: Host) -> None:
    one = copy(host)
    one.restore(Target("default"), "promote")
    one.start()
    (one.place / "log").write_text("hot standby is not possible because of insufficient parameter settings\n")
    with pytest.raises(RestoreError, match="had more than a copy has"):
        one.await_promoted()


def test_a_copy_that_does_not_answer_although_it_runs(host: Host) -> None:
    one = copy(host)
    one.restore(Target("default"), "promote")
    one.start()
    host.fails["psql"] = "could not connect"
    with pytest.raises(RestoreError, match="could not connect"):
        one.await_paused()


def test_what_a_killed_copy_leaves_is_removed(host: Host) -> None:
    one = copy(host)
    one.restore(Target("default"), "promote")
    one.start()
    (one.data / "postmaster.pid").unlink()
    host.fails["pg_ctl status"] = host.fails["pg_ctl stop"] = "no such process"
    (one.data / "postmaster.pid").write_text("4711\n")
    one.remove()
    assert not one.place.exists()


def test_a_copy_that_cannot_be_stopped_is_not_removed(host: Host) -> None:
    one = copy(host)
    one.restore(Target("default"), "promote")
    one.start()
    host.fails["pg_ctl stop"] = "it does not stop"
    with pytest.raises(RestoreError, match="does not stop"):
        one.remove()
    assert one.place.exists()
