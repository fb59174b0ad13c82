"""What may happen on a service's way to the databases."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import SSH_CONFIG, connect, eventually, inventory, start
from tests.testinfra.postgresql import cluster
from tests.testinfra.postgresql.client import IN_RECOVERY, PASSWORDS, PRIMARY, answers, asked, passwords, psql
from tests.testinfra.postgresql.cluster import ADDRESSES, CLIENT, MEMBERS
from tests.testinfra.postgresql.monitoring import MONITORING
from tests.testinfra.postgresql.repository import REPOSITORY

from .play import changed, one_after_the_other, play_role, starts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Keeps a connection open, and says what the server behind it is whenever it is asked.
ASK = """
import sys, psycopg2
connection = psycopg2.connect(sys.argv[1])
connection.autocommit = True
for _ in sys.stdin:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            print("replica" if cursor.fetchone()[0] else "primary", flush=True)
    except psycopg2.Error as error:
        print("cut" if connection.closed else error, flush=True)
        break
"""


@pytest.fixture(scope="module", autouse=True)
def _passwords() -> Iterator[None]:
    with passwords():
        yield


def test_haproxy_dies_where_a_client_comes_in() -> None:
    for name in MEMBERS:
        connect(name).check_output("kill -KILL $(systemctl show --property MainPID --value haproxy.service)")
        assert asked(PRIMARY, IN_RECOVERY) == "f"
        assert eventually(partial(answers, f"{PRIMARY} hostaddr={ADDRESSES[name]}"))


def test_pgbouncer_dies_on_the_primary() -> None:
    """Nobody else can do what it does; it is back before a client has given up."""
    connect(cluster.primary()).check_output("systemctl kill --signal KILL pgbouncer.service")
    assert asked(PRIMARY, IN_RECOVERY) == "f"


def test_an_entrance_gets_a_setting_when_the_one_before_is_open_again(tmp_path: Path) -> None:
    units = ("haproxy.service", "pgbouncer.service")
    before = starts(*units)
    other = json.dumps({"postgresql_proxy_clients": 501})
    assert changed(play_role(tmp_path, "postgresql_proxy", "--extra-vars", other)) == len(MEMBERS)
    after = starts(*units)
    assert all(after[member] > before[member] for member in MEMBERS)
    assert one_after_the_other(after), after
    assert changed(play_role(tmp_path, "postgresql_proxy")) == len(MEMBERS)


def test_a_connection_is_cut_when_its_primary_is_one_no_more() -> None:
    """A service that keeps a connection must not come to a replica with it, nor be told no for ever."""
    cluster.await_health()
    command = f"PGPASSFILE={PASSWORDS} python3 -c '{ASK}' '{PRIMARY}'"
    pipe = subprocess.PIPE
    with start("ssh", "-F", str(SSH_CONFIG), CLIENT, command, stdin=pipe, stdout=pipe) as service:

        def ask() -> str:
            print(file=service.stdin, flush=True)
            return service.stdout.readline().strip() if service.stdout else ""

        assert ask() == "primary"
        cluster.switch_over(cluster.replicas()[0])
        seen = [ask()]
        while seen[-1] == "primary":
            seen.append(ask())
    assert seen[-1] == "cut", seen
    assert eventually(lambda: psql(PRIMARY, IN_RECOVERY).stdout.strip() == "f")
    cluster.await_health()


def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    member = MEMBERS[0]
    units = "etcd haproxy patroni pgbackrest pgbouncer prometheus-node-exporter prometheus-postgres-exporter"
    host, pid = connect(member), f"systemctl show --property MainPID {units}"
    before, identified = host.check_output(pid), "openssl x509 -noout -serial"
    inside, outside = ADDRESSES[member], inventory()[member]["ansible_host"]
    places = [
        (CLIENT, f"{inside}:5000 -starttls postgres"),
        *((MEMBERS[1], f"{inside}:{port}") for port in ("5432 -starttls postgres", 2379, 2380, 8008)),
        *((MONITORING, f"{outside}:{port}") for port in (8404, 9100, 9187)),
        (REPOSITORY, f"{outside}:8432"),
    ]
    # Through its own entrance one comes to PgBouncer of the primary.
    cluster.await_health()
    if cluster.primary() != member:
        cluster.switch_over(member)
        cluster.await_health()

    def shown() -> dict[str, str]:
        ask = "openssl s_client -cert /etc/aurore/tls/host.crt -key /etc/aurore/tls/host.key -connect"
        said = {
            where: connect(name).run(f"timeout 5 {ask} {where} </dev/null | {identified}") for name, where in places
        }
        return {where: one.stdout.strip() for where, one in said.items()}

    old = host.check_output(f"{identified} -in /etc/aurore/tls/host.crt")
    assert eventually(lambda: {*shown().values()} == {old}), shown()
    # Without it nobody listens to this member: whatever fails, it is there again.
    host.check_output("mv /etc/aurore/tls/host.crt /etc/aurore/tls/host.crt.away")
    try:
        assert changed(play_role(tmp_path, "identity", "--limit", member)) > 0
    finally:
        host.check_output("cd /etc/aurore/tls && mv --update=none host.crt.away host.crt && rm -f host.crt.away")
    new = host.check_output(f"{identified} -in /etc/aurore/tls/host.crt")
    assert new != old
    assert eventually(lambda: {*shown().values()} == {new}), shown()
    assert host.check_output(pid) == before
