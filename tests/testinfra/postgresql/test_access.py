"""The way to the databases, as a service goes it: where it leads, and whom it refuses."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ..conftest import connect, eventually, inventory
from . import cluster
from .client import IN_RECOVERY, PASSWORDS, PRIMARY, REPLICAS, asked, passwords, psql, put
from .cluster import ADDRESSES, CLIENT, MEMBERS, OURS
from .monitoring import MONITORING

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def _passwords() -> Iterator[None]:
    with passwords():
        yield


# --- Where it leads


def test_each_name_leads_where_it_says_through_each_member() -> None:
    cluster.await_health()
    for conninfo, recovering in ((PRIMARY, "f"), (REPLICAS, "t")):
        assert asked(conninfo, IN_RECOVERY) == recovering
        for peer in cluster.PEERS:
            for address in (peer["ipv4"], peer["ipv6"]):
                assert asked(f"{conninfo} hostaddr={address}", IN_RECOVERY) == recovering, address


def test_clients_of_the_replicas_are_spread_over_them() -> None:
    identity = "SELECT pg_is_in_recovery(), (SELECT setting FROM pg_settings WHERE name = 'primary_slot_name')"
    eventually(lambda: len({asked(REPLICAS, identity) for _ in range(4)}) == len(MEMBERS) - 1)
    assert {asked(REPLICAS, identity) for _ in range(8)} == {
        f"t|{name.replace('-', '_')}" for name in cluster.replicas()
    }


def test_the_service_owns_its_database() -> None:
    assert (
        asked(PRIMARY, "CREATE TABLE access_try AS SELECT 1 AS n; DROP TABLE access_try; SELECT current_user")
        == "forge"
    )


def test_more_clients_than_connections_are_all_served() -> None:
    """Prepared statements, too, although a client gets another connection for each of its transactions."""
    member, script = cluster.replicas()[0], "/run/aurore-access.sql"
    put(member, script, "SELECT pg_sleep(0.05), :client_id;\n")
    bench = f"/usr/lib/postgresql/17/bin/pgbench --no-vacuum --protocol prepared --file {script} --client 60"
    used = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'forge'"
    with ThreadPoolExecutor(1) as pool:
        command = f"PGPASSFILE={PASSWORDS} {bench} --transactions 10 '{PRIMARY}' 2>&1; rm {script}"
        done = pool.submit(connect(member).check_output, command)
        seen = [0]
        while not done.done():
            seen.append(int(cluster.query(cluster.primary(), used)))
    assert "number of transactions actually processed: 600/600" in done.result()
    assert "number of failed transactions: 0" in done.result()
    assert 1 < max(seen) <= 18


@pytest.mark.parametrize("conninfo", [PRIMARY, REPLICAS])
def test_a_statement_can_be_cancelled(conninfo: str) -> None:
    """The wish comes by a connection of its own, which may lead to another member than the statement's."""
    psql = f"timeout --foreground --signal INT 0.7 psql --no-psqlrc --command 'SELECT pg_sleep(20)' '{conninfo}'"
    for _ in MEMBERS:
        assert "canceling statement due to user request" in connect(CLIENT).run(f"PGPASSFILE={PASSWORDS} {psql}").stderr


# --- Whom it refuses


@pytest.mark.parametrize(
    ("conninfo", "complaint"),
    [
        (f"{PRIMARY} password=wrong", "SASL authentication failed"),
        (f"{PRIMARY} sslmode=disable", "SSL required"),
        # It may hang up before the client has read why.
        (f"{PRIMARY} sslcert=/nonexistent sslkey=/nonexistent", "certificate required|EOF detected"),
        # Whom it takes for somebody else, the client leaves.
        (
            f"{PRIMARY} host={inventory()[CLIENT]['model_fqdn']} hostaddr={ADDRESSES[MEMBERS[0]]}",
            "does not match host name",
        ),
        ("service=primary dbname=drone user=forge", "no authentication method is found"),
        ("service=replicas dbname=drone user=forge", "no authentication method is found"),
        ("service=primary dbname=postgres user=forge", "no authentication method is found"),
        ("service=primary dbname=template1 user=forge", "no authentication method is found"),
        ("service=primary dbname=forge user=postgres password=wrong", "no such user"),
        ("service=primary dbname=pgbouncer user=root password=wrong", "no authentication method is found"),
    ],
)
def test_who_may_not_is_refused(conninfo: str, complaint: str) -> None:
    refused = psql(conninfo)
    assert refused.rc == 2
    assert re.search(complaint, refused.stderr), refused.stderr


