"""A login that the register does not explain is told once, and none is lost."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rt_office import logins, outbox
from rt_office.logins import JournalError, Login, describe, judge, read_entry, run
from rt_office.outbox import Outbox

from .shared import AUTHORITY, OTHER, Killed, MailServer, certificate, register, settings_in, write_register

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGNED = date(2026, 11, 25)
KNOWN = register(
    certificate(1, SIGNED),
    certificate(2, SIGNED, "elkmaennchen", revoked=date(2027, 3, 1), reason="lost"),
    certificate(3, SIGNED, 'a "b" c'),
)
AT = datetime(2027, 3, 1, 12, tzinfo=UTC)


def opened(id: str = "erdnaxe", serial: object = 1, authority: str = AUTHORITY) -> str:  # noqa: A002 (its name)
    """A record, as record-session writes it."""
    return f'session opened: user=root id="{id}" serial={serial} authority={authority} from=192.0.2.7 session=42'


NO_CERTIFICATE = "session opened: user=root id= serial= authority= from=192.0.2.7 session=42"


def entry(message: object, at: datetime = AT, number: int = 1) -> dict[str, Any]:
    """An entry of a journal, as journalctl shows it."""
    return {
        "MESSAGE": message,
        "__REALTIME_TIMESTAMP": str(int(at.timestamp() * 1_000_000) + number),
        "__MONOTONIC_TIMESTAMP": str(number),
        "_BOOT_ID": "b" * 32,
        "_PID": "100",
        "__CURSOR": f"s=1;i={number}",
    }


def read(message: object, at: datetime = AT) -> Login:
    login = read_entry("git.example.org", entry(message, at))
    assert login
    return login


# --- What a record says


def test_a_known_login_is_explained() -> None:
    assert judge(read(opened()), KNOWN) is None


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (opened(serial=9), "certificat inconnu du registre"),
        (opened(id="lucille"), "certificat inconnu du registre"),
        (opened(id=""), "certificat inconnu du registre"),
        (opened(authority=OTHER), "certificat inconnu du registre"),
        (opened(serial="01"), "certificat inconnu du registre"),
        (NO_CERTIFICATE, "aucun certificat"),
        (NO_CERTIFICATE.replace("id=", 'id=""'), "aucun certificat"),
        (opened(serial=""), "certificat inconnu du registre"),
        # A Key ID that ends the field before its time, or its line.
        (opened(id=f'erdnaxe" serial=1 authority={AUTHORITY} from=192.0.2.7 session=1'), "enregistrement illisible"),
        (opened(id='a "b" c', serial=3), "enregistrement illisible"),
        (opened(id="erdnaxe\nerdnaxe"), "enregistrement illisible"),
        (opened() + "\n" + opened(), "enregistrement illisible"),
        (opened(serial="1\n9"), "enregistrement illisible"),
        (opened(serial=-1), "enregistrement illisible"),
        (opened(authority="MD5:00"), "enregistrement illisible"),
        (opened().replace("opened", "begun"), "enregistrement illisible"),
        ("", "enregistrement illisible"),
        # What journalctl makes of other fields than one text.
        ([opened(), opened()], "enregistrement illisible"),
        (list(b"session opened: \xff"), "enregistrement illisible"),
        (None, "enregistrement illisible"),
    ],
)
def test_a_login_that_nothing_explains(message: object, reason: str) -> None:
    assert judge(read(message), KNOWN) == reason


def test_what_is_not_ascii_comes_as_bytes() -> None:
    elise = register(certificate(1, SIGNED, "élise"))
    assert judge(read(list(opened(id="élise").encode())), elise) is None


def test_a_key_id_may_have_spaces() -> None:
    assert judge(read(opened(id="an id")), register(certificate(1, SIGNED, "an id"))) is None


def test_a_revoked_certificate_counts_from_the_day_of_its_revocation() -> None:
    revoked = opened(id="elkmaennchen", serial=2)
    assert judge(read(revoked, datetime(2027, 2, 28, 23, 59, 59, tzinfo=UTC)), KNOWN) is None
    reason = judge(read(revoked, datetime(2027, 3, 1, tzinfo=UTC)), KNOWN)
    assert reason == "certificat révoqué le 1er mars 2027"


def test_a_certificate_counts_until_its_end() -> None:
    assert judge(read(opened(), datetime(2027, 12, 22, 23, 59, 59, tzinfo=UTC)), KNOWN) is None
    assert judge(read(opened(), datetime(2027, 12, 23, tzinfo=UTC)), KNOWN) == "certificat terminé le 23 décembre 2027"


def test_the_end_of_a_session_is_no_login() -> None:
    assert read_entry("git", entry(opened(serial=9).replace("opened", "closed"))) is None


@given(st.text(), st.text(), st.text())
def test_no_key_id_makes_itself_known(identity: str, serial: str, authority: str) -> None:
    """Whatever a signer of another authority writes: only the very fields of the register are known."""
    login = read(opened(id=identity, serial=serial, authority=f"{authority}{OTHER}"))
    assert judge(login, KNOWN) is not None


# --- The journals


class Fleet:
    """Journals of hosts as directories of lines, and a journalctl that shows them."""

    def __init__(self, directory: Path) -> None:
        self.settings = settings_in(directory)
        write_register(self.settings.register, KNOWN)
        self.server = MailServer()
        self.outbox = Outbox(self.settings.state / "outbox", self.server)
        self.numbers: dict[str, int] = {}
        self.programs = directory / "bin"
        self.programs.mkdir()
        (self.programs / "own").touch()
        program = self.programs / "journalctl"
        program.write_text(
            "#!/bin/sh\n"
            f"journal={self.programs}/own after=0\n"
            "for option; do case $option in\n"
            "  --directory=*) journal=${option#*=}/lines;;\n"
            "  --after-cursor=*) after=${option##*i=};;\n"
            "esac; done\n"
            '[ ! -e "${journal%lines}broken" ] || { cat "$journal"; echo "Bad message" >&2; exit 1; }\n'
            'tail -n +$((after + 1)) "$journal"\n'
        )
        program.chmod(0o755)

    def write(self, host: str, *messages: object) -> None:
        """Records in a host's journal."""
        directory = self.settings.journals / host
        directory.mkdir(exist_ok=True)
        for message in messages:
            number = self.numbers[host] = self.numbers.get(host, 0) + 1
            with (directory / "lines").open("a") as file:
                file.write(json.dumps(entry(message, number=number)) + "\n")

    def send_again(self, host: str, number: int) -> None:
        """A host's line that comes a second time, as a new entry."""
        lines = (self.settings.journals / host / "lines").read_text().splitlines()
        place = self.numbers[host] = self.numbers[host] + 1
        with (self.settings.journals / host / "lines").open("a") as file:
            file.write(json.dumps(json.loads(lines[number - 1]) | {"__CURSOR": f"s=1;i={place}"}) + "\n")

    def run(self) -> list[str]:
        """One run of the timer; what it could not do."""
        return [str(error) for error in run(self.settings, KNOWN, self.outbox)]

    @property
    def alerts(self) -> list[str]:
        """What was sent."""
        return [message.get_content() for message in self.server.taken]

    def metric(self, name: str) -> float:
        """What monitoring reads."""
        lines = (self.settings.metrics / "rt-logins.prom").read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"aurore_rt_logins_{name} "))


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    made = Fleet(tmp_path)
    monkeypatch.setenv("PATH", f"{made.programs}:{os.environ['PATH']}")
    return made


