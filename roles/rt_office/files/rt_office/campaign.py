"""Ask the RTs whether they keep their title: every January, by mail.

The state of a campaign is a file; what was sent is in the outbox; what was answered is in the mailbox, which is only
read. So every command can be killed and run again: it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from . import answers, letters, metrics, page, state, tokens
from .mailbox import Mailbox, MailboxError
from .metrics import Metric
from .outbox import UnsentError
from .outbox import replace as write
from .postfix import open_outbox
from .settings import PLACE, SettingsError, a_day, parser, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from email.message import EmailMessage

    from .mailbox import Mail
    from .metrics import Labels
    from .outbox import Outbox
    from .settings import Register, Settings
    from .state import Asked, Campaign

FIRST_DAYS = 7
"""Without being told a day, a campaign opens on one of the first days of January."""
PLAYBOOK = "ansible-playbook playbooks/operations/rt_campaign.yml"
EARLIER = timedelta(days=2)
"""Mails are read from a little before the opening: servers' days are not all ours."""


class RefusedError(Exception):
    """What was asked is not to be done now; says why, and what to do."""


@dataclass(frozen=True)
class Report:
    """What a command has done."""

    changed: bool
    lines: tuple[str, ...]
    """For a person to read."""
    following: str
    """What to do next."""
    campaign: Campaign | None = None
    page: Path | None = None
    failed: str = ""
    """What was left for the next run, and why."""

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "changed": self.changed,
            "lines": [*self.lines],
            "next": self.following,
            "year": self.campaign.year if self.campaign else None,
            "outcome": self.campaign.outcome if self.campaign else None,
            "page": str(self.page) if self.page else None,
            "failed": self.failed,
        }


class Store:
    """The campaigns on the disk: a directory for each year."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def place(self, year: int) -> Path:
        """Return a campaign's directory."""
        return self.directory / str(year)

    def read(self, year: int) -> Campaign | None:
        """Return a campaign.

        Raises:
            SettingsError: its file cannot be understood.
        """
        path = self.place(year) / "campaign.json"
        try:
            return state.load(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"{path} is damaged: {error!r}. Restore it from the backup.") from None

    def write(self, campaign: Campaign) -> None:
        """Put a campaign on the disk, durably."""
        place = self.place(campaign.year)
        place.mkdir(mode=0o750, parents=True, exist_ok=True)
        write(place / "campaign.json", json.dumps(state.dump(campaign), ensure_ascii=False, indent=1) + "\n")

    def all(self) -> list[Campaign]:
        """Return all campaigns, the last year's first."""
        years = [path.parent.name for path in self.directory.glob("*/campaign.json")]
        found = [self.read(int(year)) for year in sorted(years, reverse=True) if year.isdecimal()]
        return [one for one in found if one]

    def open(self) -> Campaign | None:
        """Return the campaign that is not closed yet."""
        return next((one for one in self.all() if one.outcome is None), None)

    def chosen(self, year: int | None) -> Campaign | None:
        """Return the campaign of a year; without one, that which is open, or else the last."""
        if year is not None:
            return self.read(year)
        return self.open() or next(iter(self.all()), None)


@dataclass(frozen=True)
class Office:
    """What the commands work with."""

    store: Store
    register: Register
    outbox: Outbox
    mails_since: Callable[[date], Iterable[Mail]]
    """Reads the mailbox."""
    key: bytes
    """Makes the tokens."""
    address: str
    name: str
    now: datetime
    is_dry: bool = False
    """Nothing is changed or sent: only told."""

    @property
    def today(self) -> date:
        """The day in Paris."""
        return self.now.astimezone(state.PARIS).date()

    def token(self, campaign: Campaign, nick: str) -> str:
        """Return a person's token.

        Raises:
            SettingsError: the key is not the one that the campaign was opened with.
        """
        if tokens.key_mark(self.key, campaign.year) != campaign.key_mark:
            raise SettingsError(
                f"The key of the tokens is not the one with which the campaign {campaign.year} was opened: answers to "
                "its mails would not be recognised. Put the old key back until it is closed."
            )
        return tokens.token(self.key, campaign.year, nick)

    def writer(self) -> letters.Writer:
        """Return who writes."""
        contact = " ou ".join(f"{one.name} <{one.mail}>" for one in self.register.leads(self.today))
        return letters.Writer(self.name, self.address, contact, self.now.astimezone(state.PARIS))

    def current(self, person: Asked) -> Asked:
        """Return a person with the mail address that the register has now."""
        known = self.register.person(person.nick)
        return replace(person, mail=known.mail) if known else person


