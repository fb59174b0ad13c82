"""What may happen to the primary: no acknowledged row is lost, and writes go on soon."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import connect, eventually
from tests.testinfra.postgresql import cluster

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


@WITH_ETCD
def test_the_host_is_cut_off_for_a_minute(trial: Trial, conclude: Conclude, primary: str, with_etcd: bool) -> None:
    # Somebody goes on writing on the host itself, where nobody notices that the network has gone.
    with trials.Writer(primary, trial.new_table(), trials.ON_THE_SOCKET, "postgres") as local:
        local.await_rows()
        trials.unplug(primary)
        cut = time.monotonic()
        trial.recovers()
        eventually(lambda: time.monotonic() > cut + 60, 61)
        trials.restore(primary)
        conclude(trial, f"host cut off for a minute{AND[with_etcd]}")
        local.stop()
    # What was written on the host alone was acknowledged to nobody, and is gone: the host was rewound.
    assert [number for number, when in local.acknowledged().items() if cut < when < cut + 60] == []
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