def test_a_fleet_without_surprises_is_quiet(fleet: Fleet) -> None:
    assert fleet.run() == []
    fleet.write("git", opened(), opened().replace("opened", "closed"))
    assert fleet.run() == []
    assert fleet.alerts == []
    assert (fleet.metric("unknown_total"), fleet.metric("pending")) == (0, 0)


def test_an_unknown_login_is_told_once(fleet: Fleet) -> None:
    fleet.write("git", opened(), opened(serial=7))
    for _ in range(3):
        assert fleet.run() == []
    (alert,) = fleet.server.taken
    assert alert["To"] == "lucille@example.org, technique@example.org"
    assert alert["Subject"] == "Alerte : une connexion inexpliquée en tant que root"
    text = alert.get_content()
    assert "  - git, 1er mars 2027 à 12:00:00 (UTC) : certificat inconnu du registre" in text
    assert f"root, identité « erdnaxe », n° 7, autorité {AUTHORITY}, depuis 192.0.2.7" in text
    assert "ansible-playbook playbooks/rt_office.yml" in text
    assert fleet.metric("unknown_total") == 1
    # Another one is another alert.
    fleet.write("git", opened(serial=7))
    fleet.run()
    fleet.run()
    assert len(fleet.alerts) == 2
    assert fleet.metric("unknown_total") == 2