def key_of(campaign: Campaign, token: str, reminder: int = 0) -> str:
    """Return the outbox's key of a mail. The Message-ID is made from it, so that replies have the token there too."""
    # Short: programs that cannot read a Message-ID on two lines are not rare.
    return f"rt-{campaign.year}-{reminder}-{token}"


# --- Steps


def new_campaign(office: Office, year: int, opens: date | None, deadline: date | None) -> Campaign:
    """Return the campaign that is to be opened.

    Raises:
        RefusedError: it is not.
    """
    first = opens or office.today
    last = deadline or first + state.SHORTEST
    if opens is None and not (office.today.month == 1 and office.today.day <= FIRST_DAYS and office.today.year == year):
        raise RefusedError(
            f"The campaign {year} opens between the 1st and the {FIRST_DAYS}th of January {year}, and today is "
            f"{office.today}. To open it today all the same: --opens {office.today}"
        )
    if first != office.today or first.year != year:
        raise RefusedError(
            f"The mails go out at once, and today is {office.today}: a campaign {year} cannot open on {first}."
        )
    if last < first + state.SHORTEST:
        raise RefusedError(
            f"People have two weeks to answer, as the college decided: the deadline is {first + state.SHORTEST} or "
            f"later, not {last}."
        )
    asked = tuple(
        state.Asked(one.nick, one.name, one.mail) for one in office.register.people if one.has_mandate(office.today)
    )
    if not asked:
        raise RefusedError(f"Nobody's mandate runs on {office.today}: there is nobody to ask.")
    return state.Campaign(year, first, last, asked, tokens.key_mark(office.key, year))


def opened(office: Office, year: int, opens: date | None, deadline: date | None) -> tuple[Campaign, bool]:
    """Return the campaign of a year, and whether it is new: opened now, or before if a run was interrupted.

    Raises:
        RefusedError: it must not be opened.
    """
    if known := office.store.read(year):
        if known.outcome is not None:
            raise RefusedError(f"The campaign {year} is closed. A closed campaign is never opened again.")
        if (opens or known.opens, deadline or known.deadline) != (known.opens, known.deadline):
            raise RefusedError(f"The campaign {year} is open already, from {known.opens} to {known.deadline}.")
        return known, False
    if other := office.store.open():
        raise RefusedError(f"The campaign {other.year} is still open: close it first.")
    campaign = new_campaign(office, year, opens, deadline)
    if not office.is_dry:
        # Before the first mail: who is asked, and until when, does not depend on when this is killed.
        office.store.write(campaign)
    return campaign, True


@dataclass(frozen=True)
class Sent:
    """What was sent now, and what was not."""

    nicks: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def _send(office: Office, mails: Iterable[tuple[str, str, Callable[[], EmailMessage]]]) -> Sent:
    """Send mails: to whom, with which key, and what makes them."""
    nicks, failed = [], []
    for nick, key, make in mails:
        if office.outbox.sent_at(key) is not None:
            continue
        if office.is_dry:
            nicks.append(nick)
            continue
        try:
            if office.outbox.send(key, make()):
                nicks.append(nick)
        # The others' mails do not wait for this one.
        except UnsentError as error:
            failed.append(f"{nick}: {error}")
    return Sent(tuple(nicks), tuple(failed))


