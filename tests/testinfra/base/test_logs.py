"""What a host writes is on the log host, whatever happens to either; and nobody else can write there."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest
from testinfra.host import Host

from ..conftest import LAB, SSH_CONFIG, Variables, connect, eventually, lab, run


def kept(name: str, word: str, file: str = "all") -> str:
    """The log host's lines of a host that hold a word."""
    found: str = connect("log").run(f"grep -rhs -e {word} /var/log/fleet/{name}.adm.auro.re/{file}.log").stdout
    return found


def test_what_a_host_writes_is_on_the_log_host(each: Host) -> None:
    word = secrets.token_hex(8)
    each.check_output(f"logger -p daemon.info {word}")
    assert eventually(lambda: word in kept(each.backend.get_hostname(), word))


def test_the_log_host_knows_a_sender_by_its_address_and_not_by_its_words() -> None:
    word = secrets.token_hex(8)
    # A host that claims to be another.
    connect("www").check_output(f"printf '<30>Jan  1 00:00:00 mail forged: {word}' | nc -u -U /dev/log -w1 || logger {word}")
    assert eventually(lambda: word in kept("www", word))
    assert kept("mail", word) == ""


def test_a_root_session_is_recorded_with_its_certificate() -> None:
    certificate = run("ssh-keygen", "-L", "-f", str(LAB / "ssh/id_ed25519-cert.pub")).stdout
    identity = re.findall(r"Key ID: (\".*\")", certificate)[0]
    serial = re.findall(r"Serial: (\d+)", certificate)[0]
    run("ssh", "-F", str(SSH_CONFIG), "-o", "ControlPath=none", "git", "true")

    def by_sshd() -> list[str]:
        lines = kept("git", "Accepted", "auth").splitlines()
        return [line for line in lines if f"ID {identity.strip('\"')} (serial {serial}) CA" in line]

    def by_us() -> list[str]:
        lines = kept("git", "record-session", "auth").splitlines()
        return [line for line in lines if f"id={identity} serial={serial} " in line and "opened" in line]

    assert eventually(by_sshd)
    assert eventually(by_us), kept("git", "record-session", "auth")


def test_who_wipes_a_host_s_logs_does_not_wipe_the_log_host_s() -> None:
    host, word = connect("ci"), secrets.token_hex(8)
    host.check_output(f"logger -p authpriv.notice {word}")
    assert eventually(lambda: word in kept("ci", word, "auth"))
    host.check_output("journalctl --rotate && journalctl --vacuum-time=1s && rm -rf /var/spool/rsyslog/* /var/log/journal/*/*")
    assert word not in host.run("journalctl --no-pager").stdout
    assert word in kept("ci", word, "auth")
    host.check_output("systemctl restart systemd-journald rsyslog")


def test_nothing_is_lost_while_the_log_host_is_away() -> None:
    host, word = connect("dns"), secrets.token_hex(8)
    lab("unplug", "log")
    try:
        host.check_output(f"for n in $(seq 200); do echo {word}-$n; done | logger -p daemon.info")
        # What waits survives a restart of who keeps it.
        host.check_output("systemctl restart rsyslog")
    finally:
        lab("plug", "log")
    wanted = {f"{word}-{number}" for number in range(1, 201)}

    def missing() -> set[str]:
        return wanted - set(re.findall(rf"{word}-\d+", kept("dns", word)))

    assert eventually(lambda: not missing(), 120), sorted(missing())




@pytest.mark.parametrize("kind", ["without a certificate", "with another authority's"])
def test_who_has_no_certificate_of_ours_cannot_write(fleet: dict[str, Variables], kind: str, tmp_path: Path) -> None:
    """Tried from a host that the firewall lets through, with the handshake that a sender would make."""
    host, address = connect("www"), fleet["log"]["model_interfaces"][0]["ipv4"]
    options = ""
    if kind != "without a certificate":
        key, certificate = "/tmp/foreign.key", "/tmp/foreign.crt"
        host.check_output(
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=www.adm.auro.re "
            f"-keyout {key} -out {certificate} 2>/dev/null"
        )
        options = f"-cert {certificate} -key {key}"
    # RELP's greeting: a server that trusts us answers with "1 rsp".
    greeting = "printf '1 open 38 relp_version=0\\nrelp_software=x\\ncommands=syslog\\n'; sleep 3"
    command = f"({greeting}) | timeout 10 openssl s_client -quiet -connect {address}:6514 {{}} 2>/dev/null"
    refused = host.run(command.format(options))
    assert "rsp" not in refused.stdout
    ours = "-cert /etc/aurore/tls/host.crt -key /etc/aurore/tls/host.key -CAfile /etc/aurore/tls/ca.crt"
    accepted = host.run(command.format(ours))
    assert "1 rsp" in accepted.stdout, accepted.stderr


def test_only_root_and_administrators_of_the_log_host_read_them() -> None:
    log = connect("log")
    for path in log.check_output("find /var/log/fleet").split():
        found = log.file(path)
        assert (found.user, found.group) == ("root", "adm")
        assert found.mode & 0o007 == 0


def test_logs_are_rotated_by_a_configuration_that_logrotate_accepts() -> None:
    done = connect("log").run("logrotate --debug /etc/logrotate.d/fleet")
    assert done.rc == 0, done.stderr
    assert "error" not in done.stderr
