"""Each RT is told once, two weeks before the end; the RTC is told what was told."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rt_office import notices, outbox
from rt_office.calendar import a_year_later, end_day, notice_day
from rt_office.notices import Office, due, mentions, run
from rt_office.outbox import Outbox, UnsentError

from .shared import ELK, ERDNAXE, LUCILLE, Killed, MailServer, certificate, register, settings_in, write_register

if TYPE_CHECKING:
    from collections.abc import Callable

    from rt_office.settings import Certificate, Register

SIGNED = date(2026, 11, 25)
NOTICE, END = date(2027, 12, 9), date(2027, 12, 23)
DAY = timedelta(1)


def told(known: Register, day: date) -> list[int]:
    """The serials that are due."""
    return [notice.certificate.serial for notice in due(known, day)]


# --- Whom to tell


def test_days_378_379_380() -> None:
    known = register(certificate(1, SIGNED))
    assert [told(known, SIGNED + timedelta(days)) for days in (378, 379, 380)] == [[], [1], [1]]


def test_from_the_notice_s_day_to_the_end_whenever_it_was_signed() -> None:
    """Every day of three years, one of them a leap year: the days on which a notice is due are the last fourteen."""
    for number in range(3 * 366):
        signed = date(2027, 1, 1) + timedelta(number)
        known = register(certificate(1, signed))
        first, end = notice_day(signed), end_day(signed)
        days = [first + timedelta(offset) for offset in range(-40, 40)]
        assert [day for day in days if told(known, day)] == [first + timedelta(offset) for offset in range(14)]
        assert not told(known, end)


def test_a_revoked_one_is_nobody_s_concern() -> None:
    known = register(certificate(1, SIGNED, revoked=date(2027, 3, 1), reason="lost"))
    assert (told(known, NOTICE), mentions(known, END)) == ([], {})


def test_a_newer_one_makes_the_notice_superfluous() -> None:
    newer = certificate(2, NOTICE - DAY)
    assert told(register(certificate(1, SIGNED), newer), NOTICE) == []
    # Somebody else's does not.
    assert told(register(certificate(1, SIGNED), replace(newer, person="lucille")), NOTICE) == [1]
    # Nor does one that was revoked.
    assert told(register(certificate(1, SIGNED), replace(newer, revoked=NOTICE)), NOTICE) == [1]


def test_one_for_a_few_days_does_not_replace_the_year_s_and_needs_no_notice() -> None:
    short = certificate(2, NOTICE - timedelta(3), until=NOTICE + DAY)
    assert told(register(certificate(1, SIGNED), short), NOTICE) == [1]
    years_later = a_year_later(NOTICE) + timedelta(14)
    assert told(register(short), years_later) == []
    assert mentions(register(short), years_later) == {}


def test_of_two_keys_signed_on_one_day_one_is_told_about() -> None:
    assert told(register(certificate(1, SIGNED), certificate(2, SIGNED)), NOTICE) == [2]


def test_the_last_day_of_a_mandate_belongs_to_it() -> None:
    for until, expected in ((NOTICE, [1]), (NOTICE - DAY, [])):
        known = register(certificate(1, SIGNED), people=(LUCILLE, replace(ERDNAXE, until=until)))
        assert told(known, NOTICE) == expected
        assert [*mentions(known, NOTICE)] == ([] if expected else ["ended:1"])


def test_whoever_is_not_in_the_list_any_more_is_mentioned() -> None:
    known = register(certificate(1, SIGNED), people=(LUCILLE,))
    assert (told(known, NOTICE), [*mentions(known, NOTICE)]) == ([], ["gone:1"])
    assert mentions(known, END) == {}


def test_what_ended_without_a_notice_is_mentioned() -> None:
    assert [*mentions(register(certificate(1, SIGNED)), END)] == ["expired:1"]
    assert mentions(register(certificate(1, SIGNED)), END - DAY) == {}


# --- Sending


class Days:
    """An office over the days."""

    def __init__(self, directory: Path, server: MailServer) -> None:
        self.settings = settings_in(directory)
        self.server = server
        self.outbox = Outbox(self.settings.state / "outbox", server)
        self.known = register(certificate(1, SIGNED))

    def run(self, day: date) -> list[UnsentError]:
        """One run of the timer."""
        return run(Office(self.settings, self.known, self.outbox, day))

    def metrics(self) -> dict[str, float]:
        """What monitoring reads."""
        lines = (self.settings.metrics / "rt-notices.prom").read_text().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def text(self, number: int) -> str:
        """What a message says."""
        content: str = self.server.taken[number].get_content()
        return content

    @property
    def subjects(self) -> list[str]:
        """Of all messages, who got what."""
        told = zip(self.server.taken, self.server.recipients, strict=True)
        return [f"{to}: {'avis' if 'avis' in one['Subject'] else 'notice'}" for one, to in told]


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(tmp_path, MailServer())


BOTH = ["erdnaxe@example.org: notice", "lucille@example.org: avis"]


def test_one_notice_and_one_summary(days: Days) -> None:
    sent = []
    for number in (378, 379, 380, 381):
        assert days.run(SIGNED + timedelta(number)) == []
        sent.append(len(days.server.taken))
    assert sent == [0, 2, 2, 2]
    assert days.subjects == BOTH
    notice = days.server.taken[0]
    assert notice["Subject"] == "Votre certificat SSH d'Aurore prend fin le 23 décembre 2027"
    assert notice["Auto-Submitted"] == "auto-generated"
    assert notice["Content-Language"] == "fr"
    assert "Bonjour Erdnaxe," in days.text(0)
    assert "Lucille Béranger <lucille@example.org>" in days.text(0)
    assert "avis envoyé à erdnaxe@example.org ; le certificat n° 1 prend fin le 23 décembre 2027" in days.text(1)


def test_days_that_were_missed_change_nothing(days: Days) -> None:
    for number in (385, 386):
        days.run(SIGNED + timedelta(number))
    assert days.subjects == BOTH


def test_days_on_which_the_mail_server_is_away_change_nothing(days: Days) -> None:
    days.server.is_away = True
    for number in range(379, 385):
        (unsent, *_) = days.run(SIGNED + timedelta(number))
        assert str(unsent) == "nobody listens"
        assert days.metrics()["aurore_rt_notices_pending"] == 1
    days.server.is_away = False
    for number in range(385, 390):
        assert days.run(SIGNED + timedelta(number)) == []
        assert days.metrics()["aurore_rt_notices_pending"] == 0
    assert days.subjects == BOTH


def test_the_mail_server_is_away_until_the_end(days: Days) -> None:
    days.server.is_away = True
    for number in range(379, 393):
        days.run(SIGNED + timedelta(number))
    days.server.is_away = False
    for number in range(393, 396):
        days.run(SIGNED + timedelta(number))
    assert days.subjects == ["lucille@example.org: avis"]
    assert "sans qu'un avis ait pu être envoyé" in days.text(0)


def test_what_was_told_is_not_mentioned_when_it_ends(days: Days) -> None:
    for number in range(379, 400):
        days.run(SIGNED + timedelta(number))
    assert days.subjects == BOTH


def test_one_who_is_refused_does_not_hold_up_the_others(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    days.known = register(certificate(1, SIGNED, "elkmaennchen"), certificate(2, SIGNED))
    deliver = days.server.deliver

    def picky(message: object) -> None:
        if "elk" in str(message["To"]):  # type: ignore[index]
            raise UnsentError("who is that")
        deliver(message)  # type: ignore[arg-type]

    monkeypatch.setattr(days.server, "deliver", picky)
    assert [str(error) for error in days.run(NOTICE)] == ["who is that"]
    assert days.subjects == BOTH
    monkeypatch.undo()
    days.run(NOTICE + DAY)
    assert days.subjects[2:] == ["elkmaennchen@example.org: notice", "lucille@example.org: avis"]
    assert "Erdnaxe" not in days.text(3)


def test_all_of_a_day_is_in_one_summary(days: Days) -> None:
    gone = replace(ELK, until=SIGNED)
    days.known = register(
        *(certificate(1, SIGNED), certificate(2, SIGNED, "lucille"), certificate(3, SIGNED, "elkmaennchen")),
        *(certificate(4, SIGNED, "nobody"), certificate(5, SIGNED - timedelta(30), "late")),
        people=(LUCILLE, ERDNAXE, gone, replace(ERDNAXE, nick="late", name="Tardif")),
    )
    days.run(NOTICE)
    assert sorted(days.server.recipients) == ["erdnaxe@example.org", "lucille@example.org", "lucille@example.org"]
    lines = [line for line in days.text(-1).splitlines() if line.startswith("  - ")]
    assert [line.split(" : ")[0].split(",")[0] for line in lines] == [
        *("  - Erdnaxe", "  - Lucille Béranger", "  - Elkmaennchen", "  - nobody n'est plus dans people.yml"),
        "  - Tardif",
    ]


def test_without_an_rtc_the_college_gets_the_summary(days: Days) -> None:
    days.known = register(certificate(1, SIGNED), people=(replace(LUCILLE, until=SIGNED), ERDNAXE))
    days.run(NOTICE)
    assert days.server.recipients == ["erdnaxe@example.org", "lucille@example.org, technique@example.org"]
    assert "le RTC, par <technique@example.org>" in days.text(0)


def test_metrics(days: Days) -> None:
    days.known = register(
        *(certificate(1, SIGNED), certificate(2, SIGNED - timedelta(400), "lucille")),
        *(certificate(3, SIGNED - timedelta(400), "gone"), certificate(4, SIGNED, revoked=SIGNED)),
    )
    days.run(date(2027, 12, 20))
    measured = days.metrics()
    assert measured.pop("aurore_rt_notices_last_run_timestamp_seconds") > 1_700_000_000
    assert measured == {
        'aurore_ssh_certificate_expiry_days{person="erdnaxe",serial="1"}': 3,
        'aurore_ssh_certificate_expiry_days{person="lucille",serial="2"}': 3 - 400,
        "aurore_ssh_certificate_next_expiry_days": 3 - 400,
        "aurore_rt_notices_pending": 0,
    }


# --- Killed half-way


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Kill at a step: before or after each file that is put into its place, by whomever. Tells what steps are left."""
    left = step
    put = outbox.replace

    def stepping(*arguments: object, **options: object) -> None:
        nonlocal left
        for before in (True, False):
            left -= 1
            if left == 0:
                raise Killed
            if before:
                put(*arguments, **options)  # type: ignore[arg-type]

    for module in (outbox, notices):
        monkeypatch.setattr(module, "replace", stepping)
    return lambda: left


