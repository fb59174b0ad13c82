"""What people do to the cluster while it works: refused while it is not whole, and hardly noticed by who writes."""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import SSH_CONFIG, connect, eventually
from tests.testinfra.playbook import play, refused, succeeded
from tests.testinfra.postgresql import cluster
from tests.testinfra.postgresql.repository import REPOSITORY

from .account import interruptions
from .interrupt import interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Conclude
    from .trial import Trial

# One that no replica may have lower than its primary.
PARAMETER, DEFAULT, RAISED = "max_locks_per_transaction", "64", "80"

# A package of which the archive has two versions goes back to the older one. The others are made again, with a version
# that sorts before their own: so all that an upgrade does is done to them.
OLDER = "/var/tmp/aurore-older"
MAKE = rf"""
set -e
rm -rf {OLDER} && mkdir {OLDER} && cd {OLDER}
for package in %s; do
  version=$(apt-cache madison $package | cut -d'|' -f2 | tr -d ' ' | sort -uV | head -n 1)
  apt-get -qq --option APT::Sandbox::User=root download $package=$version
  if [ $version = $(dpkg-query --show --showformat='${{Version}}' $package) ]; then
    dpkg-deb --raw-extract ${{package}}_*.deb tree
    sed -i 's/^Version: .*/&~older/' tree/DEBIAN/control
    dpkg-deb --build -Znone tree $(ls ${{package}}_*.deb) >/dev/null
    rm -r tree
  fi
done
tar --create --file=- .
"""
INSTALL = f"""
set -e
mkdir -p {OLDER} && tar --extract --directory={OLDER} --file=-
DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --allow-downgrades install $(ls {OLDER}/*.deb | grep -E '/(%s)_') 2>&1
rm -r {OLDER}
"""
OF_MEMBERS = ("postgresql-17", "patroni", "etcd-server", "pgbouncer", "haproxy")
OF_ALL = "pgbackrest"
MOMENTS = (
    "Upgrade the packages, and restart what still runs the old ones",
    "Wait until all run, follow the primary and have caught up",
)


