"""Backups: they are made, and nobody else can read them."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from ..conftest import LAB, connect, inventory, run
from . import cluster
from .cluster import MEMBERS
from .repository import REPOSITORY, STORE, a_row_with_a_backup, metrics, said, the_log_arrives

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST_BYTES = f"""
from pathlib import Path
for path in Path("{STORE}").rglob("*"):
    if path.is_file() and path.stat().st_size:
        print(path, path.read_bytes()[:8].hex())
"""


@pytest.fixture(scope="module")
def word() -> Iterator[str]:
    """A row that all members have, and which is in a backup."""
    with a_row_with_a_backup() as one:
        yield one


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
    the_log_arrives()


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
