"""An office without a host: a real outbox before a mail server that only remembers, and a mailbox that is a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email import message_from_bytes
from typing import TYPE_CHECKING

from rt_office import campaign, outbox, state, tokens
from rt_office.mailbox import Mail, MailboxError
from rt_office.outbox import Outbox, UnsentError
from rt_office.settings import Person, Register

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import EmailMessage, Message
    from pathlib import Path

    import pytest

KEY = b"0123456789abcdef0123456789abcdef"
ADDRESS = "technique@example.org"


class KilledError(BaseException):
    """The process is gone: nothing may catch this."""


class Fuse:
    """Kills at the step with a number; counts them all."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.steps = 0

    def step(self) -> None:
        """Pass a point at which a process can be killed."""
        self.steps += 1
        if self.steps == self.at:
            raise KilledError


@dataclass
class Server:
    """A mail server that takes everything, unless somebody's mail is refused."""

    host: str = "log.example.org"
    taken: list[EmailMessage] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    fuse: Fuse = field(default_factory=Fuse)

    def deliver(self, message: EmailMessage) -> None:
        """Take a message."""
        self.fuse.step()
        if any(f"<{mail}>" in str(message["To"]) or mail == str(message["To"]) for mail in self.refused):
            raise UnsentError("450 later")
        self.taken.append(message)
        self.fuse.step()

    def has_taken(self, message_id: str, since: datetime) -> bool:
        """Tell whether a message was taken."""
        return any(one["Message-ID"] == message_id for one in self.taken)

    def sent_to(self, mail: str) -> list[Message]:
        """Return what somebody got, as it arrives."""
        return [message_from_bytes(one.as_bytes()) for one in self.taken if mail in str(one["To"])]


def people(*nicks: str) -> tuple[Person, ...]:
    """Return people whose mandate runs; the first one is the RTC."""
    days = {"since": date(2026, 1, 15), "until": date(2027, 2, 11)}
    return tuple(
        Person(nick, nick.capitalize(), f"{nick}@example.org", "rt" if number else "rtc", **days)
        for number, nick in enumerate(nicks)
    )


GONE = Person("old", "Old", "old@example.org", "rt", date(2025, 1, 1), date(2026, 1, 31))


@dataclass
class World:
    """All that is outside of the program, and the program."""

    directory: Path
    server: Server = field(default_factory=Server)
    mailbox: list[Mail] = field(default_factory=list)
    register: Register = field(default_factory=lambda: Register((*people("ann", "bob", "cid"), GONE), ()))
    now: datetime = datetime(2027, 1, 2, 9, tzinfo=state.PARIS)
    is_away: bool = False
    is_dry: bool = False
    key: bytes = KEY

    @property
    def office(self) -> campaign.Office:
        """The office as a new process finds it."""
        return campaign.Office(
            store=campaign.Store(self.directory / "campaigns"),
            register=self.register,
            outbox=Outbox(self.directory / "outbox", self.server),
            mails_since=self._since,
            key=self.key,
            address=ADDRESS,
            name="Collège technique d'Aurore",
            now=self.now,
            is_dry=self.is_dry,
        )

    def _since(self, day: date) -> list[Mail]:
        self.server.fuse.step()
        if self.is_away:
            raise MailboxError("The mailbox technique@mail:993 cannot be read: connection refused.")
        return [mail for mail in self.mailbox if mail.at.date() >= day]

    def run(self, *words: str) -> campaign.Report:
        """Run a command."""
        given = campaign._parse([*words])
        return campaign.execute(self.office, given)

    def at(self, day: int, hour: int = 9, minute: int = 0, month: int = 1) -> World:
        """Let it be another time."""
        self.now = datetime(2027, month, day, hour, minute, tzinfo=state.PARIS)
        return self

    def token(self, nick: str, year: int = 2027) -> str:
        """Return a person's token."""
        return tokens.token(KEY, year, nick)

    def reply(self, nick: str, text: str, *, at: datetime | None = None, sender: str = "", token: str = "") -> Mail:
        """Put a reply into the mailbox."""
        at = (at or self.now).astimezone(UTC)
        sender = sender or f"{nick}@example.org"
        raw = (
            f"From: {sender}\r\nTo: technique+{token or self.token(nick)}@example.org\r\nSubject: Re: question\r\n"
            f"Message-ID: <{len(self.mailbox)}@example.org>\r\nDate: Fri, 01 Jan 2021 00:00:00 +0000\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        )
        mail = Mail(at, raw.encode())
        self.mailbox.append(mail)
        return mail

    def campaign(self, year: int = 2027) -> state.Campaign:
        """Return the campaign on the disk."""
        found = self.office.store.read(year)
        assert found is not None
        return found

    def answers(self) -> dict[str, str | None]:
        """Return what counts."""
        return {nick: one.answer for nick, one in state.standings(self.campaign()).items()}


def killing_writes(monkeypatch: pytest.MonkeyPatch, fuse: Callable[[], Fuse]) -> None:
    """Make each write to the disk a point at which a process can be killed, before and after."""
    real = outbox.replace

    def write(path: Path, text: str, mode: int = 0o640) -> None:
        fuse().step()
        real(path, text, mode)
        fuse().step()

    monkeypatch.setattr(outbox, "replace", write)
    monkeypatch.setattr(campaign, "write", write)
