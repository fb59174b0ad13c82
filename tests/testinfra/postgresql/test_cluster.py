"""A cluster that is whole: what it promises, and whom it lets in."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest

from ..conftest import SSH_CONFIG, connect, inventory, run
from . import cluster
from .cluster import ADDRESSES, CLIENT, MEMBERS, OURS

# etcd, its peers, PostgreSQL, PgBouncer and Patroni: for members alone.
INSIDE = {2379, 2380, 5432, 6432, 8008}
OPEN = {port for opening in inventory()[MEMBERS[0]]["model_openings"] for port in opening["ports"]}
PROBE = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor

def answers(port):
    try:
        socket.create_connection((sys.argv[1], port), timeout=2).close()
    except TimeoutError:
        return False
    return True

ports = {*map(int, sys.argv[2:])}
with ThreadPoolExecutor(len(ports)) as pool:
    print(*(port for port, here in zip(ports, pool.map(answers, ports)) if here))
"""


def answers(host: str, address: str, *ports: int) -> set[int]:
    """The ports at an address that a host gets to; the others say nothing at all."""
    command = f"python3 -c %s {address} {' '.join(map(str, ports))}"
    return {*map(int, connect(host).check_output(command, PROBE).split())}


def test_all_is_well() -> None:
    cluster.await_health()


# --- What it promises


def test_an_acknowledged_commit_is_on_two_hosts() -> None:
    primary = cluster.primary()
    names = cluster.query(primary, "SHOW synchronous_standby_names")
    others = {name for name in MEMBERS if name != primary}
    assert re.match(r"ANY 1 \(", names)
    assert {*re.findall(r'"(.+?)"', names)} == others
    states = cluster.query(primary, "SELECT application_name, sync_state FROM pg_stat_replication")
    assert {*states.split()} == {f"{name}|quorum" for name in others}
    assert cluster.query(primary, "SHOW synchronous_commit") == "on"
    # Patroni would rather stop all writes than let one host alone acknowledge them.
    configuration = cluster.patronictl(primary, "show-config")
    assert "synchronous_mode: quorum" in configuration
    assert "synchronous_mode_strict: true" in configuration


def test_pages_have_checksums_and_can_be_rewound() -> None:
    for setting in ("data_checksums", "wal_log_hints", "full_page_writes", "fsync"):
        assert {*cluster.each_member(partial(cluster.query, sql=f"SHOW {setting}")).values()} == {"on"}


def test_replicas_prove_who_they_are() -> None:
    primary = cluster.primary()
    shown = cluster.query(
        primary,
        "SELECT application_name, usename, version, client_dn FROM pg_stat_replication JOIN pg_stat_ssl USING (pid)",
    )
    names = {name: inventory()[name]["model_fqdn"] for name in MEMBERS if name != primary}
    assert {*shown.splitlines()} == {f"{name}|replicator|TLSv1.3|/CN={fqdn}" for name, fqdn in names.items()}


# --- Whom it lets in


def test_clients_get_to_the_two_entrances_and_to_nothing_else() -> None:
    for address in ADDRESSES.values():
        assert answers(CLIENT, address, *OPEN) == {5000, 5001}


def test_members_get_to_each_other() -> None:
    for address in ADDRESSES.values():
        assert answers(MEMBERS[0], address, *INSIDE) == {*INSIDE}


@pytest.mark.parametrize(
    ("service", "wanted"), [("backup_repository", {8432}), ("prometheus", {2381, 8008, 8404, 9100, 9127, 9187})]
)
def test_others_get_to_what_they_need_and_to_nothing_else(service: str, wanted: set[int]) -> None:
    other = next(name for name, variables in inventory().items() if service in variables["model_services"])
    for name in MEMBERS:
        assert answers(other, inventory()[name]["ansible_host"], *OPEN) == wanted


def test_nothing_listens_that_the_model_does_not_open() -> None:
    for name in MEMBERS:
        sockets = connect(name).check_output("ss --no-header --listening --tcp --numeric").splitlines()
        listening = [line.split()[3].rsplit(":", 1) for line in sockets]
        elsewhere = {int(port) for address, port in listening if not re.match(r"127\.|\[::1\]", address)}
        assert elsewhere - {*OPEN} == set(), name


