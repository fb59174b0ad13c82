"""Compares the logins in the fleet's journals with the register, and raises an alert for those it does not explain."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from . import mails, metrics
from .calendar import in_french
from .metrics import Metric
from .outbox import Outbox, UnsentError, replace
from .postfix import open_outbox
from .settings import a_day, parser, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date
    from pathlib import Path

    from .settings import Register, Settings

OPENED = re.compile(
    r'session opened: user=(?P<user>\S*) id=(?:"(?P<id>[^"\n]*)")? serial=(?P<serial>\d*) '
    r"authority=(?P<authority>SHA256:[A-Za-z0-9+/]{43}|) from=(?P<origin>\S*) session=(?P<session>\S*)"
)
"""As record-session writes it. With anything else that a Key ID may hold it does not match, and explains no login."""
IDENTIFIER = "record-session"
LONGEST_QUOTE = 300


class JournalError(Exception):
    """A journal that cannot be read; says which, and why."""


@dataclass(frozen=True)
class Login:
    """A session that began, as a host has recorded it."""

    host: str
    """By the certificate with which the record came."""
    at: str
    record: str
    user: str = ""
    id: str = ""
    serial: str = ""
    authority: str = ""
    origin: str = ""
    is_readable: bool = False
    mark: str = ""
    """What tells it from all others, however often it is received."""

    @property
    def time(self) -> datetime:
        """When it began, by the host's clock."""
        return datetime.fromisoformat(self.at)


def read_entry(host: str, entry: Mapping[str, Any]) -> Login | None:
    """What an entry of a journal says; None when no session began."""
    record = entry.get("MESSAGE")
    if isinstance(record, list) and all(isinstance(byte, int) for byte in record):
        # What is not text comes as bytes.
        record = bytes(record).decode(errors="replace")
    record = record if isinstance(record, str) else str(record)
    if record.startswith("session closed: "):
        return None
    when = datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1_000_000, UTC)
    places = [str(entry.get(name)) for name in ("_BOOT_ID", "__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP", "_PID")]
    mark = hashlib.sha256("\n".join([host, *places, record]).encode()).hexdigest()[:32]
    login = Login(host, when.isoformat(), record, mark=mark)
    match = OPENED.fullmatch(record)
    if not match:
        return login
    words = {name: match[name] or "" for name in ("user", "id", "serial", "authority", "origin")}
    return Login(host, when.isoformat(), record, is_readable=True, mark=mark, **words)


def judge(login: Login, register: Register) -> str | None:
    """Why the register does not explain a login, in French; None when it does."""
    if not login.is_readable:
        return "enregistrement illisible"
    if not (login.id or login.serial or login.authority):
        return "aucun certificat"
    known = {(str(one.serial), one.person, one.authority): one for one in register.certificates}
    certificate = known.get((login.serial, login.id, login.authority))
    if certificate is None:
        return "certificat inconnu du registre"
    if certificate.revoked and login.time.date() >= certificate.revoked:
        return f"certificat révoqué le {in_french(certificate.revoked)}"
    if login.time.date() >= certificate.until:
        return f"certificat terminé le {in_french(certificate.until)}"
    return None


# --- The journals


def journals(settings: Settings) -> dict[str, Path | None]:
    """The journals by the hosts that write them; None for the journal of this host."""
    try:
        found: dict[str, Path | None] = {one.name: one for one in settings.journals.iterdir() if one.is_dir()}
    except OSError as error:
        raise JournalError(f"{settings.journals} cannot be read: {error.strerror}.") from None
    # The way to the log host may be broken; what has been written here is here.
    return found | ({settings.fqdn: None} if settings.own_journal else {})


def entries(directory: Path | None, cursor: str | None, since: date | None = None) -> Iterator[Mapping[str, Any]]:
    """The records of sessions in a journal, after a place in it or since a day.

    Raises:
        JournalError: journalctl could not read all of it.
    """
    argv = ["journalctl", "--quiet", "--all", "--output=json", f"--identifier={IDENTIFIER}"]
    argv += [f"--directory={directory}"] if directory else []
    argv += [f"--after-cursor={cursor}"] if cursor else []
    argv += [f"--since={since} 00:00:00 UTC"] if since else []
    done = subprocess.run(argv, check=False, capture_output=True)  # noqa: S603 (argv, no shell)
    for line in done.stdout.splitlines():
        yield json.loads(line)
    if done.returncode and done.stderr:
        where = directory or "this host's journal"
        raise JournalError(f"{where} cannot be read: {done.stderr.decode(errors='replace').strip()}")


# --- What was seen


