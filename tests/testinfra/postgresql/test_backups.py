"""Backups: they are made, nobody else can read them, and what a rehearsed restore tells is true."""

from __future__ import annotations

import json
import secrets
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from ..conftest import connect, eventually, inventory, run
from . import cluster
from .cluster import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY: str = next(
    name for name, variables in inventory().items() if "backup_repository" in variables["model_services"]
)
STORE = "/var/lib/pgbackrest"
AS_ITS_USER = "setpriv --reuid=pgbackrest --regid=pgbackrest --groups=tls --reset-env --"
METRICS = "/var/lib/prometheus/node-exporter"


def said() -> dict[str, Any]:
    """What the repository has of the cluster."""
    found = connect(REPOSITORY).check_output(f"{AS_ITS_USER} pgbackrest --stanza=aurore --output=json info")
    stanza: dict[str, Any] = json.loads(found)[0]
    return stanza


def metrics(host: str, name: str) -> dict[str, float]:
    """What a file tells monitoring."""
    text = connect(host).run(f"grep --invert-match '^#' {METRICS}/{name}.prom").stdout
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines()}


def backup(kind: str) -> None:
    """Make a backup, as its timer does."""
    connect(REPOSITORY).check_output(f"systemctl start pgbackrest-backup@{kind}.service")


@pytest.fixture(scope="module")
def word() -> Iterator[str]:
    """A row that all members have, and which is in a backup."""
    one = secrets.token_hex(16)
    primary = cluster.primary()
    cluster.query(primary, f"CREATE TABLE for_backups (word text); INSERT INTO for_backups VALUES ('{one}')")
    backup("diff")
    yield one
    cluster.query(cluster.primary(), "DROP TABLE for_backups")


# --- They are made


@pytest.mark.usefixtures("word")
def test_a_backup_is_made_and_told() -> None:
    latest = said()["backup"][-1]
    assert latest["type"] == "diff"
    assert not latest["error"]
    told = metrics(REPOSITORY, "backup-diff")
    assert told['aurore_backup_job_success{job_name="diff"}'] == 1
    assert told['aurore_backup_job_last_success_timestamp_seconds{job_name="diff"}'] >= latest["timestamp"]["stop"]


@pytest.mark.usefixtures("word")
def test_a_replica_has_the_work() -> None:
    told = connect(REPOSITORY).check_output("journalctl --unit=pgbackrest-backup@diff --lines=60 --output=cat")
    assert "replay on the standby reached" in told


def test_the_log_arrives_within_seconds() -> None:
    primary = cluster.primary()
    cluster.query(primary, "SELECT pg_create_restore_point('for-backups')")
    segment = cluster.query(primary, "SELECT pg_walfile_name(pg_switch_wal())").strip()
    archive = f"{STORE}/archive/aurore"
    assert eventually(lambda: connect(REPOSITORY).run(f"find {archive} -name '{segment}-*' | grep .").rc == 0, 15)
    connect(REPOSITORY).check_output("systemctl start pgbackrest-check.service")
    assert metrics(REPOSITORY, "backup-check")['aurore_backup_job_success{job_name="check"}'] == 1


def test_a_new_primary_goes_on_with_the_log() -> None:
    before = cluster.primary()
    cluster.switch_over(cluster.replicas()[0])
    cluster.await_health()
    assert cluster.primary() != before
    test_the_log_arrives_within_seconds()


def test_what_a_timer_does_is_due() -> None:
    timers = connect(REPOSITORY).check_output("systemctl list-timers --output=json 'pgbackrest-*'")
    units = {one["unit"]: one["next"] for one in json.loads(timers)}
    assert {name.removesuffix(".timer") for name in units} == {
        f"pgbackrest-{name}" for name in ("full", "differential", "follow", "check", "verify")
    }
    assert all(units.values())


# --- Nobody else can read them


def test_what_is_on_the_disk_is_encrypted(word: str) -> None:
    host = connect(REPOSITORY)
    assert host.run(f"grep --recursive --quiet --text {word} {STORE}").rc == 1
    files = host.check_output(f"find {STORE} -type f -size +0").splitlines()
    assert len(files) > 10
    # The history of timelines is in the archive as well, and manifests beside the backups: all of them begin with salt.
    plain = [name for name in files if host.run(f"head --bytes=8 {shlex.quote(name)}").stdout != "Salted__"]
    assert plain == []
    assert host.run(f"find {STORE} -perm /007 | grep .").rc == 1


