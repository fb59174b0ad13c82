"""What may happen to the primary: no acknowledged row is lost, and writes go on soon."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import connect, eventually
from tests.testinfra.postgresql import cluster
from tests.testinfra.postgresql.repository import the_log_arrives

from . import trial as trials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Conclude
    from .trial import Trial

WITH_ETCD = pytest.mark.parametrize("with_etcd", [False, True], ids=["without_etcds_leader", "with_etcds_leader"])
AND = {False: "", True: ", with etcd's leader"}


@pytest.fixture
def primary(trial: Trial, with_etcd: bool) -> Iterator[str]:
    """The primary's host, which has etcd's leader or has not. Whatever happens to it, it is back afterwards."""
    trials.place_etcd_leader(trial.was, together=with_etcd)
    yield trial.was
    trials.restore(trial.was)


def test_switchover(trial: Trial, conclude: Conclude) -> None:
    cluster.switch_over()
    trial.recovers()
    conclude(trial, "switchover")
    assert cluster.primary() != trial.was


def test_switchover_to_one_that_is_named(trial: Trial, conclude: Conclude) -> None:
    to = cluster.replicas()[0]
    cluster.switch_over(to)
    trial.recovers()
    conclude(trial, "switchover to one that is named")
    assert cluster.primary() == to


def test_the_dead_end_of_a_timeline_holds_up_no_archive() -> None:
    """Each member has it with a rest of its own; PostgreSQL marks it to be archived when it is to be removed."""
    host, log = connect(cluster.primary()), f"{cluster.DATA}/pg_wal"
    timeline, place = host.check_output(f"ls {log}/????????.history | tail -n 1 | xargs tail -n 1").split()[:2]
    high, low = (int(part, 16) for part in place.split("/"))
    dead = f"{int(timeline):08X}{high:08X}{low >> 24:08X}"
    make = "install --owner=postgres --group=postgres --mode=0600 /dev/null"
    host.check_output(f"cd {log} && {make} {dead} && truncate -s 16M {dead} && {make} archive_status/{dead}.ready")
    the_log_arrives()
    assert eventually(lambda: host.file(f"{log}/archive_status/{dead}.done").exists)


def test_the_server_process_is_killed(trial: Trial, conclude: Conclude) -> None:
    trials.kill_server(trial.was)
    trial.recovers()
    conclude(trial, "server process killed")


@WITH_ETCD
def test_the_host_is_killed(trial: Trial, conclude: Conclude, primary: str, with_etcd: bool) -> None:
    trials.power_off(primary)
    trial.recovers()
    trials.restore(primary)
    conclude(trial, f"host killed{AND[with_etcd]}")
    assert cluster.primary() != primary
    # Nobody has waited for the key of a dead primary to expire.
    assert trial.fenced()


@pytest.mark.parametrize(
    ("with_etcd", "seconds"), [(False, 60), (True, 30)], ids=["for_a_minute", "for_half_a_minute_with_etcds_leader"]
)
def test_the_host_is_cut_off(trial: Trial, conclude: Conclude, primary: str, with_etcd: bool, seconds: int) -> None:
    # Somebody goes on writing on the host itself, where nobody notices that the network has gone.
    with trials.Writer(primary, trial.new_table(), trials.ON_THE_SOCKET, "postgres") as local:
        local.await_rows()
        trials.unplug(primary)
        cut = time.monotonic()
        trial.recovers()
        eventually(lambda: time.monotonic() > cut + seconds, seconds + 1)
        trials.restore(primary)
        conclude(trial, f"host cut off for {seconds} s{AND[with_etcd]}")
        local.stop()
    # What was written on the host alone was acknowledged to nobody, and is gone: the host was rewound.
    assert [number for number, when in local.acknowledged().items() if cut < when < cut + seconds] == []
    assert trial.missing(local) == []
    journal = connect(primary).check_output(f"journalctl --quiet --unit patroni --since @{trial.since} --output cat")
    assert "pg_rewind" in journal
    # Two members reigned, one after the other.
    assert trial.reigned() == [primary, cluster.primary()]
    assert trial.fenced()


def test_patroni_hangs_beside_the_primary(trial: Trial, conclude: Conclude) -> None:
    """PostgreSQL goes on there and hears of no successor: it reaches the replicas, which do not listen any more."""
    hangs = "systemctl kill --kill-whom=main --signal={} patroni.service"
    other = cluster.replicas()[0]
    with trials.Writer(trial.was, trial.new_table(), trials.ON_THE_SOCKET, "postgres") as local:
        local.await_rows()
        connect(trial.was).check_output(hangs.format("STOP"))
        try:
            assert eventually(lambda: cluster.leader_of(cluster.view(other)) not in {"", trial.was}, 60)
            trial.recovers()
        finally:
            connect(trial.was).check_output(hangs.format("CONT"))
        conclude(trial, "Patroni hangs beside the primary")
        local.stop()
    assert trial.missing(local) == []
    assert trial.reigned() == [trial.was, cluster.primary()]
    assert trial.fenced()