def test_who_is_killed_anywhere_tells_everybody_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(1, 100):
        directory = tmp_path / str(step)
        directory.mkdir()
        days = Days(directory, MailServer())
        days.known = register(certificate(1, SIGNED), certificate(2, SIGNED, "elkmaennchen"))
        with monkeypatch.context() as patch:
            left = killed_at(step, patch)
            try:
                days.run(NOTICE)
            except Killed:
                is_over = False
            else:
                is_over = left() > 0
        for later in range(3):
            assert days.run(NOTICE + timedelta(later)) == []
        who = sorted(days.server.recipients)
        # The RTC may learn of it in two mails, of each notice in one.
        assert [to for to in who if "lucille" not in to] == ["elkmaennchen@example.org", "erdnaxe@example.org"]
        lines = [
            line for text in map(days.text, range(len(who))) for line in text.splitlines() if "avis envoyé" in line
        ]
        assert len(lines) == len({*lines}) == 2, step
        if is_over:
            assert step > 10
            return
    pytest.fail("there is no end of steps")


@pytest.mark.parametrize("killed", ["before", "after"])
@pytest.mark.parametrize("skipped", [0, 1])
def test_who_is_killed_while_talking_tells_everybody_once(days: Days, killed: str, skipped: int) -> None:
    deliver, calls = days.server.deliver, 0

    def counting(message: object) -> None:
        nonlocal calls
        days.server.killed = killed if calls == skipped else ""
        calls += 1
        deliver(message)  # type: ignore[arg-type]

    days.server.deliver = counting  # type: ignore[method-assign]
    with pytest.raises(Killed):
        days.run(NOTICE)
    for later in range(1, 4):
        assert days.run(NOTICE + timedelta(later)) == []
    assert days.subjects == BOTH


