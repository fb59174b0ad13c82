"""What the office knows: its settings, and the register of people and their certificates."""

from __future__ import annotations

import argparse
import fcntl
import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLACE = Path("/etc/aurore/rt-office/settings.json")


class SettingsError(Exception):
    """Settings or a register that cannot be used; says which file, and what is wrong with it."""


@dataclass(frozen=True)
class Person:
    """Somebody of the technical staff, whether the mandate runs or not."""

    nick: str
    name: str
    mail: str
    role: str
    since: date
    until: date
    """The mandate's last day."""

    def has_mandate(self, today: date) -> bool:
        """Whether the mandate runs today; both days are included."""
        return self.since <= today <= self.until


@dataclass(frozen=True)
class Certificate:
    """A line of the register."""

    serial: int
    person: str
    principals: tuple[str, ...]
    since: date
    until: date
    """The day on which it ends, at 00:00 UTC."""
    key: str
    authority: str
    revoked: date | None
    reason: str | None


@dataclass(frozen=True)
class Register:
    """Who there is, and what was signed for whom."""

    people: tuple[Person, ...]
    certificates: tuple[Certificate, ...]

    def person(self, nick: str) -> Person | None:
        """A person by nickname, as long as people.yml has them."""
        return next((person for person in self.people if person.nick == nick), None)

    def leads(self, today: date) -> list[Person]:
        """The RTC: one person, or nobody while no mandate runs."""
        return [person for person in self.people if person.role == "rtc" and person.has_mandate(today)]


@dataclass(frozen=True)
class Settings:
    """What Ansible has decided for this host."""

    domain: str
    fqdn: str
    """The office's host."""
    sender: str
    """The address from which mails come, and to which those come back that cannot be delivered."""
    sender_name: str
    alert_to: tuple[str, ...]
    """Who hears of logins that the register does not explain, and of what concerns the RTC while there is none."""
    smtp_host: str
    smtp_port: int
    register: Path
    state: Path
    metrics: Path
    journals: Path
    """Where the log host keeps a directory for each sender."""
    own_journal: bool
    """Whether this host's own journal is read, and not the copy that the log host has of it."""
    secrets: Path
    hosts: tuple[str, ...]
    """The full names of the fleet's hosts."""
    revocations_max_age_days: int
    """How many days a host may lack a revocation, or say nothing."""
    campaign: Mapping[str, Any]
    """The campaign's own, which its modules read."""

    def read_register(self) -> Register:
        """The register as it is deployed now."""
        return read_register(self.register)

    @contextmanager
    def only_run(self, command: str) -> Iterator[None]:
        """Let one run of a command work at a time; the next one waits, and then finds what this one did."""
        self.state.mkdir(mode=0o750, exist_ok=True)
        with (self.state / f"{command}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def parser(command: str, description: str | None) -> argparse.ArgumentParser:
    """A parser for the arguments of a sub-command, with the option that all of them have."""
    made = argparse.ArgumentParser(prog=f"rt-office {command}", description=description, allow_abbrev=False)
    made.add_argument("--settings", type=Path, default=PLACE, help="the settings; the deployed ones by default")
    return made


def a_day(text: str) -> date:
    """A day that somebody typed, for a parser."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2027-01-31") from None


def today() -> date:
    """The day by UTC, as certificates have it."""
    return datetime.now(UTC).date()


def read_settings(path: Path = PLACE) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: they cannot be read, or something is missing.
    """
    with _told(path):
        found = json.loads(path.read_text(encoding="utf-8"))
        return Settings(
            domain=found["domain"],
            fqdn=found["fqdn"],
            sender=found["sender"],
            sender_name=found["sender_name"],
            alert_to=tuple(found["alert_to"]),
            smtp_host=found["smtp_host"],
            smtp_port=int(found["smtp_port"]),
            register=Path(found["register"]),
            state=Path(found["state"]),
            metrics=Path(found["metrics"]),
            journals=Path(found["journals"]),
            own_journal=bool(found.get("own_journal", True)),
            secrets=Path(found["secrets"]),
            hosts=tuple(found.get("hosts", [])),
            revocations_max_age_days=int(found.get("revocations_max_age_days", 2)),
            campaign=found.get("campaign", {}),
        )


def read_register(path: Path) -> Register:
    """Read the register, as the inventory has it.

    Raises:
        SettingsError: it cannot be read, or something is missing.
    """
    with _told(path):
        found = json.loads(path.read_text(encoding="utf-8"))
        return Register(
            people=tuple(map(_person, found["people"])), certificates=tuple(map(_certificate, found["certificates"]))
        )


def _person(line: Mapping[str, Any]) -> Person:
    days = {name: date.fromisoformat(line[name]) for name in ("since", "until")}
    return Person(nick=line["nick"], name=line["name"], mail=line["mail"], role=line["role"], **days)


def _certificate(line: Mapping[str, Any]) -> Certificate:
    return Certificate(
        serial=int(line["serial"]),
        person=line["person"],
        principals=tuple(line["principals"]),
        since=date.fromisoformat(line["since"]),
        until=date.fromisoformat(line["until"]),
        key=line["key"],
        authority=line["authority"],
        revoked=date.fromisoformat(line["revoked"]) if line.get("revoked") else None,
        reason=line.get("reason"),
    )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of which file it is that something is wrong."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except KeyError as error:
        raise SettingsError(f"{path} has no {error.args[0]!r}.") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise SettingsError(f"{path} is not as Ansible writes it: {error}.") from None
