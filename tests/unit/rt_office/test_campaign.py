"""The campaign from its opening to its outcome; what is asked twice happens once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from html import unescape
from typing import TYPE_CHECKING

import pytest
from rt_office import answers, campaign, state
from rt_office.campaign import RefusedError
from rt_office.mailbox import Mail
from rt_office.settings import SettingsError

from .office import ADDRESS, World, people

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> World:
    """The morning of the 2nd of January 2027, in Paris."""
    return World(tmp_path)


@pytest.fixture
def asked(world: World) -> World:
    """A campaign that is open."""
    world.run("open")
    return world


END = datetime(2027, 1, 17, tzinfo=state.PARIS)

# --- Opening


def test_everybody_whose_mandate_runs_is_asked_once(world: World) -> None:
    report = world.run("open")
    assert report.changed
    assert not report.failed
    assert [str(one["To"]) for one in world.server.taken] == [
        "Ann <ann@example.org>",
        "Bob <bob@example.org>",
        "Cid <cid@example.org>",
    ]
    again = world.run("open")
    assert not again.changed
    assert len(world.server.taken) == 3


def test_the_mail_can_be_answered_by_replying(asked: World) -> None:
    [message] = asked.server.sent_to("bob@example.org")
    token = asked.token("bob")
    assert f"<technique+{token}@example.org>" in message["Reply-To"]
    assert message["Message-ID"] == f"<rt-2027-0-{token}@log.example.org>"
    subject = message["Subject"].replace("\n", "")
    assert subject == f"[Aurore] Souhaitez-vous rester responsable technique en 2027 ? [ref-{token}]"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert text.startswith("Bonjour Bob,\n")
    assert "avant la fin du samedi 16 janvier 2027 (heure de Paris)" in text
    assert "Écrivez à Ann <ann@example.org>." in text


@pytest.mark.parametrize(
    "place", ["To: {reply_to}", "Subject: Re: {subject}", "In-Reply-To: {id}", "References: <x@y> {id}"]
)
def test_each_place_of_the_token_is_enough(asked: World, place: str) -> None:
    [message] = asked.server.sent_to("bob@example.org")
    fields = {"reply_to": message["Reply-To"], "subject": message["Subject"], "id": message["Message-ID"]}
    asked.mailbox.append(Mail(asked.now, f"From: bob@example.org\r\n{place.format(**fields)}\r\n\r\nnon\r\n".encode()))
    asked.run("collect")
    assert asked.answers() == {"ann": None, "bob": "no", "cid": None}


@pytest.mark.parametrize(("month", "day", "hour"), [(1, 8, 0), (12, 31, 23), (2, 1, 9), (6, 15, 12)])
def test_it_opens_in_the_first_days_of_january_only(world: World, month: int, day: int, hour: int) -> None:
    world.at(day, hour, month=month)
    with pytest.raises(RefusedError, match="between the 1st and the 7th of January"):
        world.run("open", "--year", "2027")
    assert world.server.taken == []
    assert world.office.store.all() == []


def test_days_are_those_of_paris(world: World) -> None:
    world.now = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    assert world.run("open").campaign == replace(world.campaign(), year=2027)
    assert world.campaign().opens.isoformat() == "2027-01-01"


def test_it_opens_on_another_day_if_told(world: World) -> None:
    world.register = replace(
        world.register, people=tuple(replace(one, until=END.date().replace(2028)) for one in people("ann"))
    )
    world.at(3, month=6).run("open", "--opens", "2027-06-03", "--deadline", "2027-06-30")
    assert world.campaign().end == datetime(2027, 7, 1, tzinfo=state.PARIS)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--year", "2026"], "between the 1st"),
        (["--year", "2028", "--opens", "2027-01-02"], "cannot open on"),
        (["--opens", "2027-01-03"], "cannot open on"),
        (["--opens", "2027-01-01"], "cannot open on"),
        (["--deadline", "2027-01-15"], "two weeks"),
    ],
)
def test_it_does_not_open_otherwise(world: World, words: list[str], why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        world.run("open", *words)
    assert world.server.taken == []


def test_nobody_to_ask(world: World) -> None:
    world.register = replace(world.register, people=())
    with pytest.raises(RefusedError, match="Nobody"):
        world.run("open")


def test_never_two_at_once_and_never_again(asked: World) -> None:
    with pytest.raises(RefusedError, match="2027 is open already"):
        asked.run("open", "--deadline", "2027-01-30")
    asked.now = datetime(2028, 1, 3, tzinfo=state.PARIS)
    with pytest.raises(RefusedError, match="2027 is still open"):
        asked.run("open")
    asked.run("close")
    with pytest.raises(RefusedError, match="never opened again"):
        asked.run("open", "--year", "2027")
    asked.register = replace(
        asked.register, people=tuple(replace(one, until=END.date().replace(2029)) for one in people("ann"))
    )
    assert asked.run("open").campaign is not None
    assert asked.office.store.open() == asked.office.store.read(2028)


def test_a_mail_that_is_refused_goes_out_with_the_next_run(world: World) -> None:
    world.server.refused = {"bob@example.org"}
    report = world.run("open")
    assert report.failed == "bob: 450 later"
    assert "The question NOT sent to bob: 450 later" in report.lines
    assert len(world.server.taken) == 2
    world.server.refused = set()
    assert world.run("run").changed
    assert len(world.server.sent_to("bob@example.org")) == 1
    assert len(world.server.taken) == 3


def test_dry_runs_change_nothing(world: World) -> None:
    world.is_dry = True
    report = world.run("open")
    assert report.changed
    assert "The question would be sent to ann, bob, cid." in report.lines
    assert world.server.taken == []
    assert [*world.directory.rglob("*")] == []
    world.is_dry = False
    world.run("open")
    world.reply("ann", "oui")
    world.at(20)
    before = {path: path.read_bytes() for path in world.directory.rglob("*") if path.is_file()}
    world.is_dry = True
    for step in ("collect", "status", "run", "remind", "close"):
        assert world.run(step).changed
    assert {path: path.read_bytes() for path in world.directory.rglob("*") if path.is_file()} == before


# --- Answers


def test_answers_count(asked: World) -> None:
    asked.reply("ann", "Oui, je garde mon titre.")
    asked.reply("bob", "Non merci")
    report = asked.run("collect")
    assert report.changed
    assert asked.answers() == {"ann": "yes", "bob": "no", "cid": None}
    assert not asked.run("collect").changed


def test_the_last_answer_in_time_counts(asked: World) -> None:
    for day, text in ((4, "oui"), (6, "non"), (5, "oui")):
        asked.reply("ann", text, at=datetime(2027, 1, day, tzinfo=UTC))
    asked.at(10).run("status")
    one = state.standing(asked.campaign(), "ann")
    assert one.answer == "no"
    assert one.changed_mind
    assert [mail.verdict for mail in one.history] == ["yes", "yes", "no"]


def test_the_deadline_is_when_our_server_had_it(asked: World) -> None:
    asked.reply("ann", "oui", at=END - timedelta(seconds=1))
    asked.reply("bob", "oui", at=END)
    asked.reply("cid", "non", at=END - timedelta(days=3))
    asked.reply("cid", "oui", at=END + timedelta(hours=1))
    asked.at(18).run("close")
    assert asked.answers() == {"ann": "yes", "bob": None, "cid": "no"}
    assert asked.campaign().outcome == {
        "year": 2027,
        "opened": "2027-01-02",
        "deadline": "2027-01-16",
        "stays": ["ann"],
        "leaves": [{"nick": "bob", "reason": "no answer"}, {"nick": "cid", "reason": "answered no"}],
        "late": ["bob", "cid"],
        "unclear": [],
    }


def test_two_answers_in_one_second_need_a_person(asked: World) -> None:
    asked.reply("ann", "oui")
    asked.reply("ann", "non")
    asked.run("collect")
    one = state.standing(asked.campaign(), "ann")
    assert one.answer is None
    assert len(one.unclear) == 2


def test_an_unclear_answer_is_shown_and_changes_nothing(asked: World) -> None:
    asked.reply("ann", "oui")
    asked.reply("ann", "Finalement, je ne sais plus", at=asked.now + timedelta(hours=1))
    asked.reply("bob", "On en parle ?")
    asked.run("collect")
    assert asked.answers() == {"ann": "yes", "bob": None, "cid": None}
    assert state.outcome(asked.campaign())["unclear"] == ["ann", "bob"]
    asked.reply("bob", "Oui", at=asked.now + timedelta(hours=2))
    asked.run("collect")
    assert state.outcome(asked.campaign())["unclear"] == ["ann"]


def test_what_is_no_answer(asked: World) -> None:
    asked.reply("ann", "oui", token="a" * 32)
    asked.reply("bob", "oui", token=asked.token("bob", 2026))
    asked.mailbox.append(Mail(asked.now, b"From: ann@example.org\r\nTo: technique@example.org\r\n\r\noui\r\n"))
    both = f"technique+{asked.token('ann')}@example.org, technique+{asked.token('bob')}@example.org"
    asked.mailbox.append(Mail(asked.now, f"From: ann@example.org\r\nTo: {both}\r\n\r\noui\r\n".encode()))
    automatic = asked.reply("cid", "oui")
    asked.mailbox[-1] = Mail(automatic.at, b"Auto-Submitted: auto-replied\r\n" + automatic.raw)
    asked.run("collect")
    assert asked.answers() == {"ann": None, "bob": None, "cid": None}
    notes = sorted(one.note for one in state.others(asked.campaign(), state.Kind.UNMATCHED))
    assert notes == ["no token", "several tokens", "wrong token", "wrong token"]
    assert [one.nick for one in state.others(asked.campaign(), state.Kind.AUTOMATIC)] == ["cid"]


def test_people_answer_from_other_addresses(asked: World) -> None:
    asked.reply("ann", "oui", sender="Ann.Elsewhere@Example.NET")
    asked.run("collect")
    assert asked.answers()["ann"] == "yes"
    assert state.standing(asked.campaign(), "ann").counted == state.Received(
        kind=state.Kind.ANSWER,
        at=asked.now.astimezone(UTC),
        nick="ann",
        verdict=answers.Verdict.YES,
        sender="ann.elsewhere@example.net",
        subject="Re: question",
        said="oui",
        note="sent from another address",
    )


def test_nobody_answers_for_another_rt(asked: World) -> None:
    # Such as the RTC who replies to somebody's question with a copy to the mailbox.
    asked.reply("bob", "Oui, bien noté", sender="ann@example.org")
    asked.run("collect")
    assert asked.answers()["bob"] is None
    assert state.standing(asked.campaign(), "bob").unclear[0].note == "sent by another RT"


@pytest.mark.parametrize("sender", [ADDRESS, "Technique+x@example.org"])
def test_what_the_college_itself_writes_is_nobody_s_answer(asked: World, sender: str) -> None:
    asked.reply("bob", "Oui", sender=sender)
    asked.run("collect")
    assert asked.campaign().received == {}


def test_a_bounce_is_shown_beside_whose_mail_it_was(asked: World) -> None:
    [message] = asked.server.sent_to("cid@example.org")
    raw = (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@example.org\r\nTo: technique@example.org\r\n"
        'Content-Type: multipart/report; boundary="x"\r\n\r\n--x\r\n\r\nno such user\r\n--x\r\n'
        f"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message['Message-ID']}\r\n--x--\r\n"
    )
    asked.mailbox.append(Mail(asked.now, raw.encode()))
    report = asked.run("status")
    assert report.page is not None
    assert "un message est revenu" in report.page.read_text()


# --- Reminders


def reminded(world: World, nick: str) -> list[str]:
    """Return the subjects of the reminders that somebody got."""
    found = [str(make_header(decode_header(one["Subject"]))) for one in world.server.sent_to(f"{nick}@example.org")]
    return [one.split(" :")[0] for one in found if "appel" in one]


def test_reminders_go_out_once_to_those_without_an_answer(asked: World) -> None:
    asked.reply("ann", "oui")
    asked.reply("bob", "Bonjour, on en parle")
    asked.at(8).run("run")
    assert [*map(reminded, [asked] * 3, ("ann", "bob", "cid"))] == [[], [], []]
    asked.at(9, 0).run("run")
    asked.at(9, 12).run("run")
    asked.at(10).run("remind")
    assert [*map(reminded, [asked] * 3, ("ann", "bob", "cid"))] == [[], ["[Aurore] Rappel"], ["[Aurore] Rappel"]]
    unclear, missing = asked.server.taken[-2:]
    assert "ne commence pas clairement" in unclear.get_content()
    assert "n'avons pas encore reçu" in missing.get_content()
    asked.reply("cid", "non")
    asked.at(14).run("run")
    asked.at(16, 23, 59).run("run")
    assert reminded(asked, "cid") == ["[Aurore] Rappel"]
    assert reminded(asked, "bob") == ["[Aurore] Rappel", "[Aurore] Dernier rappel"]
    asked.at(17, 0).run("run")
    assert len(asked.server.taken) == 6


def test_only_the_last_reminder_is_made_up_for(asked: World) -> None:
    asked.at(15).run("run")
    asked.at(16).run("run")
    assert reminded(asked, "ann") == ["[Aurore] Dernier rappel"]


def test_nobody_is_reminded_who_may_have_answered(asked: World) -> None:
    asked.is_away = True
    asked.reply("ann", "oui")
    report = asked.at(9).run("run")
    assert "cannot be read" in report.failed
    assert len(asked.server.taken) == 3
    asked.is_away = False
    asked.at(9).run("run")
    assert [*map(reminded, [asked] * 3, ("ann", "bob"))] == [[], ["[Aurore] Rappel"]]


def test_who_was_asked_late_is_not_reminded_at_once(world: World) -> None:
    world.server.refused = {"bob@example.org"}
    world.run("open")
    world.server.refused = set()
    world.at(9).run("run")
    world.at(10).run("run")
    assert [*map(reminded, [world] * 2, ("ann", "bob"))] == [["[Aurore] Rappel"], []]
    assert len(world.server.sent_to("bob@example.org")) == 1
    world.at(14).run("run")
    assert reminded(world, "bob") == ["[Aurore] Dernier rappel"]


# --- The end


def test_it_is_not_closed_before_the_end_of_the_last_day(asked: World) -> None:
    asked.now = END - timedelta(seconds=1)
    with pytest.raises(RefusedError, match="before the end of 2027-01-16"):
        asked.run("close")
    asked.now = END
    assert asked.run("close").changed


def test_it_is_not_closed_without_a_last_look_into_the_mailbox(asked: World) -> None:
    asked.at(17).is_away = True
    with pytest.raises(campaign.MailboxError):
        asked.run("close")
    asked.reply("ann", "oui", at=END - timedelta(minutes=1))
    asked.is_away = False
    outcome = asked.run("close").as_json()["outcome"]
    assert outcome["stays"] == ["ann"]


def test_closing_again_gives_the_same(asked: World) -> None:
    first = asked.at(17).run("close").as_json()["outcome"]
    asked.reply("ann", "oui, désolée du retard")
    asked.is_away = True
    again = asked.at(20).run("close")
    assert not again.changed
    assert again.as_json()["outcome"] == first


def test_what_comes_after_the_end_is_shown(asked: World) -> None:
    asked.at(17).run("close")
    asked.reply("ann", "oui, désolée du retard")
    report = asked.at(20).run("status")
    assert report.page is not None
    text = unescape(report.page.read_text())
    assert "désolée du retard" in text
    assert "Après l'échéance" in text
    assert asked.campaign().outcome == state.outcome(asked.campaign()) | {"late": []}


def test_an_answer_in_time_that_is_found_after_the_closing_is_told(asked: World) -> None:
    asked.at(17).run("close")
    asked.reply("ann", "oui", at=END - timedelta(days=1))
    report = asked.run("status")
    assert report.page is not None
    assert "à la main" in report.page.read_text()


def test_other_mail_after_the_end_is_nobody_s_business(asked: World) -> None:
    asked.at(17).run("close")
    asked.mailbox.append(Mail(asked.now, b"From: x@example.org\r\nSubject: facture\r\n\r\nBonjour\r\n"))
    asked.run("status")
    assert asked.campaign().received == {}


# --- State


@pytest.mark.parametrize("step", ["collect", "remind", "status", "close"])
def test_without_a_campaign(world: World, step: str) -> None:
    assert not world.run(step).changed
    assert world.run("run").lines == ("No campaign is open.",)
    with pytest.raises(RefusedError, match="No campaign 2026"):
        world.run(step, "--year", "2026")


def test_another_key_is_noticed(asked: World) -> None:
    asked.key = b"x" * 32
    with pytest.raises(SettingsError, match="Put the old key back"):
        asked.run("collect")


def test_a_damaged_state_is_told(asked: World) -> None:
    path = asked.office.store.place(2027) / "campaign.json"
    for text in ("{", "[]", '{"version": 2}', json.dumps(json.loads(path.read_text()) | {"opens": None})):
        path.write_text(text)
        with pytest.raises(SettingsError, match=r"campaign\.json is damaged"):
            asked.run("status")


def test_a_new_address_gets_the_reminder(asked: World) -> None:
    ann, *others = asked.register.people
    asked.register = replace(asked.register, people=(replace(ann, mail="new@example.net"), *others))
    asked.at(9).run("run")
    assert len(asked.server.sent_to("new@example.net")) == 1


def test_what_comes_next(asked: World) -> None:
    assert "2027-01-09 and 2027-01-14" in campaign.following(asked.campaign(), asked.now)
    assert "close" in campaign.following(asked.campaign(), END)
    asked.at(17).run("close")
    assert "merge request" in campaign.following(asked.campaign(), asked.now)


def test_metrics(asked: World) -> None:
    asked.reply("ann", "oui")
    asked.run("run")
    found = {
        (one.name, labels.get("answer", "")): value
        for one in campaign.measure(asked.campaign(), END, is_complete=True)
        for labels, value in one.samples
    }
    assert found["aurore_rt_campaign_open", ""] == 1
    assert found["aurore_rt_campaign_overdue", ""] == 1
    assert [found["aurore_rt_campaign_answers", name] for name in ("yes", "no", "missing")] == [1, 0, 2]
