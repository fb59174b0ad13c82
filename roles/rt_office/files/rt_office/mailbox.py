"""The mailbox to which people answer, by IMAP over TLS. It is only ever read: nothing is moved, marked or removed."""

from __future__ import annotations

import imaplib
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from .answers import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PATIENCE = 60
"""Seconds in which the server must say something."""
AT_ONCE = 25
"""How many mails are fetched with one request."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_FOLDER = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (?P<name>.+)', re.DOTALL)
# What was written here rather than received, and what is no folder.
_NOT_RECEIVED = {rb"\drafts", rb"\sent", rb"\noselect", rb"\nonexistent"}
_OWN_FOLDERS = re.compile(rb"(?i)(?:inbox[./])?(?:sent|sent items|sent messages|drafts)")
_INTERNAL_DATE = re.compile(
    rb'INTERNALDATE "\s*(?P<day>\d{1,2})-(?P<month>\w{3})-(?P<year>\d{4}) (?P<time>[\d:]{8}) (?P<zone>[+-]\d{4})"'
)

type Part = bytes | tuple[bytes, bytes]


class MailboxError(Exception):
    """The mailbox cannot be read; says which, and why."""


@dataclass(frozen=True)
class Mail:
    """A mail, and when the server had it."""

    at: datetime
    raw: bytes


@dataclass(frozen=True)
class Mailbox:
    """How to get at it."""

    host: str
    port: int
    user: str
    password: str
    authority: Path
    """Who must have signed the server's certificate."""

    def __repr__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"

    def since(self, day: date) -> list[Mail]:
        """Return all mails received since a day, in whichever folder somebody or a filter has put them.

        Raises:
            MailboxError: it cannot be read, or not wholly.
        """
        try:
            context = ssl.create_default_context(cafile=str(self.authority))
            with imaplib.IMAP4_SSL(self.host, self.port, ssl_context=context, timeout=PATIENCE) as server:
                # Unlike LOGIN, it takes any character.
                server.authenticate("PLAIN", lambda _: f"\0{self.user}\0{self.password}".encode())
                return [mail for folder in _folders(server) for mail in _read(server, folder, day)]
        except (imaplib.IMAP4.error, OSError, ValueError) as error:
            raise MailboxError(f"The mailbox {self!r} cannot be read: {error}.") from error


def _checked(answer: tuple[str, Sequence[object]], what: str) -> list[Part]:
    status, parts = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"{what}: {parts!r}")
    return [part for part in parts if isinstance(part, (bytes, tuple))]


def folder_name(part: Part) -> bytes | None:
    """Return a folder's name as the server wants it, from its line in a list; None if no mail is received there."""
    # A name with odd characters comes as a literal.
    line, literal = (part[0], part[1]) if isinstance(part, tuple) else (part, None)
    found = _FOLDER.fullmatch(line)
    if not found:
        return None
    quoted = found["name"].strip()
    name = literal if literal is not None else re.sub(rb"\\(.)", rb"\1", quoted[1:-1]) if quoted[:1] == b'"' else quoted
    if {*found["flags"].lower().split()} & _NOT_RECEIVED or _OWN_FOLDERS.fullmatch(name):
        return None
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", name) + b'"'


def _folders(server: imaplib.IMAP4) -> list[str]:
    names = map(folder_name, _checked(server.list(), "LIST"))
    return [name.decode("latin-1") for name in names if name]


def _read(server: imaplib.IMAP4, folder: str, day: date) -> Iterator[Mail]:
    # Read-only: with EXAMINE the server itself refuses to change anything.
    _checked(server.select(folder, readonly=True), f"EXAMINE {folder}")
    since = f"{day.day}-{MONTHS[day.month - 1]}-{day.year}"
    found = _checked(server.uid("SEARCH", "SINCE", since), "SEARCH")
    numbers = [number for part in found if isinstance(part, bytes) for number in part.decode().split()]
    for start in range(0, len(numbers), AT_ONCE):
        wanted = numbers[start : start + AT_ONCE]
        parts = _checked(server.uid("FETCH", ",".join(wanted), f"(INTERNALDATE BODY.PEEK[]<0.{LONGEST}>)"), "FETCH")
        mails = [*fetched(parts)]
        yield from mails


def internal_date(text: bytes) -> datetime | None:
    """Return the date when the server had a mail, from its answer."""
    found = _INTERNAL_DATE.search(text)
    if not found:
        return None
    month = MONTHS.index(found["month"].decode().capitalize()) + 1
    day = f"{found['year'].decode()}-{month:02}-{int(found['day']):02}"
    return datetime.strptime(
        f"{day} {found['time'].decode()} {found['zone'].decode()}", "%Y-%m-%d %H:%M:%S %z"
    ).astimezone(UTC)


def fetched(parts: Sequence[Part]) -> Iterator[Mail]:
    """Yield mails from the server's answers to a FETCH.

    Raises:
        imaplib.IMAP4.error: an answer has no date.
    """
    for number, part in enumerate(parts):
        if not isinstance(part, tuple):
            continue
        # The date is before the mail or after it, as the server likes.
        following = parts[number + 1] if number + 1 < len(parts) else b""
        at = internal_date(part[0]) or internal_date(following if isinstance(following, bytes) else b"")
        if at is None:
            raise imaplib.IMAP4.error(f"FETCH: no INTERNALDATE in {part[0]!r}")
        yield Mail(at, part[1])