def test_the_passphrase_is_in_one_file_and_on_no_command_line() -> None:
    passphrase = cluster.secret("pgbackrest/cipher")
    configuration = connect(REPOSITORY).file("/etc/pgbackrest/pgbackrest.conf")
    assert configuration.contains(passphrase)
    assert (configuration.user, configuration.group, configuration.mode) == ("root", "pgbackrest", 0o640)
    for name in (REPOSITORY, *MEMBERS):
        assert passphrase not in connect(name).check_output("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
    for name in MEMBERS:
        assert passphrase not in connect(name).check_output("cat /etc/pgbackrest/*.conf /etc/aurore/*.json")


OURS = "-cert /etc/aurore/tls/host.crt -key /etc/aurore/tls/host.key"


def noop(host: str, to: str, certificate: str = OURS, authority: str = "/etc/aurore/tls/ca.crt") -> str:
    """What a server of pgBackRest's says to whoever asks it for nothing."""
    # It is told a command, as pgBackRest tells it.
    request = r"""printf '{"cmd":"config","param":[["info","--stanza=aurore"],0]}\n'; sleep 1"""
    address = inventory()[to]["model_fqdn"]
    client = f"timeout 10 openssl s_client -quiet -verify_return_error -CAfile {authority} {certificate}"
    return str(connect(host).run(f"({request}) | {client} -connect {address}:8432 2>&1").stdout)


def test_who_is_no_member_is_refused() -> None:
    """The firewall lets nobody else come so far: they ask from where a member asks."""
    member, other = MEMBERS[0], connect(MEMBERS[0])
    assert '"name":"pgBackRest"' in noop(member, REPOSITORY)
    assert "alert" in noop(member, REPOSITORY, certificate="")
    subject = "-subj /CN=postgresql.example.org"
    other.check_output(
        f"cd /tmp && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 {subject} "
        "-keyout foreign.key -out foreign.crt 2>/dev/null"
    )
    try:
        assert "alert" in noop(member, REPOSITORY, "-cert /tmp/foreign.crt -key /tmp/foreign.key")
    finally:
        other.check_output("rm /tmp/foreign.*")


def test_a_member_does_not_let_another_read_it() -> None:
    """Its certificate is ours, but not the repository's."""
    told = connect(MEMBERS[0]).run(
        "setpriv --reuid=postgres --regid=postgres --groups=tls --reset-env -- pgbackrest --stanza=other info"
    )
    assert "access denied" in told.stdout + told.stderr


# --- What a rehearsal tells


def rehearse(host: str) -> int:
    """Rehearse on a replica, whosever turn it is; how that ended."""
    return int(connect(host).run("restore-drill drill --here; status=$?; restore-drill cleanup; exit $status").rc)


def restored(host: str) -> dict[str, float]:
    """What a member tells of its last rehearsal."""
    told = metrics(host, "postgresql-restore")
    return {name.removeprefix("aurore_restore_drill_"): value for name, value in told.items()}


@pytest.mark.usefixtures("word")
def test_one_replica_rehearses() -> None:
    """As the timers start them: all at the same time, and one of them works."""
    for name in MEMBERS:
        connect(name).check_output("systemctl start --no-block restore-drill.service")
    active = "systemctl is-active restore-drill.service"
    assert eventually(lambda: {connect(name).run(active).stdout for name in MEMBERS} == {"inactive\n"}, 120)
    worked = [name for name in MEMBERS if "success" in restored(name)]
    assert len(worked) == 1
    assert worked[0] in cluster.replicas()
    told = restored(worked[0])
    assert told["success"] == 1
    assert told["tables"] > 100
    assert told["rows"] > 1000
    assert told["last_success_timestamp_seconds"] == told["last_run_timestamp_seconds"]
    assert connect(worked[0]).run("ls /var/lib/postgresql/drill").rc != 0


@pytest.mark.usefixtures("word")
def test_a_rehearsal_while_others_write() -> None:
    """What is compared is of one moment, whatever is written meanwhile."""
    replica, primary = cluster.replicas()[0], connect(cluster.primary())
    bench = "cd / && runuser -u postgres -- /usr/lib/postgresql/17/bin/pgbench"
    cluster.query(cluster.primary(), "CREATE DATABASE for_backups")
    try:
        primary.check_output(f"{bench} --initialize --quiet for_backups 2>&1")
        busy = f"systemd-run --unit=for-backups --collect sh -c '{bench} --client=4 --time=60 for_backups'"
        primary.check_output(busy)
        assert rehearse(replica) == 0
        assert restored(replica)["success"] == 1
    finally:
        primary.check_output("systemctl stop for-backups")
        cluster.query(cluster.primary(), "DROP DATABASE for_backups WITH (FORCE)")


@pytest.mark.usefixtures("word")
def test_a_rehearsal_of_a_damaged_backup_fails() -> None:
    host, replica = connect(REPOSITORY), cluster.replicas()[0]
    assert rehearse(replica) == 0
    before = restored(replica)["last_success_timestamp_seconds"]
    label = said()["backup"][-1]["label"]
    # The largest file of it: in the middle of what was written a byte is another one.
    find = f"find {STORE}/backup/aurore/{label} -type f -name '*[0-9]' -printf '%s %p\\n' | sort -n | tail -1"
    size, path = host.check_output(find).split(maxsplit=1)
    host.check_output(f"cp --preserve {path} /var/tmp/undamaged")
    try:
        damage = f"printf '\\xff\\x00\\xff\\x00' | dd of={path} bs=1 seek={int(size) // 2} conv=notrunc status=none"
        host.check_output(damage)
        assert rehearse(replica) == 1
        told = restored(replica)
        assert told["success"] == 0
        assert told["last_success_timestamp_seconds"] == before
        # And the repository finds it, too.
        assert host.run("systemctl start pgbackrest-verify.service").rc != 0
        assert metrics(REPOSITORY, "backup-verify")['aurore_backup_job_success{job_name="verify"}'] == 0
    finally:
        host.check_output(f"cp --preserve /var/tmp/undamaged {path} && rm /var/tmp/undamaged")
    host.check_output("systemctl start pgbackrest-verify.service")
    assert rehearse(replica) == 0
    assert restored(replica)["success"] == 1


@pytest.mark.usefixtures("word")
def test_a_rehearsal_that_is_killed_has_failed_and_hinders_nobody() -> None:
    replica = cluster.replicas()[0]
    host = connect(replica)
    host.check_output("systemd-run --unit=for-backups --property=ExecStopPost='/usr/local/sbin/restore-drill cleanup'"
                      " /usr/local/sbin/restore-drill drill --here")  # fmt: skip
    assert eventually(lambda: host.run("test -e /var/lib/postgresql/drill/data/PG_VERSION").rc == 0, 60)
    host.check_output("systemctl kill --signal=KILL for-backups")
    assert eventually(lambda: host.run("systemctl is-active for-backups").stdout.strip() in {"failed", "inactive"}, 60)
    host.run("systemctl reset-failed for-backups")
    assert restored(replica)["success"] == 0
    assert host.run("ls /var/lib/postgresql/drill").rc != 0
    assert host.run("pgrep --full /var/lib/postgresql/drill").rc == 1
    cluster.await_health()
    assert rehearse(replica) == 0


# --- What is taken out


def test_a_table_that_was_dropped_is_had_back(word: str) -> None:
    """Beside the running cluster, which goes on."""
    primary = cluster.primary()
    cluster.query(primary, f"CREATE TABLE dropped AS SELECT '{word}' AS word, n FROM generate_series(1, 1000) AS n")
    moment = cluster.query(primary, "SELECT now() + interval '1 ms'").strip()
    cluster.query(primary, "DROP TABLE dropped; SELECT pg_switch_wal()")
    words = ["-e", json.dumps({"restore_to": f"{moment}:00" if moment[-3] in "+-" else moment, "database": "postgres"})]
    playbook = "playbooks/operations/extract_from_backup.yml"
    done = run(
        "ansible-playbook", "-i", "inventory/lab.yml", playbook, *words, "-e", "table=public.dropped", check=False
    )
    assert done.returncode == 0, done.stdout
    host = connect(primary)
    dump = host.check_output("ls -t /var/lib/postgresql/extracts/*.dump | head -1")
    try:
        host.check_output(f"cd / && runuser -u postgres -- pg_restore --dbname=postgres {dump}")
        assert cluster.query(primary, "SELECT count(*), min(word) FROM dropped").strip() == f"1000|{word}"
    finally:
        host.check_output(f"rm {dump}")
        cluster.query(primary, "DROP TABLE IF EXISTS dropped")
