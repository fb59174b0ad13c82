"""A campaign's state, and what follows from it. Pure: no clock, no disk, no network.

The mails that were received are a set that only grows: whoever answers what, the order in which mails are read, and how
often, changes nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from . import tokens
from .answers import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .answers import Letter

PARIS = ZoneInfo("Europe/Paris")
"""Days begin and end where the people are."""
SHORTEST = timedelta(weeks=2)
"""How long people have to answer, as the college decided."""
REMINDERS = (timedelta(days=7), timedelta(days=2))
"""After the opening, and before the deadline."""


class Kind(StrEnum):
    """What became of a mail."""

    ANSWER = "answer"
    AUTOMATIC = "automatic"
    UNMATCHED = "unmatched"


@dataclass(frozen=True)
class Asked:
    """Somebody who was asked."""

    nick: str
    name: str
    mail: str


@dataclass(frozen=True)
class Received:
    """A mail in the mailbox."""

    kind: Kind
    at: datetime
    """When our server had it, by UTC: what the sender's clock says decides nothing."""
    nick: str
    """Whose answer it is, or whose mail came back; empty if nobody knows."""
    verdict: Verdict
    sender: str
    subject: str
    said: str
    note: str
    """Why it is what it is, if that needs saying: one of the `NOTES` of the page."""

    @property
    def is_clear(self) -> bool:
        """Whether it says yes or no."""
        return self.verdict is not Verdict.UNCLEAR


@dataclass(frozen=True)
class Campaign:
    """All that must survive."""

    year: int
    opens: date
    deadline: date
    """The last day on which an answer counts."""
    asked: tuple[Asked, ...]
    key_mark: str
    """What tells that the key of the tokens has changed."""
    questions: Mapping[str, date] = field(default_factory=lambda: MappingProxyType({}))
    """On which day each was asked, as far as it has happened."""
    received: Mapping[str, Received] = field(default_factory=lambda: MappingProxyType({}))
    """By digest."""
    collected: datetime | None = None
    """When the mailbox was read last."""
    outcome: Mapping[str, Any] | None = None
    """Once the campaign is closed."""

    @property
    def end(self) -> datetime:
        """The first moment that is too late."""
        return datetime.combine(self.deadline + timedelta(days=1), time(), PARIS)


# --- Mails


def digest(at: datetime, raw: bytes) -> str:
    """Return what tells a mail from all others, in whichever folder it is and whatever number it has there."""
    return hashlib.sha256(at.astimezone(UTC).isoformat().encode() + b"\n" + raw).hexdigest()[:32]


def _address(text: str) -> str:
    return text.strip().lower()


def classify(letter: Letter, at: datetime, asked: Iterable[Asked], own: Mapping[str, str]) -> Received:
    """Return what becomes of a mail; `own` are the tokens, by nick."""
    people = {one.nick: one for one in asked}
    words = letter.enclosed if letter.automatic else letter.words
    nicks = tokens.owners(words, own)
    nick = next(iter(nicks)) if len(nicks) == 1 else ""
    kind, verdict, note = Kind.ANSWER, letter.verdict, ""
    if letter.automatic:
        kind, verdict, note = Kind.AUTOMATIC, Verdict.UNCLEAR, letter.automatic
    elif not nick:
        kind, verdict = Kind.UNMATCHED, Verdict.UNCLEAR
        note = "several tokens" if nicks else "wrong token" if words else "no token"
    elif letter.sender in {_address(one.mail) for one in people.values() if one.nick != nick}:
        # A reply to all, or by the RTC: it cites the token of the person whom it is about, and is somebody else's.
        verdict, note = Verdict.UNCLEAR, "sent by another RT"
    elif letter.sender != _address(people[nick].mail):
        note = "sent from another address"
    return Received(kind, at.astimezone(UTC), nick, verdict, letter.sender, letter.subject, letter.said, note)


def with_received(campaign: Campaign, more: Mapping[str, Received], at: datetime) -> Campaign:
    """Return the campaign with mails that were read; those it has already stay as they are."""
    return replace(campaign, received=MappingProxyType({**more, **campaign.received}), collected=at.astimezone(UTC))


# --- What it means


@dataclass(frozen=True)
class Standing:
    """Where a person stands."""

    answer: Verdict | None
    """What counts now; None without a clear answer in time."""
    counted: Received | None
    """The mail that says so."""
    history: tuple[Received, ...]
    """All answers in time, the oldest first."""
    unclear: tuple[Received, ...]
    """Those in time that a person has to read: after the last clear one."""
    late: tuple[Received, ...]

    @property
    def changed_mind(self) -> bool:
        """Whether clear answers differ."""
        return len({one.verdict for one in self.history if one.is_clear}) > 1


def _sorted(mails: Iterable[Received]) -> list[Received]:
    return sorted(mails, key=lambda one: (one.at, one.verdict, one.said, one.sender, one.subject, one.note))


