"""A host whose list of revoked certificates is old is told, by what it says itself in its journal."""

from __future__ import annotations

import re
import secrets
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from ..conftest import connect, eventually, inventory
from .rehearsal import ME, OFFICE, RTC, TECHNIQUE, Rehearsal, arrived, certificate

if TYPE_CHECKING:
    from collections.abc import Iterator

LIST = "/etc/ssh/revoked_keys"
FLEET = sorted(variables["model_fqdn"] for variables in inventory().values())


@pytest.fixture
def other_list() -> Iterator[str]:
    """The host git with a list of another version, as long as the test lasts."""
    git = connect("git")
    # As a file is replaced by the role: in one go.
    git.check_output(f"cp -p {LIST} {LIST}.ours && ssh-keygen -k -q -z 4711 -f {LIST}.new && mv {LIST}.new {LIST}")
    try:
        yield "git.adm.auro.re"
    finally:
        git.check_output(f"mv {LIST}.ours {LIST}")


def said_by(host: str) -> str:
    """What a host has said last, as the log host has it."""
    return (
        connect(OFFICE).run(f"journalctl --directory /var/log/journal/remote/{host} -t revoked-keys -n 1 -o cat").stdout
    )


def test_a_change_is_said_at_once(other_list: str) -> None:
    assert eventually(lambda: said_by(other_list) == "version=4711\n"), said_by(other_list)


def test_the_deployed_service_hears_of_every_host() -> None:
    office = connect(OFFICE)
    assert eventually(lambda: all(said_by(host) for host in FLEET), 90), {host: said_by(host) for host in FLEET}
    done = office.run("systemctl start rt-revocations.service")
    assert done.rc == 0, office.run("journalctl --unit rt-revocations.service --lines 20").stdout
    metrics = office.check_output("cat /var/lib/prometheus/node-exporter/rt-revocations.prom")
    applied = re.findall(r'^aurore_ssh_revocations_applied\{host="(.*)"\} \d+$', metrics, re.MULTILINE)
    assert sorted(applied) == FLEET
    assert office.service("rt-revocations.timer").is_running


def test_hosts_that_are_behind_are_told_once(rehearsal: Rehearsal) -> None:
    """By a register of the test's, with more revocations, long ago, than any host knows of."""
    # Another one each time: mailboxes keep what they get.
    day, count = date(2026, 1, 2) + timedelta(days=secrets.randbelow(250)), 30 + secrets.randbelow(70)
    known = [
        certificate(number, "2026-01-01", "2027-01-29", revoked=str(day), reason="lost") for number in range(1, count)
    ]
    rehearsal.register(*known)
    for _ in range(2):
        assert rehearsal.run("revocations").rc == 0
    (message_id,) = rehearsal.sent("revocations")
    for address in (RTC["mail"], TECHNIQUE):
        (mail,) = arrived(address, message_id)
        assert mail["Subject"] == f"Révocations non appliquées : {len(FLEET)} machines"
        text = mail.get_content()
        told = re.findall(r"^  - (\S+) ignore \d+ révocations depuis le ", text, re.MULTILINE)
        assert sorted(told) == FLEET
    assert "<revocations%3A" in message_id
    assert message_id.endswith(f"@{ME['model_fqdn']}>")