def operation(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run one of the playbooks for the cluster."""
    return play(f"playbooks/operations/{name}_postgresql.yml", *options)


def started() -> dict[str, str]:
    """Since when each member's server runs."""
    return cluster.each_member(lambda member: cluster.query(member, "SELECT pg_postmaster_start_time()"))


@contextmanager
def transaction(member: str, seconds: int = 2) -> Iterator[None]:
    """A transaction that has run for so long on a member."""
    mine = "FROM pg_stat_activity WHERE application_name = 'aurore-fault'"
    connect(member).check_output(
        "systemd-run --quiet --collect --unit=aurore-fault --uid=postgres --setenv=PGAPPNAME=aurore-fault"
        " psql --no-psqlrc --dbname=postgres --command='SELECT pg_sleep(600)'"
    )
    try:
        old = f"SELECT count(*) {mine} AND clock_timestamp() - xact_start > '{seconds} s'"
        assert eventually(lambda: cluster.query(member, old) == "1")
        yield
    finally:
        cluster.query(member, f"SELECT pg_terminate_backend(pid) {mine}")
        connect(member).run("systemctl stop aurore-fault")


def wait_for(parameter: str, value: str, *, pending: bool) -> None:
    """See a parameter on all members, as it is, and whether all of them wait for a restart."""

    def seen() -> bool:
        views = cluster.each_member(cluster.view).values()
        waits = [bool(one.get("pending_restart")) for view in views for one in view.values()]
        values = set(cluster.each_member(lambda member: cluster.query(member, f"SHOW {parameter}")).values())
        return waits == [pending] * len(cluster.MEMBERS) ** 2 and values == {value}

    assert eventually(seen)


# --- Refusals


def test_nothing_is_done_while_a_replica_is_stopped() -> None:
    cluster.await_health()
    was, before = cluster.primary(), started()
    stopped = cluster.replicas()[0]
    connect(stopped).check_output("systemctl stop patroni.service")
    try:
        for name in ("switchover", "restart"):
            assert f"{stopped} does not follow the primary: it is stopped" in refused(operation(name))
        # What its lease does, after which the others know of no such member.
        cluster.etcdctl(was, f"del /postgresql/aurore/members/{stopped}")
        rest = ",".join(name for name in cluster.MEMBERS if name != stopped)
        assert f"{stopped} is away: its host or its Patroni does not run" in refused(
            operation("restart", "--limit", rest)
        )
        assert cluster.query(was, "SELECT pg_is_in_recovery()") == "f"
    finally:
        connect(stopped).check_output("systemctl start patroni.service")
    cluster.await_health()
    assert {name: when for name, when in started().items() if name != stopped} == {
        name: when for name, when in before.items() if name != stopped
    }


def test_nothing_is_done_while_a_transaction_runs_for_long() -> None:
    cluster.await_health()
    was = cluster.primary()
    limit = ("--extra-vars", "patroni_max_transaction=2")
    with transaction(was):
        said = refused(operation("switchover", *limit))
        assert re.search(rf"{was}: a transaction of postgres in postgres \(aurore-fault\) has run for \d+ s", said)
        # On a replica it would not end, since nobody stops that.
        replica = cluster.replicas()[0]
        with transaction(replica):
            assert f"{replica}: a transaction" not in refused(operation("switchover", *limit))
    assert "would be the primary" in succeeded(operation("switchover", *limit, "--check"))
    assert cluster.primary() == was


# --- What is done


def test_switchover(trial: Trial, conclude: Conclude) -> None:
    said = succeeded(operation("switchover"))
    trial.recovers()
    conclude(trial, "switchover by its playbook")
    assert cluster.primary() != trial.was
    assert f"{cluster.primary()} is the primary, in the place of {trial.was}. For " in said


def test_switchover_to_a_member(trial: Trial, conclude: Conclude) -> None:
    to = cluster.replicas()[-1]
    assert f"{to} is the primary, in the place of {trial.was}." in succeeded(operation("switchover", "-e", f"to={to}"))
    trial.recovers()
    # The other replica has waited before it followed.
    conclude(trial, "switchover to a member")
    assert cluster.primary() == to
    assert f"{to} is the primary already." in succeeded(operation("switchover", "-e", f"to={to}"))


def test_rolling_restart(trial: Trial, conclude: Conclude) -> None:
    cluster.configure({"postgresql": {"parameters": {PARAMETER: RAISED}}})
    wait_for(PARAMETER, DEFAULT, pending=True)
    with transaction(trial.was):
        assert "has run for" in refused(operation("restart", "--extra-vars", "patroni_max_transaction=2"))
    assert f"{PARAMETER} waits for a restart." in succeeded(operation("restart", "--check"))
    assert "Nothing waits for a restart." in succeeded(operation("restart"))
    wait_for(PARAMETER, RAISED, pending=False)
    conclude(trial, f"rolling restart, {interruptions(trial.writer.read())}")
    # However many restarts, one switchover.
    assert trial.reigned() == [trial.was, cluster.primary()]
    assert cluster.primary() != trial.was


def test_a_parameter_is_lowered(trial: Trial, conclude: Conclude) -> None:
    cluster.configure({"postgresql": {"parameters": {PARAMETER: None}}})
    wait_for(PARAMETER, RAISED, pending=True)
    before = started()
    said = succeeded(operation("restart"))
    assert f"{PARAMETER} waits for a restart. Lowered: {PARAMETER} ({RAISED}, wanted {DEFAULT})." in said
    assert started() == before
    assert "Nothing waits for a restart." in succeeded(operation("restart", "--extra-vars", "in_place=true"))
    wait_for(PARAMETER, DEFAULT, pending=False)
    conclude(trial, "a parameter lowered, the primary restarted in its place")
    assert cluster.primary() == trial.was


def test_patronis_own_unit_has_changed(trial: Trial, conclude: Conclude) -> None:
    path = "/etc/systemd/system/patroni.service.d/70-fault.conf"
    changed = cluster.replicas()[0]
    before = started()
    connect(changed).check_output(f"printf '[Service]\\nNice=1\\n' >{path} && systemctl daemon-reload")
    # The guest has got a watchdog meanwhile; here, a device that does nothing.
    connect(changed).check_output("mknod -m 0600 /dev/watchdog c 1 3")
    try:
        assert f"{path} is newer" in succeeded(operation("restart"))
        assert connect(changed).file("/dev/watchdog").user == "postgres"
        # Of the server that Patroni has started.
        assert connect(changed).check_output(f"ps -o ni= $(head -n 1 {cluster.DATA}/postmaster.pid)").strip() == "1"
    finally:
        connect(changed).check_output(
            f"rm {path} /dev/watchdog && systemctl daemon-reload && systemctl restart patroni.service"
        )
    conclude(trial, "a replica restarted for its unit")
    assert trial.errors() == []
    assert {name for name, when in started().items() if when != before[name]} == {changed}


# --- Upgrades


def versions() -> dict[str, str]:
    """Of the packages, by host."""
    show = f"dpkg-query --show --showformat='${{Package}} ${{Version}}\\n' {OF_ALL} {' '.join(OF_MEMBERS)} 2>/dev/null"
    return {host: connect(host).run(show).stdout for host in (*cluster.MEMBERS, REPOSITORY)}


def security_upgrade_waits(member: str) -> bool:
    """Whether monitoring is told that a security upgrade of HAProxy is due."""
    metrics = connect(member).file("/var/lib/prometheus/node-exporter/upgrades.prom").content_string
    return 'aurore_security_upgrade_waiting{package="haproxy"} 1' in metrics


def ssh(host: str, command: str, content: bytes = b"") -> bytes:
    """Run a command on a host, with what it reads; what it writes."""
    argv = ("ssh", "-F", str(SSH_CONFIG), host, command)
    return subprocess.run(argv, input=content, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def upgradable() -> Iterator[dict[str, str]]:
    """All hosts have older packages; what they had before."""
    newest = versions()
    cluster.await_health()
    packages = ssh(cluster.MEMBERS[0], MAKE % " ".join((*OF_MEMBERS, OF_ALL)))

    def downgrade(member: str) -> None:
        ssh(member, INSTALL % "|".join((*OF_MEMBERS, OF_ALL)), packages)
        connect(member).check_output("systemctl restart patroni.service haproxy.service")

    was = cluster.primary()
    cluster.each_member(downgrade, cluster.replicas())
    cluster.await_health()
    cluster.switch_over()
    cluster.await_health()
    downgrade(was)
    cluster.await_health()
    ssh(REPOSITORY, INSTALL % OF_ALL, packages)
    yield newest
    for host in newest:
        again = f"apt-get -qq --yes --only-upgrade install {OF_ALL} {' '.join(OF_MEMBERS)} 2>&1"
        connect(host).check_output(again)
    cluster.await_health()


def test_the_upgrades_of_every_morning_leave_the_cluster_alone(upgradable: dict[str, str]) -> None:
    older = versions()

    def morning(member: str) -> None:
        host = connect(member)
        # A security upgrade of HAProxy is due.
        assert host.check_output("apt list --upgradable 2>/dev/null").count("haproxy/stable-security ") == 1
        host.check_output("unattended-upgrade")
        # Whom that concerns is told.
        assert eventually(lambda: security_upgrade_waits(member))

    cluster.each_member(morning)
    assert versions() == older != upgradable


def test_a_rolling_upgrade_that_is_interrupted_goes_on(
    upgradable: dict[str, str], trial: Trial, conclude: Conclude
) -> None:
    older = versions()
    said = succeeded(operation("upgrade", "--check"))
    assert versions() == older
    for package in OF_MEMBERS:
        was, becomes = (
            re.search(rf"^{package} (\S+)$", shown[trial.was], re.MULTILINE) for shown in (older, upgradable)
        )
        assert was
        assert becomes
        assert said.count(f"{package} {was[1]} -> {becomes[1]}") >= len(cluster.MEMBERS)
    with transaction(trial.was):
        assert "has run for" in refused(operation("upgrade", "--extra-vars", "patroni_max_transaction=2"))
    assert versions() == older

    for moment in MOMENTS:
        interrupted(f"aurore.infra.patroni : {moment}", ("playbooks/operations/upgrade_postgresql.yml",))
        cluster.await_health()
        assert versions() != upgradable
    succeeded(operation("upgrade"))
    assert versions() == upgradable
    assert eventually(lambda: not any(cluster.each_member(security_upgrade_waits).values()))
    # Of the members' packages, and of pgBackRest, which the repository has as well.
    assert succeeded(operation("upgrade")).count("nothing to do") == 2 * len(cluster.MEMBERS) + 1
    conclude(trial, f"rolling upgrade, of which two runs were killed, {interruptions(trial.writer.read())}")
    # However many restarts, one switchover.
    assert trial.reigned() == [trial.was, cluster.primary()]
    assert cluster.primary() != trial.was
