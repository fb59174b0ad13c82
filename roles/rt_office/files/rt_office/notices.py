"""Tells each RT once that the certificate is about to end, and the RTC what was told."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import mails, metrics
from .calendar import notice_day
from .metrics import Metric
from .outbox import Outbox, UnsentError, replace
from .postfix import open_outbox
from .settings import a_day, parser, read_settings, today

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from .settings import Certificate, Person, Register, Settings


@dataclass(frozen=True)
class Notice:
    """Somebody who must be told about a certificate."""

    person: Person
    certificate: Certificate

    @property
    def key(self) -> str:
        """What the outbox knows it by."""
        return notice_key(self.certificate)


def notice_key(certificate: Certificate) -> str:
    """What the outbox knows the notice about a certificate by."""
    return f"notice:{certificate.serial}"


def current(register: Register) -> list[Certificate]:
    """The certificates that somebody relies on: not revoked, and the last one to end of each person's."""
    last: dict[str, Certificate] = {}
    for certificate in register.certificates:
        if certificate.revoked is None:
            other = last.get(certificate.person, certificate)
            last[certificate.person] = max(other, certificate, key=lambda one: (one.until, one.serial))
    return sorted(last.values(), key=lambda one: one.serial)


def _reached(register: Register, day: date) -> list[Certificate]:
    """The certificates whose owners should have been told by now. One for a few days only is never told about."""
    return [one for one in current(register) if notice_day(one.since) <= day and notice_day(one.since) < one.until]


def due(register: Register, day: date) -> list[Notice]:
    """Whom to tell on a day, if they have not been told before."""
    found = []
    for certificate in _reached(register, day):
        person = register.person(certificate.person)
        if person and day <= person.until and day < certificate.until:
            found.append(Notice(person, certificate))
    return found


def mentions(register: Register, day: date) -> dict[str, str]:
    """What nobody is told of but the RTC, as lines by what they are about."""
    found = {}
    for certificate in _reached(register, day):
        person = register.person(certificate.person)
        if day >= certificate.until:
            # Of somebody who has left, that is as it should be.
            if person and person.has_mandate(day):
                found[f"expired:{certificate.serial}"] = mails.expired_line(person, certificate)
        elif person is None:
            found[f"gone:{certificate.serial}"] = mails.gone_line(certificate)
        elif day > person.until:
            found[f"ended:{certificate.serial}"] = mails.ended_line(person, certificate)
    return found


class Summary:
    """What the RTC was told already, and what is on its way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.told: set[str] = set(found.get("told", []))
        self.on_its_way: dict[str, str] = found.get("on_its_way", {})

    def save(self) -> None:
        """Write it down."""
        content = {"told": sorted(self.told), "on_its_way": self.on_its_way}
        replace(self.path, json.dumps(content, ensure_ascii=False))

    def send(self, office: Office, lines: dict[str, str]) -> None:
        """Tell the RTC, in one mail, what is new.

        Raises:
            UnsentError: the mail server did not take it; what was to be told is told with the next run's.
        """
        # The mail of a run that was killed may be underway: it must keep its content, by which it is known.
        if self.on_its_way and office.outbox.has_begun(summary_key(self.on_its_way)):
            self._finish(office)
        new = {about: line for about, line in lines.items() if about not in self.told}
        if new:
            self.on_its_way = new
            self.save()
            self._finish(office)

    def _finish(self, office: Office) -> None:
        leads = [mails.address(lead) for lead in office.register.leads(office.day)]
        to = leads or mails.addresses(office.settings.alert_to)
        message = mails.summary(office.settings, to, list(self.on_its_way.values()), office.day)
        office.outbox.send(summary_key(self.on_its_way), message)
        self.told |= self.on_its_way.keys()
        self.on_its_way = {}
        self.save()


def summary_key(lines: dict[str, str]) -> str:
    """What the outbox knows a summary by: what it is about."""
    return f"summary:{hashlib.sha256('\n'.join(sorted(lines)).encode()).hexdigest()[:32]}"


@dataclass(frozen=True)
class Office:
    """What a run works with."""

    settings: Settings
    register: Register
    outbox: Outbox
    day: date


def run(office: Office) -> list[UnsentError]:
    """Send what is due, then the summary; returns what is left for the next run."""
    unsent: list[UnsentError] = []
    notices = due(office.register, office.day)
    leads = office.register.leads(office.day)
    for notice in notices:
        # Without a look at its content: a notice that was sent says what was true then.
        if office.outbox.sent_at(notice.key):
            continue
        try:
            message = mails.notice(office.settings, notice.person, notice.certificate, leads)
            office.outbox.send(notice.key, message)
        except UnsentError as error:
            unsent.append(error)
    pending = len(unsent)
    try:
        Summary(office.settings.state / "notices.json").send(office, _news(office))
    except UnsentError as error:
        unsent.append(error)
    metrics.write(office.settings.metrics, "rt-notices", measure(office, pending))
    return unsent


def _news(office: Office) -> dict[str, str]:
    """All that the RTC should know by now."""
    lines = {}
    for certificate in office.register.certificates:
        person = office.register.person(certificate.person)
        if person and office.outbox.sent_at(notice_key(certificate)):
            lines[notice_key(certificate)] = mails.notice_line(person, certificate)
    for about, line in mentions(office.register, office.day).items():
        # Whoever was told in time needs no mention.
        if f"notice:{about.partition(':')[2]}" not in lines:
            lines[about] = line
    return lines


def measure(office: Office, pending: int) -> list[Metric]:
    """What monitoring reads."""
    days: list[tuple[metrics.Labels, float]] = []
    for certificate in current(office.register):
        person = office.register.person(certificate.person)
        if office.day < certificate.until or (person and person.has_mandate(office.day)):
            labels = {"person": certificate.person, "serial": str(certificate.serial)}
            days.append((labels, (certificate.until - office.day).days))
    each = "Days until a person's last SSH certificate ends; negative after its end."
    first = "Days until the first of these certificates ends."
    overall: list[tuple[metrics.Labels, float]] = [({}, min(value for _, value in days))] if days else []
    return [
        Metric("aurore_ssh_certificate_expiry_days", each, days),
        Metric("aurore_ssh_certificate_next_expiry_days", first, overall),
        Metric.single("aurore_rt_notices_pending", "Notices that are due and not sent.", pending),
        Metric.single("aurore_rt_notices_last_run_timestamp_seconds", "End of the last run.", int(time.time())),
    ]


def main(arguments: list[str]) -> int:
    """Run the command."""
    options = parser("notices", __doc__)
    options.add_argument("--today", type=a_day, help="the day to work as of; by default today, by UTC")
    given = options.parse_args(arguments)
    settings = read_settings(given.settings)
    with settings.only_run("notices"):
        unsent = run(Office(settings, settings.read_register(), open_outbox(settings), given.today or today()))
    for error in unsent:
        print(f"rt-office: {error}")  # noqa: T201 (a command)
    return 1 if unsent else 0
