"""Compares the lists of revoked certificates that hosts say they have with the register, and tells which are old."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import mails, metrics
from .calendar import in_french
from .logins import JournalError, journals
from .metrics import Metric
from .outbox import UnsentError
from .postfix import open_outbox
from .settings import SettingsError, a_day, parser, read_settings, today

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .outbox import Outbox
    from .settings import Register, Settings

IDENTIFIER = "revoked-keys"
SAID = re.compile(r"version=(?P<version>\d+)")
"""As the role ssh_server has hosts say it every day, and whenever the list changes."""


@dataclass(frozen=True)
class Report:
    """What a host has said last: how many revocations its list has, and when it said so."""

    version: int
    at: datetime


def read_report(entry: Mapping[str, Any]) -> Report | None:
    """What an entry of a journal says; None when it is none of these."""
    match = SAID.fullmatch(str(entry.get("MESSAGE")))
    if not match:
        return None
    return Report(int(match["version"]), datetime.fromtimestamp(int(entry["__REALTIME_TIMESTAMP"]) / 1_000_000, UTC))


def last_report(directory: Path | None) -> Report | None:
    """The last that a host has said, in its journal; in this host's own for None."""
    argv = ["journalctl", "--quiet", "--output=json", f"--identifier={IDENTIFIER}", "--lines=1"]
    argv += [f"--directory={directory}"] if directory else []
    done = subprocess.run(argv, check=False, capture_output=True, text=True, errors="replace")  # noqa: S603 (argv, no shell)
    lines = done.stdout.splitlines()
    return read_report(json.loads(lines[-1])) if lines else None


def judge(report: Report | None, register: Register, day: date, max_age: timedelta) -> str | None:
    """What is wrong with a host's list, in French; None when nothing is.

    A list is old from the day of the first revocation that it lacks. What is said does not change from day to day, so
    that it is told once.
    """
    if report is None:
        return "n'a jamais dit quelles révocations il applique"
    if day - report.at.date() > max_age:
        return f"ne dit plus quelles révocations il applique depuis le {in_french(report.at.date())}"
    days = sorted(one.revoked for one in register.certificates if one.revoked)
    missing = days[report.version :]
    if missing and day - missing[0] >= max_age:
        count = f"{len(missing)} révocations" if len(missing) > 1 else "une révocation"
        return f"ignore {count} depuis le {in_french(missing[0])} ({report.version} sur {len(days)} appliquées)"
    return None


def look(settings: Settings) -> dict[str, Report | None]:
    """What each host of the fleet has said last.

    Raises:
        JournalError: the journals cannot be listed.
    """
    known = journals(settings)
    return {host: last_report(known[host]) if host in known else None for host in settings.hosts}


def run(settings: Settings, register: Register, outbox: Outbox, day: date) -> None:
    """Tell what is new about old lists, in one mail.

    Raises:
        UnsentError: the mail server did not take it; the next run tries again.
        JournalError: the journals cannot be listed.
    """
    reports = look(settings)
    max_age = timedelta(days=settings.revocations_max_age_days)
    judged = {host: judge(report, register, day, max_age) for host, report in reports.items()}
    lines = [f"{host} {what}" for host, what in sorted(judged.items()) if what]
    metrics.write(settings.metrics, "rt-revocations", measure(reports, register, len(lines)))
    if lines:
        key = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
        outbox.send(f"revocations:{key}", mails.revocations(settings, lines))


def measure(reports: Mapping[str, Report | None], register: Register, late: int) -> list[Metric]:
    """What monitoring reads."""
    applied: list[tuple[metrics.Labels, float]] = [
        ({"host": host}, report.version) for host, report in sorted(reports.items()) if report
    ]
    expected = sum(one.revoked is not None for one in register.certificates)
    return [
        Metric("aurore_ssh_revocations_applied", "Revocations in the list that a host says it has.", applied),
        Metric.single("aurore_ssh_revocations", "Revocations in the register.", expected),
        Metric.single("aurore_ssh_revocations_late_hosts", "Hosts whose list is old, or that do not say.", late),
        Metric.single("aurore_rt_revocations_last_run_timestamp_seconds", "End of the last run.", int(time.time())),
    ]


def main(arguments: list[str]) -> int:
    """Run the command."""
    options = parser("revocations", __doc__)
    options.add_argument("--today", type=a_day, help="the day to work as of; by default today, by UTC")
    given = options.parse_args(arguments)
    settings = read_settings(given.settings)
    if not settings.hosts:
        raise SettingsError(f"{given.settings} has no hosts.")
    with settings.only_run("revocations"):
        try:
            run(settings, settings.read_register(), open_outbox(settings), given.today or today())
        except (JournalError, UnsentError) as error:
            print(f"rt-office: {error}", file=sys.stderr)  # noqa: T201 (a command)
            return 1
    return 0
