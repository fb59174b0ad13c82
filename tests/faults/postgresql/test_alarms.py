"""What happens to the cluster is seen by the monitoring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import connect, eventually
from tests.testinfra.postgresql import cluster, monitoring

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def prometheus() -> Iterator[monitoring.Prometheus]:
    """A Prometheus that collects from all of the cluster."""
    with monitoring.unpacked(), monitoring.Prometheus() as one:
        yield one


def test_a_replica_that_is_stopped_alarms_somebody(prometheus: monitoring.Prometheus) -> None:
    replica = cluster.replicas()[0]
    expected = {"PatroniMembersMissing": {""}, "PostgreSQLDown": {monitoring.fqdn(replica)}}

    def alarms() -> bool:
        firing = prometheus.firing()
        return all(hosts <= firing.get(name, set()) for name, hosts in expected.items())

    connect(replica).check_output("systemctl stop patroni.service")
    try:
        assert eventually(alarms), prometheus.firing()
        # The others go on.
        assert not {"PatroniNoPrimary", "PatroniNoSynchronousStandby", "HAProxyWithoutPrimary"} & {*prometheus.firing()}
    finally:
        connect(replica).check_output("systemctl start patroni.service")
        cluster.await_health()
    eventually(lambda: not {*expected} & {*prometheus.firing()})
    assert not {*expected} & {*prometheus.firing()}
