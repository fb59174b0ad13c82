"""Alerts are about metrics that exist, and fire when they must; only the monitoring sees what they are made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ..conftest import connect, eventually, inventory
from . import cluster, monitoring
from .cluster import OURS
from .monitoring import MONITORING, TARGETS, Prometheus, fqdn

if TYPE_CHECKING:
    from collections.abc import Iterator

# Those that are ours; Patroni, etcd and HAProxy let in whoever has a certificate of the fleet.
EXPORTERS = ("node", "postgresql", "pgbouncer", "pgbackrest")
CUT_OFF = (55, 56)
"""How curl ends when a server that it got to does not go on: while it sends, or when it reads."""
SELECTOR = re.compile(r"(?<![\w.])([a-z]\w*)(?!\w|\s*\()(\{[^}]*\})?")
WORDS = {"and", "or", "unless", "on", "by", "bool", "offset", "ignoring", "without", "group_left", "group_right"}
JOBS = {"full": "pgbackrest-backup@full", "check": "pgbackrest-check", "verify": "pgbackrest-verify"}
NO_FAULT = {"HostClockNotSynchronized", "HostDiskFullSoon", "HostDiskFills", "EtcdDiskSlow"}
"""What the lab's machine may cause: containers have its clock and its disk."""


@pytest.fixture(scope="module", autouse=True)
def _unpacked() -> Iterator[None]:
    with monitoring.unpacked():
        yield


@pytest.fixture(scope="module")
def _jobs_have_run() -> None:
    """Each job of the backups has run once, though its time may not have come."""
    written = "/var/lib/prometheus/node-exporter"
    for host in monitoring.carrying("backup_repository"):
        for name, unit in JOBS.items():
            connect(host).check_output(f"test -e {written}/backup-{name}.prom || systemctl start {unit}.service")
    ended = f"grep --quiet --no-messages ^aurore_restore_drill_success {written}/postgresql-restore.prom"
    if not any(one.rc == 0 for one in cluster.each_member(lambda member: connect(member).run(ended)).values()):
        # They agree on whose turn it is.
        cluster.each_member(lambda member: connect(member).check_output("systemctl start restore-drill.service"))
    for host in monitoring.carrying("backup_repository"):
        _await_backups_in_metrics(host)


def _await_backups_in_metrics(host: str) -> None:
    """Its exporter looks at the repository now and then, and its last look may have been before the first backup."""
    unit = connect(host).check_output("systemctl cat prometheus-pgbackrest-exporter.service")
    (interval,) = re.findall(r"--collect\.interval=(\d+)", unit)
    look = f"curl --silent --max-time 5 {OURS} https://{fqdn(host)}:{TARGETS['pgbackrest'][0]}/metrics"
    ask = connect(MONITORING).run
    seen = eventually(lambda: "\npgbackrest_backup_last_error_status{" in ask(look).stdout, int(interval) + 30)
    assert seen, ask(look).stdout


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    """A Prometheus that collects from all of the cluster."""
    with Prometheus() as one:
        yield one


def selectors(expression: str) -> set[str]:
    """The series that an expression is about."""
    bare = re.sub(r"\b(?:on|by|ignoring|without)\s*\([^)]*\)|\[[^]]*\]", " ", expression)
    return {name + labels for name, labels in SELECTOR.findall(bare) if name not in WORDS}


def test_selectors_are_found() -> None:
    expression = 'sum by (job) (rate(a_b{c="d"}[5m])) > on (instance) 2 * 1e6 or absent(e_f == 1) unless up < scalar(g)'
    assert selectors(expression) == {'a_b{c="d"}', "e_f", "up", "g"}


def test_the_rules_can_be_read() -> None:
    assert "SUCCESS" in monitoring.promtool(f"check rules --lint-fatal {monitoring.ALERTS}/*.yml")


def test_each_alert_fires_when_it_must_and_is_quiet_otherwise() -> None:
    assert "SUCCESS" in monitoring.promtool("test rules tests/alerts/*.yml")


def test_everybody_is_asked_and_answers(prometheus: Prometheus) -> None:
    eventually(lambda: all(one["health"] == "up" for one in prometheus.targets()))
    assert {one["scrapeUrl"]: one["lastError"] for one in prometheus.targets() if one["health"] != "up"} == {}
    assert len(prometheus.targets()) == sum(len(hosts) for _, hosts in TARGETS.values())


@pytest.mark.usefixtures("_jobs_have_run")
def test_every_series_of_a_rule_is_there(prometheus: Prometheus) -> None:
    wanted = sorted({one for rule in monitoring.rules() for one in selectors(rule["expr"])})
    assert len(wanted) > len(TARGETS)

    def missing() -> list[str]:
        return [one for one in wanted if not prometheus.query(one)]

    eventually(lambda: not missing())
    assert missing() == []


@pytest.mark.parametrize("job", TARGETS)
def test_without_a_certificate_nobody_sees_anything(job: str) -> None:
    port, hosts = TARGETS[job]
    for host in hosts:
        ask = f"curl --silent --max-time 5 --cacert /etc/aurore/tls/ca.crt https://{fqdn(host)}:{port}/metrics"
        refused = connect(MONITORING).run(ask)
        assert refused.rc in CUT_OFF, refused
        assert refused.stdout == ""


@pytest.mark.parametrize("job", EXPORTERS)
def test_a_certificate_of_another_host_is_refused(job: str) -> None:
    port, hosts = TARGETS[job]
    for host in hosts:
        # By itself, or the firewall would refuse it before.
        refused = connect(host).run(f"curl --silent --max-time 5 {OURS} https://{fqdn(host)}:{port}/metrics")
        assert refused.rc in CUT_OFF, refused
        assert refused.stdout == ""


@pytest.mark.parametrize("job", TARGETS)
def test_metrics_are_in_the_administration_network_alone(job: str) -> None:
    port, hosts = TARGETS[job]
    if job == "patroni":  # which members ask as well
        return
    for host in hosts:
        sockets = connect(host).check_output(f"ss --no-header --listening --tcp --numeric 'sport = :{port}'")
        listening = {line.split()[3].rsplit(":", 1)[0].strip("[]") for line in sockets.splitlines()}
        allowed = {
            interface[version]
            for interface in inventory()[host]["model_interfaces"]
            for version in ("ipv4", "ipv6")
            if interface["purpose"] == "administration"
        }
        assert listening
        assert listening <= allowed


@pytest.mark.usefixtures("_jobs_have_run")
def test_a_whole_cluster_alarms_nobody(prometheus: Prometheus) -> None:
    cluster.await_health()
    eventually(lambda: not prometheus.firing().keys() - NO_FAULT)
    firing = {name: prometheus.about(name) for name in prometheus.firing().keys() - NO_FAULT}
    assert firing == {}, monitoring.last_words(firing.get("HostUnitFailed", []))


@pytest.mark.parametrize("member", cluster.MEMBERS)
def test_whenever_lists_are_fetched_the_upgrades_that_wait_are_told_anew(member: str) -> None:
    host = connect(member)
    told = "stat --format='%i %y' /var/lib/prometheus/node-exporter/upgrades.prom"
    before = host.check_output(told)
    host.check_output("apt-get -qq update")
    assert eventually(lambda: host.check_output(told) != before)
    show = "systemctl show --value --property=ActiveState,Result upgrade-metrics.service"
    assert eventually(lambda: host.check_output(show).split() == ["success", "inactive"])