def test_a_certificate_of_another_authority_is_refused() -> None:
    host, place = connect(CLIENT), "/run/aurore-access-tls"
    host.check_output(
        f"mkdir -p {place}; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
        f" -subj /CN=other -keyout {place}/key -out {place}/crt 2>/dev/null"
    )
    refused = psql(f"{PRIMARY} sslcert={place}/crt sslkey={place}/key")
    host.check_output(f"rm -r {place}")
    assert refused.rc == 2
    assert re.search("unknown ca|EOF detected", refused.stderr), refused.stderr


def test_postgresql_itself_lets_no_service_into_another_one_s_database() -> None:
    """Should PgBouncer be talked into it."""
    host = connect(cluster.primary())
    conninfo = "host=/var/run/postgresql user=forge dbname="
    assert host.run(f"PGPASSFILE={PASSWORDS} psql -Atc 'SELECT 1' '{conninfo}forge'").stdout == "1\n"
    for database in ("drone", "synapse", "nextcloud", "postgres", "template1"):
        refused = host.run(f"PGPASSFILE={PASSWORDS} psql -Atc 'SELECT 1' '{conninfo}{database}'")
        assert f'permission denied for database "{database}"' in refused.stderr


def test_pgbouncer_looks_up_what_proves_a_password_and_nothing_else() -> None:
    host, ask = connect(cluster.primary()), "psql -U pgbouncer -d postgres -h /var/run/postgresql -Atc"
    told = host.check_output(f"runuser -u pgbouncer -- {ask} \"SELECT * FROM pgbouncer.look_up('forge')\"")
    assert re.match(r"forge\|SCRAM-SHA-256\$4096:", told)
    for role in ("postgres", "replicator", "nobody"):
        assert host.check_output(f"runuser -u pgbouncer -- {ask} \"SELECT * FROM pgbouncer.look_up('{role}')\"") == ""
    assert "permission denied" in host.run(f"runuser -u pgbouncer -- {ask} 'SELECT * FROM pg_authid'").stderr
    # It is not the superuser's user, either.
    assert host.run("runuser -u pgbouncer -- psql -U postgres -h /var/run/postgresql -c 'SELECT 1'").rc == 2
    other = host.run(
        f"PGPASSFILE={PASSWORDS} psql 'host=/var/run/postgresql user=pgbouncer dbname=postgres' -c 'SELECT 1'"
    )
    assert "Peer authentication failed" in other.stderr


def test_the_console_is_for_root_and_its_figures_for_the_exporter() -> None:
    host, ask = connect(MEMBERS[0]), "psql -h /run/pgbouncer -p 6432 -d pgbouncer -Atc"
    assert host.run(f"{ask} 'SHOW CONFIG' -U root").rc == 0
    assert host.run(f"runuser -u prometheus -- {ask} 'SHOW STATS' -U exporter").rc == 0
    assert "admin access needed" in host.run(f"runuser -u prometheus -- {ask} 'RELOAD' -U exporter").stderr
    for user in ("root", "exporter"):
        assert "login rejected" in host.run(f"runuser -u postgres -- {ask} 'SHOW STATS' -U {user}").stderr


def test_what_pgbouncer_cannot_read_does_not_replace_what_it_has() -> None:
    host = connect(MEMBERS[0])
    for kind, path, wrong in (
        ("ini", "pgbouncer.ini", "pool_mode = any"),
        ("hba", "hba.conf", "hostssl forge forge all x"),
    ):
        assert host.run(f"pgbouncer-judge {kind} /etc/pgbouncer/{path}").rc == 0
        host.check_output(f"(cat /etc/pgbouncer/{path}; echo '{wrong}') >/run/aurore-access.conf")
        refused = host.run(f"pgbouncer-judge {kind} /run/aurore-access.conf")
        assert refused.rc == 1
        assert re.search("ERROR|WARNING", refused.stderr)
    host.check_output("rm /run/aurore-access.conf")


# --- Figures


def test_haproxy_tells_its_figures_to_whom_it_knows() -> None:
    for name in MEMBERS:
        url = f"https://{inventory()[name]['model_fqdn']}:8404/metrics"
        told = connect(MONITORING).check_output(f"curl --silent --fail --max-time 5 {OURS} {url}")
        up = {*re.findall(r'haproxy_server_status{proxy="primary",server="([\w-]+)",state="UP"} 1', told)}
        assert up == {cluster.primary()}
        refused = connect(MONITORING).run(f"curl --silent --show-error --cacert /etc/aurore/tls/ca.crt {url}")
        assert "certificate required" in refused.stderr
