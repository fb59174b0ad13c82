"""What may happen to all but the primary: writes hardly notice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.testinfra.conftest import connect, eventually
from tests.testinfra.postgresql import cluster

from . import trial as trials

if TYPE_CHECKING:
    from .conftest import Conclude
    from .trial import Trial


def test_etcd_stops_on_all_members(trial: Trial, conclude: Conclude) -> None:
    """The primary stays one, because it sees that all members are there. It does for longer than its key would live."""
    cluster.each_member(lambda member: connect(member).check_output("systemctl stop etcd.service"))
    begin = time.monotonic()
    eventually(lambda: time.monotonic() > begin + 30, 31)
    cluster.each_member(lambda member: connect(member).check_output("systemctl --no-block start etcd.service"))
    trial.recovers()
    conclude(trial, "all members of etcd stopped for half a minute")
    assert trial.errors() == []
    assert cluster.primary() == trial.was


def test_a_replica_is_destroyed(trial: Trial, conclude: Conclude) -> None:
    victim = cluster.replicas()[0]
    identity = cluster.query(victim, "SELECT system_identifier FROM pg_control_system()")
    trials.destroy(victim)
    cluster.await_ailment()
    conclude(trial, "replica destroyed and rebuilt")
    assert trial.errors() == []
    assert cluster.query(victim, "SELECT system_identifier FROM pg_control_system()") == identity
    assert cluster.primary() == trial.was


def test_the_host_is_killed_through_which_the_client_comes(conclude: Conclude) -> None:
    """Of the way to the primary nothing is single, either. Each time it asks, the client tries the dead host first."""
    cluster.await_health()
    entrance = cluster.replicas()[0]
    addresses = [cluster.ADDRESSES[name] for name in (entrance, *(one for one in cluster.MEMBERS if one != entrance))]
    names = ",".join(["primary.postgresql.adm.auro.re"] * len(addresses))
    there_first = f"host={names} hostaddr={','.join(addresses)} load_balance_hosts=disable"
    with trials.Trial(conninfo=f"{trials.THROUGH_THE_CLIENTS_PATH} {there_first}") as trial:
        assert trial.writer.entrance() == entrance
        try:
            trials.power_off(entrance)
            trial.recovers()
        finally:
            trials.restore(entrance)
        conclude(trial, "host killed through which the client comes")
        assert cluster.primary() == trial.was


def test_nothing_is_acknowledged_that_one_host_alone_has(trial: Trial, conclude: Conclude) -> None:
    others = cluster.replicas()
    for replica in others:
        connect(replica).check_output("systemctl stop patroni.service")
    stopped = time.monotonic()
    eventually(lambda: time.monotonic() > stopped + 5, 6)
    restarted = time.monotonic()
    for replica in others:
        connect(replica).check_output("systemctl --no-block start patroni.service")
    trial.recovers()
    conclude(trial, "both replicas stopped for 5 s")
    assert [when for when in trial.writer.acknowledged().values() if stopped < when < restarted] == []
    assert cluster.primary() == trial.was
