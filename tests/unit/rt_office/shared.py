"""What the tests of notices and logins share: a register, settings in a directory, a mail server that remembers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rt_office.calendar import end_day
from rt_office.outbox import UnsentError
from rt_office.settings import Certificate, Person, Register, Settings, read_settings

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

OFFICE = "log.adm.example.org"
AUTHORITY = f"SHA256:{'a' * 43}"
OTHER = f"SHA256:{'b' * 43}"
LONG = {"since": date(2020, 1, 1), "until": date(2040, 1, 1)}
LUCILLE = Person("lucille", "Lucille Béranger", "lucille@example.org", "rtc", **LONG)
ERDNAXE = Person("erdnaxe", "Erdnaxe", "erdnaxe@example.org", "rt", **LONG)
ELK = Person("elkmaennchen", "Elkmaennchen", "elkmaennchen@example.org", "rt", **LONG)


def certificate(serial: int, since: date, person: str = "erdnaxe", **changes: Any) -> Certificate:
    """A certificate as the RTC signs them."""
    line: dict[str, Any] = {
        "serial": serial,
        "person": person,
        "principals": ("root",),
        "since": since,
        "until": end_day(since),
        "key": f"SHA256:{'k' * 43}",
        "authority": AUTHORITY,
        "revoked": None,
        "reason": None,
    }
    return Certificate(**line | changes)


def register(*certificates: Certificate, people: tuple[Person, ...] = (LUCILLE, ERDNAXE, ELK)) -> Register:
    """A register with these lines."""
    return Register(people, certificates)


def settings_in(directory: Path, **changes: Any) -> Settings:
    """Settings whose files are all below a directory."""
    written = {
        "domain": "example.org",
        "fqdn": OFFICE,
        "sender": "technique@example.org",
        "sender_name": "Collège technique d'Aurore",
        "alert_to": ["lucille@example.org", "technique@example.org"],
        "smtp_host": "localhost",
        "smtp_port": 25,
        "register": str(directory / "register.json"),
        "state": str(directory / "state"),
        "metrics": str(directory / "metrics"),
        "journals": str(directory / "journals"),
        "own_journal": False,
        "secrets": str(directory / "secrets"),
    }
    for name in ("state", "metrics", "journals"):
        (directory / name).mkdir(exist_ok=True)
    path = directory / "settings.json"
    path.write_text(json.dumps(written | changes))
    return read_settings(path)


def write_register(path: Path, known: Register) -> None:
    """Put a register where the settings say it is, as Ansible does."""
    lines = {"people": [vars(one) for one in known.people], "certificates": [vars(one) for one in known.certificates]}
    path.write_text(json.dumps(lines, default=str))


class Killed(BaseException):
    """What a test raises where a process is killed: nothing catches it."""


@dataclass
class MailServer:
    """Takes messages, and knows which; can be away, or killed together with whoever talks to it."""

    host: str = OFFICE
    taken: list[EmailMessage] = field(default_factory=list)
    is_away: bool = False
    killed: str = ""
    """When the next conversation ends badly: `before` or `after` the message was taken."""

    def deliver(self, message: EmailMessage) -> None:
        """Take a message."""
        if self.is_away:
            raise UnsentError("nobody listens")
        killed, self.killed = self.killed, ""
        if killed == "before":
            raise Killed
        self.taken.append(message)
        if killed == "after":
            raise Killed

    def has_taken(self, message_id: str, since: datetime) -> bool:
        """Whether it was taken."""
        assert datetime.now(UTC) - since < timedelta(minutes=1)
        if self.is_away:
            raise UnsentError("nobody knows")
        return message_id in [message["Message-ID"] for message in self.taken]

    @property
    def recipients(self) -> list[str]:
        """To whom each message went."""
        return [", ".join(one.addr_spec for one in message["To"].addresses) for message in self.taken]
