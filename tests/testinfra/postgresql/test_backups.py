"""Backups: they are made, nobody else can read them, and what a rehearsed restore tells is true."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from ..conftest import LAB, connect, eventually, inventory, run
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


FIRST_BYTES = f"""
from pathlib import Path
for path in Path("{STORE}").rglob("*"):
    if path.is_file() and path.stat().st_size:
        print(path, path.read_bytes()[:8].hex())
"""


def said() -> dict[str, Any]:
    """What the repository has of the cluster."""
    found = connect(REPOSITORY).check_output(f"{AS_ITS_USER} pgbackrest --stanza=aurore --output=json info")
    stanza: dict[str, Any] = json.loads(found)[0]
    return stanza


def now() -> str:
    """The primary's time, with its zone."""
    asked = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00:00')"
    return cluster.query(cluster.primary(), asked).strip()


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
    # What is compressed would hide it, too. So what is text has the mark of what is encrypted, and the rest has not
    # that of what is compressed.
    files = dict(line.split() for line in host.check_output("python3 -c %s", FIRST_BYTES).splitlines())
    assert len(files) > 10
    salted, compressed = b"Salted__".hex(), "28b52ffd"
    assert [name for name, start in files.items() if start.startswith(compressed)] == []
    texts = [name for name in files if "/bundle/" not in name and "/pg_data/" not in name]
    assert [name for name in texts if files[name] != salted] == []
    assert host.run(f"find {STORE} -not -type l -perm /007 | grep .").rc == 1


def test_the_passphrase_is_in_one_file_and_on_no_command_line() -> None:
    passphrase = cluster.secret("pgbackrest/cipher")
    configuration = connect(REPOSITORY).file("/etc/pgbackrest/pgbackrest.conf")
    assert configuration.contains(passphrase)
    assert (configuration.user, configuration.group, configuration.mode) == ("root", "pgbackrest", 0o640)
    for name in (REPOSITORY, *MEMBERS):
        assert passphrase not in connect(name).check_output("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
    for name in MEMBERS:
        assert passphrase not in connect(name).check_output("cat /etc/pgbackrest/*.conf /etc/aurore/*.json")


AS_POSTGRES = "setpriv --reuid=postgres --regid=postgres --groups=tls --reset-env --"


def asked(certificate: str, key: str, stanza: str = "aurore") -> str:
    """What the repository says to whoever comes with a certificate. The firewall lets members alone come so far."""
    where = f"--repo1-host={inventory()[REPOSITORY]['model_fqdn']} --repo1-host-type=tls"
    files = f"--repo1-host-cert-file={certificate} --repo1-host-key-file={key}"
    authority = "--repo1-host-ca-file=/etc/aurore/tls/ca.crt"
    command = f"pgbackrest --no-config --stanza={stanza} --log-level-file=off {where} {authority} {files} info"
    said = connect(MEMBERS[0]).run(f"{AS_POSTGRES} {command}")
    return str(said.stdout + said.stderr)


@pytest.fixture
def key() -> Iterator[str]:
    """A key on a member, with a request for a certificate beside it."""
    host, path = connect(MEMBERS[0]), "/var/tmp/for-backups"
    new = "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=gone.example.org"
    host.check_output(f"{new} -keyout {path}.key -out {path}.csr 2>&1 && chown postgres {path}.key")
    yield path
    host.check_output(f"rm {path}.*")


def test_members_are_let_in() -> None:
    assert "status: ok" in asked("/etc/aurore/tls/host.crt", "/etc/aurore/tls/host.key")
    # For their own cluster.
    assert "access denied" in asked("/etc/aurore/tls/host.crt", "/etc/aurore/tls/host.key", "other")


def test_whoever_signed_their_own_certificate_is_refused(key: str) -> None:
    connect(MEMBERS[0]).check_output(f"openssl x509 -req -days 1 -in {key}.csr -key {key}.key -out {key}.crt 2>&1")
    assert "unknown ca" in asked(f"{key}.crt", f"{key}.key")


def test_who_is_no_member_is_refused_with_a_certificate_of_ours(key: str) -> None:
    signed = sign(connect(MEMBERS[0]).check_output(f"cat {key}.csr"))
    connect(MEMBERS[0]).check_output(f"cat >{key}.crt <<'E'\n{signed}\nE")
    assert "access denied" in asked(f"{key}.crt", f"{key}.key")


def sign(request: str) -> str:
    """A certificate for a request, by the lab's TLS authority."""
    authority = str(LAB / "tls_authority.pem")
    about = ["openssl", "x509", "-req", "-days", "1", "-CA", authority, "-CAkey", "/dev/stdin"]
    store = {"PASSWORD_STORE_DIR": f"{LAB}/pass", "GNUPGHOME": f"{LAB}/gnupg"}
    with TemporaryDirectory() as directory:
        Path(directory, "csr").write_text(request)
        private = run("pass", "show", "tls/authority", env=store).stdout
        return run(*about, "-in", f"{directory}/csr", input=private).stdout


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
    host.check_output("systemctl kill --kill-whom=main --signal=KILL for-backups")
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
    moment = now()
    cluster.query(primary, "DROP TABLE dropped")
    words = ["-e", json.dumps({"restore_to": moment, "database": "postgres"})]
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
