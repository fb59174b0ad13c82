"""The one way to send mail: exactly once per key, whatever is killed when.

A mark is on the disk before a message is handed to the mail server, and another one after that. Who is killed in
between leaves a doubt, which the next call resolves: it asks whether the mail server has taken a message with this
Message-ID.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

LONGEST_KEY = 200
"""Longer ones would not be names of files, nor fit into a line of a mail."""

STARTED, UNSENT, SENT = "started", "unsent", "sent"


class UnsentError(Exception):
    """The mail server did not take a message: the next call with its key tries again."""


class DoubtError(UnsentError):
    """Nobody can say now whether the mail server took it: the next call with its key finds out first."""


class Transport(Protocol):
    """A mail server on this host."""

    host: str
    """The office's full name, for Message-IDs."""

    def deliver(self, message: EmailMessage) -> None:
        """Hand over a message.

        Raises:
            DoubtError: the connection was lost when the message may have been taken already.
            UnsentError: it was certainly not taken.
        """

    def has_taken(self, message_id: str, since: datetime) -> bool:
        """Whether a message with this Message-ID was taken, at that time or later.

        Raises:
            UnsentError: that cannot be told now.
        """


@dataclass(frozen=True)
class Mark:
    """What is on the disk about a key."""

    key: str
    message_id: str
    state: str
    at: str

    @property
    def time(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.at)


class Outbox:
    """Marks of what was sent: a file per key in a directory of its own."""

    def __init__(self, directory: Path, transport: Transport) -> None:
        self.directory = directory
        self.transport = transport

    def send(self, key: str, message: EmailMessage) -> bool:
        """Hand a message to the local mail server unless one with this key was handed over before.

        The Message-ID is set here, from the key. True when the message was handed over now.

        Raises:
            UnsentError: the mail server did not take it; the next call with this key tries again.
        """
        with self._lock():
            mark = self._read(key)
            if mark and mark.state == STARTED and self.transport.has_taken(mark.message_id, mark.time):
                # Not this time: the run that was killed sent it.
                self._write(key, SENT)
                return False
            if mark and mark.state == SENT:
                return False
            del message["Message-ID"]
            message["Message-ID"] = self.message_id(key)
            self._write(key, STARTED)
            try:
                self.transport.deliver(message)
            except DoubtError:
                raise
            except UnsentError:
                self._write(key, UNSENT)
                raise
            self._write(key, SENT)
            return True

    def sent_at(self, key: str) -> datetime | None:
        """When the message with this key was handed over; None also while that is in doubt."""
        mark = self._read(key)
        return mark.time if mark and mark.state == SENT else None

    def has_begun(self, key: str) -> bool:
        """Whether the message with this key was handed over, or may have been: then its content is settled."""
        mark = self._read(key)
        return mark is not None and mark.state != UNSENT

    def message_id(self, key: str) -> str:
        """The Message-ID that belongs to a key: always the same, and no other key's."""
        return f"<{_safe(key)}@{self.transport.host}>"

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time send."""
        self.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self, key: str) -> Mark | None:
        try:
            return Mark(**json.loads((self.directory / f"{_safe(key)}.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def _write(self, key: str, state: str) -> None:
        mark = Mark(key, self.message_id(key), state, datetime.now(UTC).isoformat())
        replace(self.directory / f"{_safe(key)}.json", json.dumps(asdict(mark), ensure_ascii=False))


def replace(path: Path, text: str, mode: int = 0o640) -> None:
    """Put a file in its place at once, and see that it is on the disk: there is the old one or the new one."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _safe(key: str) -> str:
    """A key as part of a Message-ID and of a file's name."""
    safe = quote(key, safe="").replace(".", "%2E")
    if not 0 < len(safe) <= LONGEST_KEY:
        raise ValueError(f"{key!r} cannot be the key of a message: it is empty or too long.")
    return safe
