"""The command itself: settings, secrets, what it prints, and with which status it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from rt_office import __main__, campaign
from rt_office.mailbox import Mailbox, MailboxError
from rt_office.outbox import Outbox

from .office import KEY, Server

if TYPE_CHECKING:
    from pathlib import Path

    from rt_office.settings import Settings

PASSWORD = "correct horse battery staple é"


class Place:
    """Where the command lives."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.server = Server()
        self.settings = root / "settings.json"
        (root / "secrets").mkdir()
        (root / "metrics").mkdir()
        (root / "secrets/token-key").write_text(KEY.decode() + "\n")
        (root / "secrets/mailbox").write_text(PASSWORD + "\n")
        person = {"role": "rt", "since": "2026-01-15", "until": "2027-02-11"}
        people = [{"nick": nick, "name": nick, "mail": f"{nick}@example.org", **person} for nick in ("ann", "bob")]
        (root / "register.json").write_text(json.dumps({"people": people, "certificates": []}))
        self.have()

    def have(self, **changes: Any) -> None:
        """Write the settings."""
        mailbox = {"host": "mail.example.org", "port": 993, "user": "rt", "authority": "/ca.crt"}
        own = {"journals": "/nowhere", "own_journal": True, "register": str(self.root / "register.json")}
        own |= {name: str(self.root / name) for name in ("state", "metrics", "secrets")}
        content = {
            "domain": "example.org",
            "fqdn": "log.example.org",
            "sender": "technique@example.org",
            "sender_name": "Collège",
            "alert_to": [],
            "smtp_host": "localhost",
            "smtp_port": 25,
            "campaign": {"address": "rt@example.org", "mailbox": mailbox},
            **own,
        }
        self.settings.write_text(json.dumps(content | changes))

    def run(self, *words: str, now: str = "2027-01-02T09:00") -> int:
        """Run the command at some time in Paris."""
        return __main__.main(["--settings", str(self.settings), "campaign", *words, "--now", now])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path)

    def open_outbox(settings: Settings) -> Outbox:
        assert settings.sender == "rt@example.org", "what comes back comes to the mailbox"
        return Outbox(settings.state / "outbox", made.server)

    monkeypatch.setattr(campaign, "open_outbox", open_outbox)
    monkeypatch.setattr(Mailbox, "since", lambda _mailbox, _day: [])
    return made


def test_a_campaign_from_its_opening_to_its_outcome(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.run("open") == 0
    assert "for 2 people" in capsys.readouterr().out
    assert len(place.server.taken) == 2
    assert place.run("status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["changed"], told["year"], told["outcome"], told["failed"]) == (False, 2027, None, "")
    assert told["page"] == str(place.root / "state/campaigns/2027/state.html")
    assert place.run("close") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "cannot be closed before the end of 2027-01-16" in said.err
    outcomes = []
    for _ in range(2):
        assert place.run("close", now="2027-01-17T00:00") == 0
        outcomes.append(json.loads(capsys.readouterr().out))
    assert outcomes[0] == outcomes[1]
    assert [one["nick"] for one in outcomes[0]["leaves"]] == ["ann", "bob"]


def test_metrics_are_written(place: Place) -> None:
    assert place.run("run") == 0
    path = place.root / "metrics/rt-campaign.prom"
    assert "aurore_rt_campaign_open 0\n" in path.read_text()
    place.run("open")
    assert 'aurore_rt_campaign_answers{year="2027",answer="missing"} 2\n' in path.read_text()


def test_what_is_left_is_told_and_counts(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run("open")

    def away(mailbox: Mailbox, _day: object) -> None:
        assert mailbox.password == PASSWORD
        raise MailboxError("The mailbox cannot be read.")

    monkeypatch.setattr(Mailbox, "since", away)
    assert place.run("run") == 1
    said = capsys.readouterr()
    assert "left for the next run: The mailbox cannot be read." in said.err
    assert "bob" in said.out
    assert "aurore_rt_campaign_last_run_complete 0\n" in (place.root / "metrics/rt-campaign.prom").read_text()
    assert place.run("close", now="2027-01-17T00:00") == 1
    assert PASSWORD not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ({"campaign": {}}, "settings of the campaign"),
        (
            {"campaign": {"address": "a@b", "mailbox": {"host": "x", "port": "y", "user": "", "authority": ""}}},
            "settings",
        ),
        ({"secrets": "/nowhere"}, "/nowhere/token-key cannot be read"),
    ],
)
def test_settings_that_cannot_be_used(
    place: Place, capsys: pytest.CaptureFixture[str], damage: dict[str, Any], why: str
) -> None:
    place.have(**damage)
    assert place.run("open") == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(("content", "why"), [(b"short\n", "too short"), (b"\xff" * 40, "not text")])
def test_keys_that_cannot_be_used(place: Place, capsys: pytest.CaptureFixture[str], content: bytes, why: str) -> None:
    (place.root / "secrets/token-key").write_bytes(content)
    assert place.run("open") == 2
    assert why in capsys.readouterr().err


def test_time_moves_in_rehearsals_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        campaign.main(["close", "--now", "2030-01-01"])
    assert "rehearsals" in capsys.readouterr().err