def test_several_are_in_one_mail(fleet: Fleet) -> None:
    fleet.write("git", *[opened(serial=7)] * 3, NO_CERTIFICATE, opened(id="elkmaennchen", serial=2))
    fleet.write("mail", opened(serial=7))
    fleet.run()
    (text,) = fleet.alerts
    assert fleet.server.taken[0]["Subject"] == "Alerte : 6 connexions inexpliquées en tant que root"
    lines = [line for line in text.splitlines() if line.startswith("  - ")]
    assert [line.split(" : ")[1] for line in lines] == [
        *("aucun certificat", "certificat inconnu du registre"),
        *("certificat révoqué le 1er mars 2027", "certificat inconnu du registre"),
    ]
    assert "git, 3 fois, du 1er mars 2027 à 12:00:00 (UTC) au 1er mars 2027 à 12:00:00 (UTC)" in lines[1]


def test_what_is_sent_a_second_time_is_no_other_login(fleet: Fleet) -> None:
    fleet.write("git", opened(serial=7))
    fleet.run()
    fleet.send_again("git", 1)
    fleet.run()
    assert len(fleet.alerts) == 1
    assert fleet.metric("unknown_total") == 1


def test_while_the_mail_server_is_away_logins_wait(fleet: Fleet) -> None:
    fleet.server.is_away = True
    for serial in (7, 8, 9):
        fleet.write("git", opened(serial=serial))
        assert fleet.run() == ["nobody listens"]
    assert fleet.metric("pending") == 3
    fleet.server.is_away = False
    for _ in range(2):
        assert fleet.run() == []
    (text,) = fleet.alerts
    assert all(f"n° {serial}," in text for serial in (7, 8, 9))
    assert fleet.metric("pending") == 0


def test_a_journal_that_is_broken_does_not_hide_the_others(fleet: Fleet) -> None:
    fleet.write("ci", opened(serial=6))
    (fleet.settings.journals / "ci/broken").touch()
    fleet.write("git", opened(serial=7))
    (error,) = fleet.run()
    assert "ci cannot be read: Bad message" in error
    # What could be read of it counts.
    assert ["n° 6," in text and "n° 7," in text for text in fleet.alerts] == [True]
    (fleet.settings.journals / "ci/broken").unlink()
    fleet.write("ci", opened(serial=8))
    assert fleet.run() == []
    assert ["n° 6," in text for text in fleet.alerts] == [True, False]


def test_without_journals_nothing_is_pretended(fleet: Fleet) -> None:
    fleet.settings.journals.rmdir()
    with pytest.raises(JournalError, match="No such file"):
        fleet.run()


def test_this_host_s_own_journal_replaces_its_copy(tmp_path: Path, fleet: Fleet) -> None:
    here = settings_in(tmp_path, own_journal=True)
    assert logins.journals(fleet.settings) == {}
    fleet.write(here.fqdn, opened(serial=7))
    assert logins.journals(here) == {here.fqdn: None}
    (fleet.programs / "own").write_text(json.dumps(entry(opened(serial=8))) + "\n")
    assert run(here, KNOWN, fleet.outbox) == []
    assert ["n° 8," in text and "n° 7," not in text for text in fleet.alerts] == [True]


