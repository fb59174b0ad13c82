"""Hosts that may still let in whose certificate was revoked are told, once."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rt_office import revocations
from rt_office.outbox import Outbox, UnsentError
from rt_office.revocations import Report, judge, read_report

from .shared import OFFICE, MailServer, certificate, register, settings_in, write_register

if TYPE_CHECKING:
    from pathlib import Path

SIGNED = date(2026, 11, 25)
DAY = date(2027, 3, 10)
NOON = datetime(2027, 3, 10, 12, tzinfo=UTC)
KNOWN = register(
    certificate(1, SIGNED, revoked=date(2027, 3, 9), reason="lost"),
    certificate(2, SIGNED, "elkmaennchen", revoked=date(2027, 3, 1), reason="lost"),
    certificate(3, SIGNED),
)
TWO = timedelta(days=2)


def entry(message: str, at: datetime = NOON) -> dict[str, Any]:
    """An entry of a journal."""
    return {"MESSAGE": message, "__REALTIME_TIMESTAMP": str(int(at.timestamp() * 1_000_000))}


def test_what_a_host_says() -> None:
    assert read_report(entry("version=12")) == Report(12, NOON)
    for other in ("version=", "version=-1", "version=1 and more", "", "hello"):
        assert read_report(entry(other)) is None


@pytest.mark.parametrize(
    ("version", "age", "told"),
    [
        (2, 0, None),
        (2, 2, None),
        (2, 3, "ne dit plus quelles révocations il applique depuis le 7 mars 2027"),
        # The one that it lacks is of yesterday.
        (1, 0, None),
        (0, 0, "ignore 2 révocations depuis le 1er mars 2027 (0 sur 2 appliquées)"),
        # It has been told more than the office knows: the office is old, not the host.
        (5, 0, None),
    ],
)
def test_what_is_told_of_a_host(version: int, age: int, told: str | None) -> None:
    assert judge(Report(version, NOON - timedelta(days=age)), KNOWN, DAY, TWO) == told


def test_a_revocation_is_old_from_its_own_day_on() -> None:
    report = Report(1, NOON)
    assert [judge(report, KNOWN, date(2027, 3, day), TWO) is not None for day in (9, 10, 11)] == [False, False, True]
    assert (
        judge(report, KNOWN, date(2027, 3, 11), TWO)
        == "ignore une révocation depuis le 9 mars 2027 (1 sur 2 appliquées)"
    )
    assert judge(None, KNOWN, DAY, TWO) == "n'a jamais dit quelles révocations il applique"


@pytest.fixture
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journalctl that shows what is in a file for each directory; the real one is asked on the lab's hosts."""
    said = tmp_path / "said"
    said.mkdir()
    program = tmp_path / "bin/journalctl"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nfor word; do case $word in --directory=*) place=${{word##*/}};; esac; done\n"
        f'cat "{said}/${{place:-own}}" 2>/dev/null\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return said


def test_a_mail_for_what_is_new(tmp_path: Path, journalctl: Path) -> None:
    hosts = ["git.example.org", "www.example.org", OFFICE]
    settings = settings_in(tmp_path, hosts=hosts, own_journal=True)
    write_register(settings.register, KNOWN)
    server = MailServer()
    outbox = Outbox(settings.state / "outbox", server)

    def say(host: str, version: int) -> None:
        (settings.journals / host).mkdir(exist_ok=True)
        (journalctl / host).write_text(json.dumps(entry(f"version={version}")) + "\n")

    say("git.example.org", 0)
    say("own", 2)
    server.is_away = True
    with pytest.raises(UnsentError):
        revocations.run(settings, KNOWN, outbox, DAY)
    server.is_away = False
    for _ in range(2):
        revocations.run(settings, KNOWN, outbox, DAY)
    (message,) = server.taken
    assert message["Subject"] == "Révocations non appliquées : 2 machines"
    text = message.get_content()
    assert "  - git.example.org ignore 2 révocations depuis le 1er mars 2027 (0 sur 2 appliquées)\n" in text
    assert "  - www.example.org n'a jamais dit quelles révocations il applique\n" in text
    assert OFFICE not in text
    metrics = (settings.metrics / "rt-revocations.prom").read_text()
    assert 'aurore_ssh_revocations_applied{host="git.example.org"} 0\n' in metrics
    assert f'aurore_ssh_revocations_applied{{host="{OFFICE}"}} 2\n' in metrics
    assert "aurore_ssh_revocations 2\n" in metrics
    assert "aurore_ssh_revocations_late_hosts 2\n" in metrics

    say("www.example.org", 2)
    revocations.run(settings, KNOWN, outbox, DAY)
    assert [one["Subject"] for one in server.taken][1:] == ["Révocations non appliquées : git.example.org"]
    say("git.example.org", 2)
    revocations.run(settings, KNOWN, outbox, DAY)
    assert len(server.taken) == 2
    assert "aurore_ssh_revocations_late_hosts 0\n" in (settings.metrics / "rt-revocations.prom").read_text()


def test_the_command(
    tmp_path: Path, journalctl: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = MailServer(is_away=True)
    monkeypatch.setattr(revocations, "open_outbox", lambda settings: Outbox(settings.state / "outbox", server))
    settings = settings_in(tmp_path, hosts=["git.example.org"])
    write_register(settings.register, KNOWN)
    arguments = ["--settings", str(tmp_path / "settings.json"), "--today", str(DAY)]
    assert revocations.main(arguments) == 1
    assert "rt-office: nobody listens" in capsys.readouterr().err
    server.is_away = False
    assert revocations.main(arguments) == 0
    assert len(server.taken) == 1
    (tmp_path / "journals").rmdir()
    assert revocations.main(arguments) == 1
    assert "journals cannot be read" in capsys.readouterr().err
    settings_in(tmp_path)
    with pytest.raises(revocations.SettingsError, match="has no hosts"):
        revocations.main(arguments)