def standing(campaign: Campaign, nick: str) -> Standing:
    """Return where a person stands: the last clear answer before the deadline counts."""
    mails = _sorted(one for one in campaign.received.values() if one.kind is Kind.ANSWER and one.nick == nick)
    in_time = [one for one in mails if one.at < campaign.end]
    clear = [one for one in in_time if one.is_clear]
    last = [one for one in clear if one.at == clear[-1].at]
    # Servers count seconds: nobody knows which of two answers in the same second is the last.
    agreed = len({one.verdict for one in last}) == 1
    counted = last[-1] if agreed else None
    unclear = [one for one in in_time if not one.is_clear and (not clear or one.at >= clear[-1].at)]
    return Standing(
        answer=counted.verdict if counted else None,
        counted=counted,
        history=tuple(in_time),
        unclear=tuple(unclear if agreed else _sorted([*unclear, *last])),
        late=tuple(one for one in mails if one.at >= campaign.end),
    )


def standings(campaign: Campaign) -> dict[str, Standing]:
    """Return where everybody stands, in the order in which they were asked."""
    return {one.nick: standing(campaign, one.nick) for one in campaign.asked}


def counts(campaign: Campaign) -> dict[str, int]:
    """Return how many said what; an unclear answer is a missing one, too."""
    found = standings(campaign).values()
    answers = Counter("missing" if one.answer is None else str(one.answer) for one in found)
    return {
        "asked": len(campaign.asked),
        **{name: answers[name] for name in ("yes", "no", "missing")},
        "unclear": sum(bool(one.unclear) for one in found),
        "late": sum(bool(one.late) for one in found),
    }


def others(campaign: Campaign, kind: Kind) -> list[Received]:
    """Return the mails of a kind, the oldest first."""
    return _sorted(one for one in campaign.received.values() if one.kind is kind)


def reminders(campaign: Campaign) -> list[date]:
    """Return the days of the reminders, the first one first."""
    days = {campaign.opens + REMINDERS[0], campaign.deadline - REMINDERS[1]}
    return sorted(day for day in days if campaign.opens < day <= campaign.deadline)


def due(campaign: Campaign, now: datetime) -> int:
    """Return which reminder should have gone out by now: its number from 1, or 0. A later one stands for all before."""
    if now >= campaign.end:
        return 0
    return sum(day <= now.astimezone(PARIS).date() for day in reminders(campaign))


def to_remind(campaign: Campaign, number: int) -> list[Asked]:
    """Return who gets a reminder: whoever has not answered, and was asked before its day."""
    day = reminders(campaign)[number - 1]
    return [
        one
        for one in campaign.asked
        if standing(campaign, one.nick).answer is None and campaign.questions.get(one.nick, day) < day
    ]


def outcome(campaign: Campaign) -> dict[str, Any]:
    """Return what the college has to decide about."""
    found = standings(campaign)
    reasons = {Verdict.NO: "answered no", None: "no answer"}
    return {
        "year": campaign.year,
        "opened": campaign.opens.isoformat(),
        "deadline": campaign.deadline.isoformat(),
        "stays": [nick for nick, one in found.items() if one.answer is Verdict.YES],
        "leaves": [
            {"nick": nick, "reason": reasons[one.answer]} for nick, one in found.items() if one.answer in reasons
        ],
        "late": [nick for nick, one in found.items() if one.late],
        "unclear": [nick for nick, one in found.items() if one.unclear],
    }


# --- On the disk


def dump(campaign: Campaign) -> dict[str, Any]:
    """Return the campaign as JSON has it."""
    return {
        "version": 1,
        "year": campaign.year,
        "opens": campaign.opens.isoformat(),
        "deadline": campaign.deadline.isoformat(),
        "asked": [asdict(one) for one in campaign.asked],
        "key_mark": campaign.key_mark,
        "questions": {nick: day.isoformat() for nick, day in campaign.questions.items()},
        "received": {key: asdict(one) | {"at": one.at.isoformat()} for key, one in sorted(campaign.received.items())},
        "collected": campaign.collected.isoformat() if campaign.collected else None,
        "outcome": campaign.outcome,
    }


def load(found: Mapping[str, Any]) -> Campaign:
    """Return the campaign that `dump` has described.

    Raises:
        KeyError, TypeError, ValueError: it has not.
    """
    if found["version"] != 1:
        raise ValueError(f"its version is {found['version']}, not 1")
    return Campaign(
        year=int(found["year"]),
        opens=date.fromisoformat(found["opens"]),
        deadline=date.fromisoformat(found["deadline"]),
        asked=tuple(Asked(**one) for one in found["asked"]),
        key_mark=found["key_mark"],
        questions=MappingProxyType({nick: date.fromisoformat(day) for nick, day in found["questions"].items()}),
        received=MappingProxyType({key: _received(one) for key, one in found["received"].items()}),
        collected=datetime.fromisoformat(found["collected"]) if found["collected"] else None,
        outcome=found["outcome"],
    )


def _received(found: Mapping[str, str]) -> Received:
    kept = {name: found[name] for name in ("nick", "sender", "subject", "said", "note")}
    kind, verdict = Kind(found["kind"]), Verdict(found["verdict"])
    return Received(kind=kind, at=datetime.fromisoformat(found["at"]), verdict=verdict, **kept)