def invite(office: Office, campaign: Campaign) -> tuple[Campaign, Sent]:
    """Ask all who were not asked yet. Return the campaign that knows it, and is on the disk."""
    if office.now >= campaign.end or campaign.outcome is not None:
        return campaign, Sent()
    writer = office.writer()
    keys = {one.nick: key_of(campaign, office.token(campaign, one.nick)) for one in campaign.asked}

    def mails() -> Iterable[tuple[str, str, Callable[[], EmailMessage]]]:
        for person in campaign.asked:
            to, token = office.current(person), office.token(campaign, person.nick)
            yield person.nick, keys[person.nick], partial(letters.ask, to, campaign, token, writer)

    sent = _send(office, mails())
    known = {nick: office.today for nick, key in keys.items() if office.outbox.sent_at(key)} | {**campaign.questions}
    if known != campaign.questions and not office.is_dry:
        campaign = replace(campaign, questions=MappingProxyType(known))
        office.store.write(campaign)
    return campaign, sent


def remind(office: Office, campaign: Campaign) -> Sent:
    """Remind those without an answer, if a reminder is due. The mailbox must have been read just before."""
    number = state.due(campaign, office.now)
    if not number or campaign.outcome is not None:
        return Sent()
    writer = office.writer()

    def mails() -> Iterable[tuple[str, str, Callable[[], EmailMessage]]]:
        for person in state.to_remind(campaign, number):
            to, token = office.current(person), office.token(campaign, person.nick)
            is_unclear = bool(state.standing(campaign, person.nick).unclear)
            make = partial(letters.remind, to, campaign, token, writer, is_unclear=is_unclear)
            yield person.nick, key_of(campaign, token, number), make

    return _send(office, mails())


def collect(office: Office, campaign: Campaign) -> tuple[Campaign, int]:
    """Return the campaign with all mails that are in the mailbox, and how many are new. It is on the disk by then.

    Raises:
        MailboxError: the mailbox cannot be read.
    """
    own = {one.nick: office.token(campaign, one.nick) for one in campaign.asked}
    more: dict[str, state.Received] = {}
    for mail in office.mails_since(campaign.opens - EARLIER):
        letter = answers.read(mail.raw)
        if _is_own(letter.sender, office.address):
            continue
        received = state.classify(letter, mail.at, campaign.asked, own)
        # The mailbox has mail about everything, all the year round.
        if received.kind is state.Kind.ANSWER or mail.at < campaign.end or received.note == "wrong token":
            more[state.digest(mail.at, mail.raw)] = received
    new = len(more.keys() - campaign.received.keys())
    campaign = state.with_received(campaign, more, office.now)
    if not office.is_dry:
        office.store.write(campaign)
    return campaign, new


def _is_own(sender: str, address: str) -> bool:
    """Whether somebody wrote in the mailbox's own name."""
    local, _, domain = address.lower().rpartition("@")
    return re.fullmatch(rf"{re.escape(local)}(\+[^@]*)?@{re.escape(domain)}", sender) is not None


def close(office: Office, campaign: Campaign) -> Campaign:
    """Return the campaign with its outcome, after having read the mailbox a last time.

    Raises:
        RefusedError: answers may still come.
        MailboxError: the mailbox cannot be read, so that an answer might be lost.
    """
    if campaign.outcome is not None:
        return campaign
    if office.now < campaign.end:
        raise RefusedError(
            f"The campaign {campaign.year} cannot be closed before the end of {campaign.deadline} (Paris): answers "
            "count until then."
        )
    campaign, _ = collect(office, campaign)
    campaign = replace(campaign, outcome=state.outcome(campaign))
    if not office.is_dry:
        office.store.write(campaign)
    return campaign


# --- What is told


