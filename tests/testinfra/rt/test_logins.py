"""Who comes in as root with a certificate that the register does not know raises an alert, once."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from ..base.test_ssh import come_with, issue
from ..conftest import SSH_CONFIG, connect, eventually, inventory, run
from .rehearsal import ME, OFFICE, RTC, TECHNIQUE, Rehearsal, arrived, taken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

GIT, WWW = (inventory()[name]["model_fqdn"] for name in ("git", "www"))
KNOWN = inventory()[OFFICE]["model_certificates"][0]
METRICS = "/var/lib/prometheus/node-exporter/rt-logins.prom"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A fresh key, with a certificate that is in no register."""
    path = tmp_path / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))
    issue(path)
    return path


@pytest.fixture
def watch(rehearsal: Rehearsal) -> Rehearsal:
    """An office that has read all journals up to now, and has raised its alert about what other tests did.

    It has a name of its own. A Message-ID is made of what an alert tells and of the office's name, and the deployed
    timer, every five minutes, may tell of the same logins.
    """
    rehearsal.change(fqdn=f"{PurePosixPath(rehearsal.directory).name}.{ME['model_fqdn']}".lower())
    assert rehearsal.run("logins").rc == 0
    return rehearsal


def alert(office: Rehearsal) -> set[str]:
    """The Message-ID of an alert that the timer would raise now."""
    before = office.sent("logins")
    done = office.run("logins")
    assert done.rc == 0, done.stderr
    return office.sent("logins") - before


def only(found: set[str]) -> EmailMessage:
    """The mail about that alert, of which there is one, to the RTC and to the college."""
    (message_id,) = found
    assert taken(message_id) == 1
    for address in (RTC["mail"], TECHNIQUE):
        (message,) = arrived(address, message_id)
    return message


def about(text: str, host: str) -> list[str]:
    """What an alert says about a host: a line of when and why, and the one of who."""
    lines = text.splitlines()
    return [f"{line} {lines[number + 1]}" for number, line in enumerate(lines) if line.startswith(f"  - {host}, ")]


def has_arrived(host: str) -> bool:
    """Await that all that a host has written until now is on the log host."""
    word = secrets.token_hex(8)
    connect(host).check_output(f"logger {word}")
    journal = f"/var/log/journal/remote/{inventory()[host]['model_fqdn']}"
    return eventually(lambda: connect(OFFICE).run(f"journalctl -q --directory {journal} --grep {word}").stdout != "")


def record(host: str, text: str) -> None:
    """A record of a session as somebody who is root on that host can forge it."""
    connect(host).check_output(f"logger --priority authpriv.notice --tag record-session -- {shlex.quote(text)}")


def opened(identity: str, serial: object, authority: str) -> str:
    return f"session opened: user=root id={identity} serial={serial} authority={authority} from=192.0.2.7 session=1"


def test_an_unknown_certificate_raises_one_alert(watch: Rehearsal, key: Path) -> None:
    said = run("ssh-keygen", "-L", "-f", f"{key}-cert.pub").stdout
    identity, serial = re.findall(r"Key ID: \"(.*)\"", said)[0], re.findall(r"Serial: (\d+)", said)[0]
    authority = re.findall(r"Signing CA: \w+ (\S+)", said)[0]
    assert come_with(key).returncode == 0
    mail = only(eventually(lambda: alert(watch)))
    assert mail["Subject"].startswith("Alerte : ")
    (line,) = about(mail.get_content(), GIT)
    assert "certificat inconnu du registre" in line
    assert f"root, identité « {identity} », n° {serial}, autorité {authority}, depuis " in line
    assert has_arrived("git")
    assert alert(watch) == set()


def test_a_certificate_of_the_register_raises_none(watch: Rehearsal) -> None:
    for _ in range(2):
        run("ssh", "-F", str(SSH_CONFIG), "-o", "ControlPath=none", "git", "true")
    assert has_arrived("git")
    newest = f"journalctl -q --directory /var/log/journal/remote/{GIT} --identifier record-session -o cat -n 1"
    assert f'id="{KNOWN["person"]}" serial={KNOWN["serial"]} ' in connect(OFFICE).check_output(newest)
    assert alert(watch) == set()


def test_a_revoked_certificate_raises_an_alert(watch: Rehearsal) -> None:
    """A host that has not heard of the revocation lets it in."""
    yesterday = "2020-01-01"
    watch.register({**KNOWN, "revoked": yesterday, "reason": "stolen"})
    run("ssh", "-F", str(SSH_CONFIG), "-o", "ControlPath=none", "git", "true")
    mail = only(eventually(lambda: alert(watch)))
    assert any("certificat révoqué le 1er janvier 2020" in line for line in about(mail.get_content(), GIT))


def test_what_no_certificate_explains_and_what_nobody_can_read(watch: Rehearsal) -> None:
    ours = opened(f'"{KNOWN["person"]}"', KNOWN["serial"], KNOWN["authority"])
    record("www", ours)
    record("www", opened("", "", ""))
    record("www", f"{ours}\n{ours}")
    record("www", opened(f'"x" {ours}', 1, KNOWN["authority"]))
    record("www", "nonsense")
    assert has_arrived("www")
    lines = about(only(alert(watch)).get_content(), WWW)
    assert sorted(re.findall(r" : (\w+ \w+)", " ".join(lines))) == [
        "aucun certificat",
        *["enregistrement illisible"] * 3,
    ]


@pytest.fixture
def upload() -> Iterator[None]:
    """Have the journal of `git` sent on, whatever a test did."""
    yield
    connect("git").check_output("systemctl start systemd-journal-upload")


def test_what_arrives_late_is_not_overlooked(watch: Rehearsal, key: Path, upload: None) -> None:
    """A host's record comes after another host's later one."""
    connect("git").check_output("systemctl stop systemd-journal-upload")
    assert come_with(key).returncode == 0
    record("www", opened("", "", ""))
    text = only(eventually(lambda: alert(watch))).get_content()
    assert (len(about(text, WWW)), about(text, GIT)) == (1, [])
    connect("git").check_output("systemctl start systemd-journal-upload")
    text = only(eventually(lambda: alert(watch))).get_content()
    assert (about(text, WWW), len(about(text, GIT))) == ([], 1)


def test_a_check_prints_and_sends_nothing(rehearsal: Rehearsal, key: Path) -> None:
    assert come_with(key).returncode == 0
    assert has_arrived("git")
    checked = rehearsal.run("logins", "--check")
    assert checked.rc == 0, checked.stderr
    found = [one for one in json.loads(checked.stdout) if one["host"] == GIT]
    assert found[-1]["reason"] == "certificat inconnu du registre"
    assert json.loads(rehearsal.run("logins", "--check", "--since", "2100-01-01").stdout) == []
    assert rehearsal.host.check_output(f"ls -A {rehearsal.directory}/state") == ""


def test_the_timer_s_job_counts_it(key: Path) -> None:
    office = connect(OFFICE)

    def unknown() -> int:
        office.check_output("systemctl start rt-logins.service")
        text = office.check_output(f"cat {METRICS}")
        return int(re.findall(r"^aurore_rt_logins_unknown_total (\d+)$", text, re.MULTILINE)[0])

    before = unknown()
    assert come_with(key).returncode == 0
    assert eventually(lambda: unknown() > before)
    assert "\naurore_rt_logins_pending 0\n" in office.check_output(f"cat {METRICS}")