@dataclass
class Watch:
    """How far the journals were read, and the alerts that are to be sent."""

    path: Path
    cursors: dict[str, str] = field(default_factory=dict)
    waiting: list[dict[str, Any]] = field(default_factory=list)
    """Logins for the next alert, with the reason."""
    on_its_way: list[dict[str, Any]] = field(default_factory=list)
    """Those of an alert that was begun: it keeps them, by which it is known."""
    seen: set[str] = field(default_factory=set)
    """The marks of all logins that an alert was or will be raised for."""

    @classmethod
    def read(cls, path: Path) -> Watch:
        """As the last run left it."""
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return cls(path, **found | {"seen": set(found.get("seen", []))})

    def save(self) -> None:
        """Write it down."""
        content = {name: value for name, value in vars(self).items() if name != "path"}
        replace(self.path, json.dumps(content | {"seen": sorted(self.seen)}, ensure_ascii=False))

    def look(self, settings: Settings, register: Register) -> list[JournalError]:
        """Read on in all journals, and note which logins need an alert; returns what cannot be read."""
        errors = []
        for host, directory in sorted(journals(settings).items()):
            try:
                for entry in entries(directory, self.cursors.get(host)):
                    self._note(host, entry, register)
            except JournalError as error:
                errors.append(error)
        self.save()
        return errors

    def _note(self, host: str, entry: Mapping[str, Any], register: Register) -> None:
        login = read_entry(host, entry)
        reason = judge(login, register) if login else None
        # A host whose sender was killed sends its last lines again.
        if login and reason and login.mark not in self.seen:
            self.waiting.append({**asdict(login), "reason": reason})
            self.seen.add(login.mark)
        self.cursors[host] = entry["__CURSOR"]

    def alert(self, settings: Settings, outbox: Outbox) -> None:
        """Send what waits, in one mail.

        Raises:
            UnsentError: the mail server did not take it; it waits for the next run.
        """
        if self.on_its_way and outbox.has_begun(alert_key(self.on_its_way)):
            self._finish(settings, outbox)
        self.waiting = self.on_its_way + self.waiting
        self.on_its_way = []
        if self.waiting:
            self.on_its_way, self.waiting = self.waiting, []
            self.save()
            self._finish(settings, outbox)

    def _finish(self, settings: Settings, outbox: Outbox) -> None:
        register_of = datetime.fromtimestamp(settings.register.stat().st_mtime, UTC)
        message = mails.alert(settings, describe(self.on_its_way), len(self.on_its_way), register_of)
        outbox.send(alert_key(self.on_its_way), message)
        self.on_its_way = []
        self.save()


def alert_key(logins: Iterable[Mapping[str, Any]]) -> str:
    """What the outbox knows an alert by: the logins in it."""
    return f"logins:{hashlib.sha256('\n'.join(sorted(one['mark'] for one in logins)).encode()).hexdigest()[:32]}"


# --- What people read


def describe(logins: Iterable[Mapping[str, Any]]) -> list[str]:
    """Lines about logins; those that differ by the time alone are in one."""

    def alike(login: Mapping[str, Any]) -> tuple[str, str, str]:
        whose = ("user", "id", "serial", "authority", "origin")
        what = (
            f"{login['user']}, identité « {login['id']} », n° {login['serial'] or '?'}, "
            f"autorité {login['authority'] or '?'}, depuis {login['origin'] or '?'}"
        )
        return login["host"], login["reason"], what if any(login[name] for name in whose) else f"« {login['record']} »"

    lines = []
    for (host, reason, what), group in groupby(sorted(logins, key=lambda one: (*alike(one), one["at"])), key=alike):
        times = [_time(login["at"]) for login in group]
        when = times[0] if len(times) == 1 else f"{len(times)} fois, du {times[0]} au {times[-1]}"
        lines.append(f"{host}, {when} : {reason}\n    {_printable(what)}")
    return lines


def _time(text: str) -> str:
    when = datetime.fromisoformat(text)
    return f"{in_french(when.date())} à {when:%H:%M:%S} (UTC)"


def _printable(text: str) -> str:
    """What somebody else has written, so that it cannot pretend to be a part of the mail."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return shown if len(shown) <= LONGEST_QUOTE else f"{shown[:LONGEST_QUOTE]}…"


def measure(watch: Watch) -> list[Metric]:
    """What monitoring reads."""
    seen = "Logins that the register did not explain, since the watch began."
    return [
        Metric.single("aurore_rt_logins_unknown_total", seen, len(watch.seen), "counter"),
        Metric.single(
            "aurore_rt_logins_pending",
            "Unexplained logins whose alert is not sent.",
            len(watch.waiting) + len(watch.on_its_way),
        ),
        Metric.single("aurore_rt_logins_last_run_timestamp_seconds", "End of the last run.", int(time.time())),
    ]


def check(settings: Settings, since: date | None) -> tuple[list[dict[str, Any]], list[JournalError]]:
    """All logins that the register does not explain, in all that the journals hold; nothing is noted or sent."""
    register = settings.read_register()
    found, errors = [], []
    for host, directory in sorted(journals(settings).items()):
        try:
            for entry in entries(directory, None, since):
                login = read_entry(host, entry)
                reason = judge(login, register) if login else None
                if login and reason:
                    found.append({**asdict(login), "reason": reason})
        except JournalError as error:
            errors.append(error)
    return found, errors


def main(arguments: list[str]) -> int:
    """Run the command."""
    options = parser("logins", __doc__)
    options.add_argument("--check", action="store_true", help="print what is unexplained as JSON, and send nothing")
    options.add_argument("--since", type=a_day, help="with --check: look at no login before this day")
    given = options.parse_args(arguments)
    settings = read_settings(given.settings)
    failures: list[Exception] = []
    try:
        if given.check:
            found, unread = check(settings, given.since)
            print(json.dumps(found, ensure_ascii=False, indent=2))  # noqa: T201 (a command)
            failures += unread
        else:
            with settings.only_run("logins"):
                failures += run(settings, settings.read_register(), open_outbox(settings))
    except JournalError as error:
        failures.append(error)
    for failure in failures:
        print(f"rt-office: {failure}", file=sys.stderr)  # noqa: T201 (a command)
    return 1 if failures else 0


def run(settings: Settings, register: Register, outbox: Outbox) -> list[Exception]:
    """Read on, send what is to be sent; returns what is left for the next run."""
    watch = Watch.read(settings.state / "logins.json")
    failures: list[Exception] = [*watch.look(settings, register)]
    try:
        watch.alert(settings, outbox)
    except UnsentError as error:
        failures.append(error)
    metrics.write(settings.metrics, "rt-logins", measure(watch))
    return failures