def sent_mails(office: Office, campaign: Campaign) -> dict[str, list[datetime | None]]:
    """Return for each nick when the question went out, then each reminder."""
    if tokens.key_mark(office.key, campaign.year) != campaign.key_mark:
        # The outbox's keys have the tokens: of an old campaign, nobody can tell any more.
        return {}
    numbers = range(len(state.reminders(campaign)) + 1)
    return {
        one.nick: [
            office.outbox.sent_at(key_of(campaign, office.token(campaign, one.nick), number)) for number in numbers
        ]
        for one in campaign.asked
    }


def contradiction(campaign: Campaign) -> str:
    """Return a warning if the mailbox says something else than the outcome does; in French, for the page."""
    if campaign.outcome is None or state.outcome(campaign)["stays"] == campaign.outcome["stays"]:
        return ""
    return (
        "Des réponses reçues avant l'échéance n'ont été trouvées qu'après la clôture : la proposition faite au collège "
        "n'en tient pas compte. Corrigez-la à la main."
    )


def following(campaign: Campaign | None, now: datetime) -> str:
    """Return what the RTC does next."""
    if campaign is None:
        return f"No campaign was ever opened. In the first {FIRST_DAYS} days of January: {PLAYBOOK} -e step=open"
    if campaign.outcome is not None:
        return (
            f"The campaign {campaign.year} is closed: its outcome is a merge request, which the college decides about."
        )
    if now >= campaign.end:
        return f"The deadline has passed. Read what is unclear or late on the page, then: {PLAYBOOK} -e step=close"
    left = [str(day) for day in state.reminders(campaign) if day > now.astimezone(state.PARIS).date()]
    reminders = f" Reminders go out by themselves on {' and '.join(left)}." if left else ""
    return (
        f"Answers count until the end of {campaign.deadline} (Paris).{reminders} After that: {PLAYBOOK} -e step=close"
    )


def measure(campaign: Campaign | None, now: datetime, *, is_complete: bool) -> list[Metric]:
    """Return what monitoring reads."""
    is_open = campaign is not None and campaign.outcome is None
    found = [
        Metric.single("aurore_rt_campaign_open", "Whether a campaign is open.", int(is_open)),
        Metric.single("aurore_rt_campaign_last_run_timestamp_seconds", "End of the last run.", int(time.time())),
        Metric.single("aurore_rt_campaign_last_run_complete", "Whether it could do all it had to.", int(is_complete)),
    ]
    if campaign is None:
        return found
    number, year = state.counts(campaign), {"year": str(campaign.year)}
    answers_: list[tuple[Labels, float]] = [
        ({**year, "answer": name}, number[name]) for name in ("yes", "no", "missing")
    ]
    to_read: list[tuple[Labels, float]] = [(year, number["unclear"])]
    overdue: list[tuple[Labels, float]] = [(year, int(is_open and now >= campaign.end))]
    return [
        *found,
        Metric("aurore_rt_campaign_answers", "RTs by what they answered.", answers_),
        Metric("aurore_rt_campaign_unclear", "RTs whose answer a person must read.", to_read),
        Metric("aurore_rt_campaign_overdue", "Whether the deadline has passed, and nobody has closed it.", overdue),
    ]


