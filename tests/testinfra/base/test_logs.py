"""What a host writes is on the log host, whatever happens to either; and nobody else can write there."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ..conftest import LAB, SSH_CONFIG, connect, eventually, inventory, lab, run

if TYPE_CHECKING:
    from testinfra.host import Host


def kept(name: str, word: str, *options: str) -> list[str]:
    """The log host's lines of a host that hold a word."""
    journal = f"--directory /var/log/journal/remote/{name}.adm.auro.re"
    found = connect("log").run(f"journalctl --quiet --output=short {journal} {' '.join(options)} --grep {word}")
    return found.stdout.splitlines()


def test_what_a_host_writes_is_on_the_log_host(each: Host) -> None:
    word = secrets.token_hex(8)
    each.check_output(f"logger -p daemon.info {word}")
    assert eventually(lambda: kept(each.backend.get_hostname(), word))


def test_a_host_cannot_write_as_another() -> None:
    """It says that it is mail; the log host goes by its certificate."""
    word = secrets.token_hex(8)
    fields = {
        "__REALTIME_TIMESTAMP": "1795459000000000",
        "__MONOTONIC_TIMESTAMP": "1000000",
        "_BOOT_ID": "0123456789abcdef0123456789abcdef",
        "_HOSTNAME": "mail",
        "MESSAGE": f"forged {word}",
    }
    forged = "".join(f"{name}={value}\\n" for name, value in fields.items()) + "\\n"
    sent = connect("www").run(f"printf '{forged}' | {curl(OURS)}")
    assert sent.stdout.endswith("202"), sent.stderr
    assert eventually(lambda: kept("www", word))
    assert kept("mail", word) == []


def test_a_root_session_is_recorded_with_its_certificate() -> None:
    certificate = run("ssh-keygen", "-L", "-f", str(LAB / "ssh/id_ed25519-cert.pub")).stdout
    identity = re.findall(r"Key ID: (\".*\")", certificate)[0]
    serial = re.findall(r"Serial: (\d+)", certificate)[0]
    run("ssh", "-F", str(SSH_CONFIG), "-o", "ControlPath=none", "git", "true")

    def by_sshd() -> list[str]:
        return [line for line in kept("git", "Accepted") if f"ID {identity.strip('"')} (serial {serial}) CA" in line]

    def by_us() -> list[str]:
        lines = kept("git", "opened", "--identifier=record-session")
        return [line for line in lines if f"id={identity} serial={serial} " in line]

    assert eventually(by_sshd)
    assert eventually(by_us), kept("git", "session", "--identifier=record-session")


def test_who_wipes_a_host_s_logs_does_not_wipe_the_log_host_s() -> None:
    host, word = connect("ci"), secrets.token_hex(8)
    host.check_output(f"logger -p authpriv.notice {word}")
    assert eventually(lambda: kept("ci", word))
    host.check_output("journalctl --rotate && rm -rf /var/log/journal/*/* && systemctl restart systemd-journald")
    assert word not in host.run("journalctl --no-pager").stdout
    assert kept("ci", word)
    # And what the host writes from then on arrives as before.
    again = secrets.token_hex(8)
    host.check_output(f"logger {again}")
    assert eventually(lambda: kept("ci", again), 60)


def test_nothing_is_lost_while_the_log_host_is_away() -> None:
    host, word = connect("dns"), secrets.token_hex(8)
    lab("unplug", "log")
    try:
        host.check_output(f"for n in $(seq 200); do echo {word}-$n; done | logger -p daemon.info")
        # What waits survives a restart of who sends it.
        host.check_output("systemctl restart systemd-journal-upload")
    finally:
        lab("plug", "log")
    wanted = {f"{word}-{number}" for number in range(1, 201)}

    def missing() -> set[str]:
        return wanted - {line.split()[-1] for line in kept("dns", word)}

    assert eventually(lambda: not missing(), 120), sorted(missing())


OURS = "--cert /etc/aurore/tls/host.crt --key /etc/aurore/tls/host.key"


def curl(options: str) -> str:
    """A sender's request, from a host that the firewall lets through: prints the status of the answer."""
    address = inventory()["log"]["model_interfaces"][0]["ipv4"]
    return (
        "curl --silent --show-error --max-time 10 --output /dev/null --write-out '%{http_code}' "
        f"--cacert /etc/aurore/tls/ca.crt {options} --header 'Content-Type: application/vnd.fdo.journal' "
        f"--data-binary @- https://{address}:19532/upload"
    )


def test_who_has_no_certificate_of_ours_cannot_write() -> None:
    host = connect("www")
    host.check_output(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=www.adm.auro.re "
        "-keyout /tmp/foreign.key -out /tmp/foreign.crt 2>/dev/null"
    )
    try:
        assert host.run(f"{curl('')} < /dev/null").stdout == "400"
        assert host.run(f"{curl('--cert /tmp/foreign.crt --key /tmp/foreign.key')} < /dev/null").stdout == "400"
        assert host.run(f"{curl(OURS)} < /dev/null").stdout.endswith("202")
    finally:
        host.check_output("rm /tmp/foreign.key /tmp/foreign.crt")


def test_a_host_that_is_no_longer_in_the_model_cannot_write() -> None:
    host = connect("www")
    subject = "-subj /CN=gone.adm.auro.re"
    host.check_output(
        f"openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes {subject} "
        "-keyout /tmp/gone.key -out /tmp/gone.csr 2>/dev/null"
    )
    try:
        request = host.check_output("cat /tmp/gone.csr")
        host.check_output(f"cat >/tmp/gone.crt <<'E'\n{signed(request)}\nE")
        assert host.run(f"{curl('--cert /tmp/gone.crt --key /tmp/gone.key')} < /dev/null").stdout == "403"
    finally:
        host.check_output("rm /tmp/gone.*")


def signed(request: str) -> str:
    """A certificate for a request, by the lab's TLS authority."""
    store = {"PASSWORD_STORE_DIR": str(LAB / "pass"), "GNUPGHOME": str(LAB / "gnupg")}
    key = run("pass", "show", "tls/authority", env=store).stdout
    about = ["openssl", "x509", "-req", "-days", "1", "-CA", str(LAB / "tls_authority.pem"), "-CAkey", "/dev/stdin"]
    with TemporaryDirectory() as directory:
        Path(directory, "csr").write_text(request)
        return run(*about, "-in", f"{directory}/csr", input=key).stdout


def test_a_sender_refuses_a_log_host_with_another_authority_s_certificate() -> None:
    host = connect("www")
    done = host.run(f"{curl(OURS).replace('/etc/aurore/tls/ca.crt', '/etc/ssl/certs/ca-certificates.crt')} < /dev/null")
    assert done.rc == 60
    assert "certificate" in done.stderr


def test_only_root_and_the_journal_s_group_read_them() -> None:
    log = connect("log")
    for path in log.check_output("find /var/log/journal/remote").split():
        found = log.file(path)
        assert (found.user, found.group) == ("systemd-journal-remote", "systemd-journal")
        assert found.mode & 0o007 == 0