def test_a_summary_in_doubt_keeps_its_content(days: Days) -> None:
    """What is new on the next day is in a mail of its own: nothing is told twice, nothing not at all."""
    days.known = register(certificate(1, SIGNED), certificate(2, SIGNED + DAY, "elkmaennchen"))
    deliver = days.server.deliver

    def killing(message: object) -> None:
        deliver(message)  # type: ignore[arg-type]
        if "lucille" in days.server.recipients[-1]:
            raise Killed

    days.server.deliver = killing  # type: ignore[method-assign]
    with pytest.raises(Killed):
        days.run(NOTICE)
    days.server.deliver = deliver  # type: ignore[method-assign]
    days.run(NOTICE + DAY)
    assert days.subjects == [*BOTH, "elkmaennchen@example.org: notice", "lucille@example.org: avis"]
    assert "Erdnaxe" in days.text(1)
    assert "Elkmaennchen" in days.text(3)
    assert "Erdnaxe" not in days.text(3)


# --- Two years, whatever happens

FIRST = date(2027, 2, 1)


@st.composite
def registers(draw: st.DrawFn) -> list[Certificate]:
    """What may have been signed in a year around a 29th of February."""
    drawn = draw(
        st.lists(st.tuples(st.sampled_from(["lucille", "erdnaxe", "elkmaennchen"]), st.integers(0, 400)), max_size=5)
    )
    return [certificate(serial, FIRST + timedelta(day), nick) for serial, (nick, day) in enumerate(drawn, 1)]