def test_what_others_write_cannot_pretend_to_be_a_part_of_the_mail(fleet: Fleet) -> None:
    fleet.write("git", opened(id="x\n\nBonjour,\r\n  - rien à signaler\x1b[2J"), "y" * 10_000)
    fleet.run()
    (text,) = fleet.alerts
    assert "\n  - rien" not in text
    assert "\x1b" not in text
    assert "rien à signaler" in text
    assert f"{'y' * 298}…" in text
    assert max(map(len, text.splitlines())) < 400


@given(st.text())
def test_any_record_can_be_described(record: str) -> None:
    login = read(record)
    (line,) = describe([vars(login) | {"reason": "enregistrement illisible"}])
    assert len(line.splitlines()) == 2


# --- Killed half-way


def test_who_is_killed_anywhere_loses_and_repeats_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = outbox.replace
    for step in range(1, 100):
        directory = tmp_path / str(step)
        directory.mkdir()
        fleet, left = Fleet(directory), [step]
        fleet.write("git", opened(serial=7))

        def stepping(*arguments: Any, left: list[int] = left) -> None:
            for before in (True, False):
                left[0] -= 1
                if left[0] == 0:
                    raise Killed
                if before:
                    put(*arguments)

        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{fleet.programs}:{os.environ['PATH']}")
            with patch.context() as killing:
                killing.setattr(outbox, "replace", stepping)
                killing.setattr(logins, "replace", stepping)
                with contextlib.suppress(Killed):
                    fleet.run()
            fleet.write("git", opened(serial=8))
            for _ in range(3):
                assert fleet.run() == []
            assert sum("n° 7," in text for text in fleet.alerts) == 1, step
            assert sum("n° 8," in text for text in fleet.alerts) == 1, step
            assert fleet.metric("unknown_total") == 2
        if left[0] > 0:
            assert step > 8
            return
    pytest.fail("there is no end of steps")


@pytest.mark.parametrize("killed", ["before", "after"])
def test_who_is_killed_while_talking_loses_and_repeats_nothing(fleet: Fleet, killed: str) -> None:
    fleet.write("git", opened(serial=7))
    fleet.server.killed = killed
    with pytest.raises(Killed):
        fleet.run()
    fleet.write("git", opened(serial=8))
    for _ in range(3):
        assert fleet.run() == []
    assert [("n° 7," in text, "n° 8," in text) for text in fleet.alerts] == [(True, False), (False, True)]


# --- The command


def test_the_command(
    tmp_path: Path, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logins, "open_outbox", lambda _: fleet.outbox)
    command = ["--settings", str(tmp_path / "settings.json")]
    fleet.write("git", opened(), opened(serial=7))
    for _ in range(2):
        assert logins.main([*command, "--check"]) == 0
        (found,) = json.loads(capsys.readouterr().out)
        assert (found["host"], found["serial"], found["id"]) == ("git", "7", "erdnaxe")
        assert found["reason"] == "certificat inconnu du registre"
    assert fleet.alerts == []
    assert not (fleet.settings.state / "logins.json").exists()
    assert logins.main(command) == 0
    assert len(fleet.alerts) == 1
    # All that the journals hold is checked each time.
    assert logins.main([*command, "--check", "--since", "2027-01-01"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1
    fleet.server.is_away = True
    fleet.write("git", opened(serial=8))
    assert logins.main(command) == 1
    assert "nobody listens" in capsys.readouterr().err
    (fleet.settings.journals / "git/broken").touch()
    assert logins.main([*command, "--check"]) == 1
    assert "Bad message" in capsys.readouterr().err
    fleet.settings.journals.rename(tmp_path / "gone")
    assert logins.main(command) == 1
    assert "cannot be read" in capsys.readouterr().err
