"""The mail server of this host: hands messages to it, and finds in its journal and queue what it has taken."""

from __future__ import annotations

import json
import os
import re
import smtplib
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.utils import getaddresses
from typing import TYPE_CHECKING

from .outbox import DoubtError, Outbox, UnsentError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import EmailMessage

    from .settings import Settings

PATIENCE = 30
"""Seconds in which an answer of the mail server, or a line in the journal, is awaited."""

LOG = "/dev/log"
"""Where Postfix writes, too: what comes after a line there is in the journal after it."""
POSTQUEUE = "/usr/sbin/postqueue"

CONNECT = re.compile(r"connect from ")
DISCONNECT = re.compile(r"disconnect from ")
KILLED = re.compile(r"/smtpd pid (?P<process>\d+) (killed by|exit status)")
ENDED = re.compile(r"daemon started|terminating on signal")
CLEANUP = re.compile(r"(?P<queue_id>\w+): message-id=(?P<message_id><.*>)")
QUEUED = re.compile(r"(?P<queue_id>\w+): from=<.*>, size=\d+, nrcpt=\d+ \(queue active\)")


@dataclass(frozen=True)
class Line:
    """A line of Postfix's journal."""

    program: str
    """Such as postfix/smtpd."""
    process: str
    message: str


def queue_ids(lines: Iterable[Line], message_id: str) -> set[str]:
    """The names in the queue of messages with this Message-ID: begun, but perhaps never finished."""
    found = (CLEANUP.fullmatch(line.message) for line in lines if line.program.endswith("/cleanup"))
    return {match["queue_id"] for match in found if match and match["message_id"] == message_id}


def taken(lines: Iterable[Line]) -> set[str]:
    """The names in the queue of messages that Postfix has taken: its queue manager has seen them."""
    found = (QUEUED.fullmatch(line.message) for line in lines if line.program.endswith("/qmgr"))
    return {match["queue_id"] for match in found if match}


def open_sessions(lines: Iterable[Line]) -> set[str]:
    """The processes of Postfix that still talk to somebody."""
    talking: set[str] = set()
    for line in lines:
        if line.program.endswith("/smtpd"):
            if CONNECT.match(line.message):
                talking.add(line.process)
            elif DISCONNECT.match(line.message):
                talking.discard(line.process)
        elif line.program.endswith("/master"):
            if match := KILLED.search(line.message):
                talking.discard(match["process"])
            elif ENDED.match(line.message):
                # Whoever talked to somebody until then is gone.
                talking.clear()
    return talking


class Postfix:
    """Postfix on this host, by SMTP over the loopback interface."""

    def __init__(self, host: str, sender: str, smtp: tuple[str, int]) -> None:
        self.host = host
        self.sender = sender
        """The envelope's: who gets the message back if it cannot be delivered."""
        self.smtp = smtp

    def deliver(self, message: EmailMessage) -> None:
        """Hand over a message for all of its recipients, or for none.

        Raises:
            DoubtError: the connection was lost when the message may have been taken already.
            UnsentError: it was certainly not taken.
        """
        recipients = [address for _, address in getaddresses(message.get_all("To", []) + message.get_all("Cc", []))]
        try:
            server = smtplib.SMTP(*self.smtp, local_hostname=self.host, timeout=PATIENCE)
            try:
                server.ehlo_or_helo_if_needed()
                _accepted(server.mail(self.sender))
                for recipient in recipients:
                    _accepted(server.rcpt(recipient))
                self._data(server, message.as_bytes(policy=policy.SMTP))
                # It is taken, however the two part.
                with suppress(OSError):
                    server.quit()
            finally:
                server.close()
        except OSError as error:
            where = "{}:{}".format(*self.smtp)
            raise UnsentError(f"The mail server at {where} did not take {message['Message-ID']}: {error}.") from error

    def _data(self, server: smtplib.SMTP, content: bytes) -> None:
        """Send the content. From its end on, only an answer says whether it was taken."""
        try:
            answer = server.data(content)
        except smtplib.SMTPDataError:
            # It did not even want the content.
            raise
        except OSError as error:
            raise DoubtError(
                f"The connection to the mail server was lost; it may have taken the message: {error}."
            ) from error
        if answer[0] // 100 not in {2, 4, 5}:
            raise DoubtError(f"The mail server's answer to the message makes no sense: {answer}.")
        _accepted(answer)

    def has_taken(self, message_id: str, since: datetime) -> bool:
        """Whether a message with this Message-ID was taken, at that time or later.

        Raises:
            UnsentError: that cannot be told now.
        """
        deadline = time.monotonic() + PATIENCE
        while open_sessions(self._journal(since)):
            if time.monotonic() > deadline:
                raise UnsentError(f"The mail server is still busy; whether it has taken {message_id} is not known yet.")
            time.sleep(0.2)
        # A message leaves the queue after the journal has it: whatever is not in one is in the other.
        queue = self._queue()
        lines = self._journal(since)
        return bool(queue_ids(lines, message_id) & (queue | taken(lines)))

    def _journal(self, since: datetime) -> list[Line]:
        """All lines of Postfix since a time, up to now."""
        self._await_journal()
        # What was written in the same moment counts; a second more does no harm.
        start = (since - timedelta(seconds=1)).timestamp()
        options = ["--unit=postfix*.service", f"--since=@{start:.6f}", "--output=json"]
        return [_line(json.loads(entry)) for entry in _run("journalctl", "--quiet", "--all", *options)]

    def _await_journal(self) -> None:
        """Await that the journal has what was written to it until now: a line of our own, by the way of Postfix's."""
        word = f"{os.getpid()}-{time.monotonic_ns()}"
        start = datetime.now(UTC) - timedelta(seconds=1)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.connect(LOG)
            # 22: the facility mail, with the priority info.
            log.send(f"<22>rt-office[{os.getpid()}]: mark {word}".encode())
        deadline = time.monotonic() + PATIENCE
        options = ["--identifier=rt-office", f"--since=@{start.timestamp():.6f}", "--output=cat"]
        while f"mark {word}" not in _run("journalctl", "--quiet", *options):
            if time.monotonic() > deadline:
                raise UnsentError("The journal does not take lines: whether a message was taken is not known.")
            time.sleep(0.1)

    def _queue(self) -> set[str]:
        """The names of the messages that wait."""
        return {json.loads(entry)["queue_id"] for entry in _run(POSTQUEUE, "-j")}


def _accepted(answer: tuple[int, bytes]) -> None:
    """Raise an answer that is a refusal."""
    code, words = answer
    if code // 100 != 2:
        raise smtplib.SMTPResponseException(code, words)


def _line(entry: dict[str, object]) -> Line:
    return Line(
        program=str(entry.get("SYSLOG_IDENTIFIER")),
        process=str(entry.get("SYSLOG_PID") or entry.get("_PID")),
        message=str(entry.get("MESSAGE")),
    )


def _run(*argv: str) -> list[str]:
    """The lines that a program prints."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True, errors="replace")  # noqa: S603 (argv, no shell)
    if done.returncode and done.stderr:
        raise UnsentError(f"{argv[0]} failed, so whether a message was taken is not known: {done.stderr.strip()}")
    return done.stdout.splitlines()


def open_outbox(settings: Settings) -> Outbox:
    """The office's outbox, and this host's mail server behind it."""
    postfix = Postfix(settings.fqdn, settings.sender, (settings.smtp_host, settings.smtp_port))
    return Outbox(settings.state / "outbox", postfix)