def publish(office: Office, campaign: Campaign, trouble: str = "") -> Path:
    """Write the page, and the same for programs; return where the page is."""
    place = office.store.place(campaign.year)
    if not office.is_dry:
        sent = sent_mails(office, campaign)
        trouble = " ".join(filter(None, (trouble, contradiction(campaign))))
        write(place / "state.html", page.html(campaign, sent, office.now, trouble))
        told = page.data(campaign, sent, office.now)
        write(place / "state.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    return place / "state.html"


def _told(what: str, sent: Sent, is_dry: bool) -> list[str]:
    """Return lines about mails that were sent or not."""
    verb = "would be sent" if is_dry else "sent"
    lines = [f"{what} {verb} to {', '.join(sent.nicks)}."] if sent.nicks else []
    return [*lines, *(f"{what} NOT sent to {one}" for one in sent.failed)]


def _report(office: Office, campaign: Campaign, changed: bool, lines: Iterable[str], failed: Iterable[str]) -> Report:
    """Return what a command has done, with the table; the page is written."""
    failures = "; ".join(failed)
    in_french = "La dernière exécution n'a pas pu tout faire : ce qui suit peut dater." if failures else ""
    return Report(
        changed=changed,
        lines=(*lines, *page.text(campaign, sent_mails(office, campaign))),
        following=following(campaign, office.now),
        campaign=campaign,
        page=publish(office, campaign, in_french),
        failed=failures,
    )


# --- Commands


def do_open(office: Office, year: int, opens: date | None, deadline: date | None) -> Report:
    """Open a campaign, or finish opening it."""
    campaign, is_new = opened(office, year, opens, deadline)
    campaign, sent = invite(office, campaign)
    verb = "would be opened" if office.is_dry else "is open"
    lines = [
        f"The campaign {year} {verb}, from {campaign.opens} to {campaign.deadline}, for {len(campaign.asked)} people."
    ]
    lines += _told("The question", sent, office.is_dry)
    return _report(office, campaign, is_new or bool(sent.nicks), lines, sent.failed)


def do_day(office: Office, campaign: Campaign, *, invites: bool, reminds: bool) -> Report:
    """Do what a day asks for: questions that did not go out yet, the answers, reminders."""
    asked, reminded, new = Sent(), Sent(), 0
    if invites:
        campaign, asked = invite(office, campaign)
    failed = [*asked.failed]
    try:
        campaign, new = collect(office, campaign)
    except MailboxError as error:
        # Nobody is reminded who may have answered.
        failed.append(str(error))
    else:
        reminded = remind(office, campaign) if reminds else reminded
        failed += reminded.failed
    lines = _told("The question", asked, office.is_dry) + [f"{new} new mails in the mailbox."] * bool(new)
    lines += _told("A reminder", reminded, office.is_dry)
    lines += [f"NOT READ: {one}" for one in failed if one not in {*asked.failed, *reminded.failed}]
    return _report(office, campaign, bool(new or asked.nicks or reminded.nicks), lines, failed)


def do_close(office: Office, campaign: Campaign) -> Report:
    """Close a campaign; one that is closed stays as it is."""
    closed = close(office, campaign)
    is_new = campaign.outcome is None
    verb = "would be closed" if office.is_dry else "is closed"
    return _report(office, closed, is_new, [f"The campaign {closed.year} {verb}."], [])


def _none(year: int | None, now: datetime) -> Report:
    if year is not None:
        raise RefusedError(f"No campaign {year} was ever opened.")
    return Report(changed=False, lines=(), following=following(None, now))


def execute(office: Office, given: argparse.Namespace) -> Report:
    """Run a command.

    Raises:
        RefusedError: it is not to be done now.
        MailboxError, SettingsError: it cannot be done.
    """
    if given.step == "open":
        return do_open(office, given.year or office.today.year, given.opens, given.deadline)
    if given.step == "run":
        campaign = office.store.open()
        report = (
            do_day(office, campaign, invites=True, reminds=True)
            if campaign
            else Report(changed=False, lines=("No campaign is open.",), following=following(None, office.now))
        )
    else:
        campaign = office.store.chosen(given.year)
        if campaign is None:
            return _none(given.year, office.now)
        if given.step == "close":
            report = do_close(office, campaign)
        else:
            # The state of play is that of now: it reads the mailbox, too.
            report = do_day(office, campaign, invites=False, reminds=given.step == "remind")
    return report


# --- Command line


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=state.PARIS)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    options = parser("campaign", __doc__)
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--dry-run", action="store_true", help="tell what would be done; send and change nothing")
    common.add_argument("--json", action="store_true", help="tell it for programs")
    # So that a whole campaign can be rehearsed, with settings of its own.
    common.add_argument("--now", type=_moment, help=argparse.SUPPRESS)
    common.add_argument("--year", type=int, help="the campaign; by default the one that is open, or the last one")
    steps = options.add_subparsers(dest="step", required=True, metavar="step")
    described = {
        "open": "open the campaign of this year, and ask everybody",
        "collect": "read the answers",
        "remind": "read the answers, and remind those without one if a reminder is due",
        "status": "read the answers, write the page, print the state of play",
        "close": "after the deadline: print what the college has to decide about",
        "run": "what the timer does every day: ask those who were not, read the answers, remind",
    }
    made = {name: steps.add_parser(name, help=text, parents=[common]) for name, text in described.items()}
    made["open"].add_argument("--opens", type=a_day, help="today, to open at another time than the first of January")
    made["open"].add_argument("--deadline", type=a_day, help="the last day; two weeks later by default")
    given = options.parse_args(arguments)
    if given.now and given.settings == PLACE:
        options.error("--now is for rehearsals, which need --settings of their own")
    return given