@pytest.mark.parametrize("port", [2379, 2380, 8008])
def test_without_a_certificate_nobody_is_heard(port: int) -> None:
    host, address = connect(MEMBERS[0]), ADDRESSES[MEMBERS[1]]
    assert host.run(f"curl --http1.1 --silent --max-time 5 {OURS} --output /dev/null https://{address}:{port}/").rc == 0
    ours = "--cacert /etc/aurore/tls/ca.crt"
    refused = host.run(f"curl --silent --show-error --max-time 5 {ours} https://{address}:{port}/")
    assert refused.rc in {55, 56}, refused
    assert re.search("certificate required|reset by peer", refused.stderr)
    plain = host.run(
        f"curl --silent --max-time 5 --output /dev/null --write-out '%{{http_code}}' http://{address}:{port}/"
    )
    assert (plain.rc, plain.stdout) != (0, "200")


def test_patroni_does_nothing_without_the_password() -> None:
    host, primary = connect(MEMBERS[0]), cluster.primary()
    ask = f"curl --silent --max-time 5 {OURS} --output /dev/null --write-out '%{{http_code}}'"
    for method, path in (("POST", "restart"), ("POST", "switchover"), ("PATCH", "config"), ("DELETE", "restart")):
        url = f"https://{ADDRESSES[primary]}:8008/{path}"
        assert host.check_output(f"{ask} --request {method} --data '{{}}' {url}") == "401", path


def test_etcd_says_nothing_without_a_password() -> None:
    host = connect(MEMBERS[0])
    ask = "set -a; . /etc/etcd/etcdctl.env; unset ETCDCTL_USER; etcdctl"
    for words in ("get --prefix /postgresql/", "put /postgresql/aurore/leader other", "user list"):
        refused = host.run(f"{ask} {words}")
        assert refused.rc != 0
        assert re.search("user name is empty|permission denied", refused.stderr)


def etcd_tells(user: str, words: str) -> str:
    """What etcd answers to one of its users, or why it does not."""
    ask = f"set -a; . /etc/etcd/etcdctl.env; read -r word; ETCDCTL_USER={user}:$word etcdctl {words} 2>&1"
    argv = ("ssh", "-F", str(SSH_CONFIG), MEMBERS[0], ask)
    return run(*argv, check=False, input=f"{cluster.secret(f'etcd/{user}')}\n").stdout


def test_patroni_reads_no_more_of_etcd_than_its_own() -> None:
    keys = "get --keys-only --prefix"
    assert "/postgresql/aurore/leader" in etcd_tells("patroni", f"{keys} /postgresql/aurore/")
    assert "permission denied" in etcd_tells("patroni", f"{keys} /postgresql/aur")
    assert "permission denied" in etcd_tells("patroni", f"{keys} /")


def test_the_fence_changes_no_settings_of_the_cluster() -> None:
    assert "archive_command" in etcd_tells("fence", "get /postgresql/aurore/config")
    for name in ("config", "sync", "initialize", "failsafe"):
        assert "permission denied" in etcd_tells("fence", f"del /postgresql/aurore/{name}"), name


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ("sslmode=disable", "no encryption"),
        ("sslmode=require", "no pg_hba.conf entry"),
        ("sslmode=require user=replicator", "no pg_hba.conf entry"),
        ("sslmode=require user=rewind", "requires a valid client certificate"),
    ],
)
def test_postgresql_lets_in_only_members_with_their_certificate(parameters: str, complaint: str) -> None:
    host = connect(MEMBERS[0])
    wanted = f"host={ADDRESSES[MEMBERS[1]]} dbname=postgres user=postgres {parameters}"
    refused = host.run(f"psql --no-psqlrc --command 'SELECT 1' '{wanted}'")
    assert refused.rc == 2
    assert complaint in refused.stderr


def test_members_of_the_cluster_agree_in_etcd() -> None:
    seen = cluster.etcd_members(MEMBERS[0])
    assert sorted(seen) == MEMBERS
    assert len({one["leader"] for one in seen.values()}) == 1
    listed = json.loads(cluster.etcdctl(MEMBERS[0], "member list --write-out=json"))["members"]
    urls = [url for one in listed for url in (*one["peerURLs"], *one["clientURLs"])]
    assert [url for url in urls if not url.startswith("https://")] == []