@settings(max_examples=25)
@given(registers(), st.lists(st.sampled_from(["works", "away", "off", "before", "after"]), min_size=1, max_size=40))
def test_over_two_years_nobody_is_told_twice(signed: list[Certificate], fates: list[str]) -> None:
    """The days' fates repeat. Who could be told while a notice was due is told, once; and so is the RTC of it."""
    could: set[int] = set()
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        # The disk's slowness is no part of it.
        patch.setattr(os, "fsync", lambda _: None)
        days = Days(Path(directory), MailServer())
        for number in range(360, 2 * 366 + 60):
            day, fate = FIRST + timedelta(number), fates[number % len(fates)]
            days.known = register(*(one for one in signed if one.since <= day))
            days.server.is_away, days.server.killed = fate == "away", fate
            if fate == "works":
                could.update(told(days.known, day))
            if fate != "off":
                with suppress(Killed):
                    days.run(day)
        days.server.is_away, days.server.killed = False, ""
        days.run(day + DAY)
    taken = [message["Message-ID"].partition("@")[0] for message in days.server.taken]
    assert len(taken) == len({*taken})
    assert {f"<notice%3A{serial}" for serial in could} <= {*taken}
    lines = [line for text in map(days.text, range(len(taken))) for line in text.splitlines() if "avis envoyé" in line]
    numbers = sorted(line.partition("n° ")[2].split()[0] for line in lines if "mandat" not in line)
    assert numbers == sorted(name.partition("%3A")[2] for name in taken if name.startswith("<notice"))


# --- The command


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ours, server = settings_in(tmp_path), MailServer()
    write_register(ours.register, register(certificate(1, SIGNED)))
    monkeypatch.setattr(notices, "open_outbox", lambda known: Outbox(known.state / "outbox", server))
    command = ["--settings", str(tmp_path / "settings.json")]
    monkeypatch.setattr(notices, "today", lambda: NOTICE - DAY)
    assert notices.main(command) == 0
    assert server.taken == []
    server.is_away = True
    assert notices.main([*command, "--today", str(NOTICE)]) == 1
    assert "nobody listens" in capsys.readouterr().out
    server.is_away = False
    assert notices.main([*command, "--today", str(NOTICE)]) == 0
    assert server.recipients == ["erdnaxe@example.org", "lucille@example.org"]
    with pytest.raises(SystemExit):
        notices.main([*command, "--today", "tomorrow"])
    assert "is not a day such as" in capsys.readouterr().err
    assert json.loads((ours.state / "notices.json").read_text())["told"] == ["notice:1"]