def _secret(settings: Settings, name: str) -> str:
    path = settings.secrets / name
    try:
        found = path.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise SettingsError(f"The secret {path} cannot be read: {error.strerror}.") from None
    except UnicodeError:
        raise SettingsError(f"The secret {path} is not text.") from None
    return found


def make_office(settings: Settings, now: datetime, *, is_dry: bool) -> Office:
    """Return what the commands work with.

    Raises:
        SettingsError: settings or secrets are missing.
    """
    own = settings.campaign
    try:
        where = own["mailbox"]
        host, port, user, authority = where["host"], int(where["port"]), where["user"], Path(where["authority"])
        address = own["address"]
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"The settings of the campaign are not as Ansible writes them: {error!r}.") from None
    key = _secret(settings, "token-key").encode()
    if len(key) < tokens.SHORTEST_KEY:
        raise SettingsError(
            f"The key of the tokens is too short: at least {tokens.SHORTEST_KEY} characters are needed."
        )
    mailbox = Mailbox(host, port, user, _secret(settings, "mailbox"), authority)
    return Office(
        store=Store(settings.state / "campaigns"),
        register=settings.read_register(),
        # What cannot be delivered comes back to the mailbox, too.
        outbox=open_outbox(replace(settings, sender=address)),
        mails_since=mailbox.since,
        key=key,
        address=address,
        name=settings.sender_name,
        now=now,
        is_dry=is_dry,
    )


def _print(report: Report, given: argparse.Namespace) -> None:
    if given.json:
        print(json.dumps(report.as_json(), ensure_ascii=False))  # noqa: T201 (a command)
    elif given.step == "close" and report.campaign:
        # For whatever comes next in a pipe; the rest is for people.
        print(json.dumps(report.campaign.outcome, ensure_ascii=False, indent=2))  # noqa: T201 (a command)
        print("\n".join([*report.lines, report.following]), file=sys.stderr)  # noqa: T201 (a command)
    else:
        print("\n".join([*report.lines, report.following]))  # noqa: T201 (a command)
    if report.failed:
        print(f"rt-office: left for the next run: {report.failed}", file=sys.stderr)  # noqa: T201 (a command)


def main(arguments: list[str]) -> int:
    """Run the command."""
    given = _parse(arguments)
    settings = read_settings(given.settings)
    try:
        with settings.only_run("campaign"):
            office = make_office(settings, given.now or datetime.now(UTC), is_dry=given.dry_run)
            report = execute(office, given)
            if not given.dry_run:
                told = measure(report.campaign or office.store.open(), office.now, is_complete=not report.failed)
                metrics.write(settings.metrics, "rt-campaign", told)
    except (RefusedError, MailboxError) as error:
        print(f"rt-office: {error}", file=sys.stderr)  # noqa: T201 (a command)
        return 2 if isinstance(error, RefusedError) else 1
    _print(report, given)
    return 1 if report.failed else 0
