"""What is wrong with a register: with itself, with the certificates that are published, with who holds them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint
from ansible_collections.aurore.infra.plugins.module_utils.model.problems import Location, Problem
from ansible_collections.aurore.infra.plugins.module_utils.register import certificate as certificates
from ansible_collections.aurore.infra.plugins.module_utils.register.file import DIRECTORY, FILE, published_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
    from datetime import date

    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import UserCertificate
    from ansible_collections.aurore.infra.plugins.module_utils.register.certificate import Certificate

ALLOWED = frozenset({"permit-pty", "permit-agent-forwarding", "permit-port-forwarding", "permit-X11-forwarding"})
"""Extensions that signing knows; permit-user-rc would run a file of the host's at each login."""


def problems(
    lines: Sequence[UserCertificate],
    published: Mapping[str, str],
    *,
    authorities: Iterable[str],
    ends: Mapping[str, date],
    today: date,
) -> list[Problem]:
    """Compares the register's lines with the published certificates, and with the people of the model.

    What the model's own rules say of the lines is not repeated.

    Args:
        lines: The register.
        published: Content of the published certificates by file name.
        authorities: Public keys of those whose certificates let people in, as lines.
        ends: The last day of each person's mandate, by nick.
        today: Decides whose mandate runs.
    """
    trusted = set(map(fingerprint, authorities))
    return sorted(
        [*_lines(lines, published, trusted), *_unregistered(lines, published), *_dismissed(lines, ends, today)]
    )


def _lines(lines: Sequence[UserCertificate], published: Mapping[str, str], trusted: Set[str]) -> Iterator[Problem]:
    for line in lines:
        name = published_name(line.serial, line.person)
        if name not in published:
            sentence = f"{DIRECTORY}/{name} is missing; get it back from git, or revoke the certificate"
            yield Problem(line.at(), "missing-certificate", sentence)
            continue
        try:
            certificate = certificates.read(published[name])
        except certificates.CertificateError as error:
            yield _in_file(name, "damaged-certificate", f"{error}; get it back from git")
            continue
        for difference in differences(line, certificate):
            sentence = f"the certificate {line.serial} {difference}; correct the line, or revoke the certificate"
            yield Problem(line.at(), "other-certificate", sentence)
        if line.authority in trusted and not certificate.is_signed:
            yield _in_file(name, "forged-certificate", "its signature is wrong; find out who put it there, and when")


def differences(line: UserCertificate, certificate: Certificate) -> Iterator[str]:
    """What a certificate says, where its line says something else, and what no line can allow."""
    for name, written, said in (
        ("the serial", line.serial, certificate.serial),
        ("the key ID", line.person, certificate.key_id),
        ("the principals", ", ".join(line.principals), ", ".join(certificate.principals)),
        ("the beginning", _beginning(line.since), certificate.valid_after),
        ("the end", _beginning(line.until), certificate.valid_before),
        ("the key", line.key, certificate.key),
        ("the authority", line.authority, certificate.authority),
    ):
        if written != said:
            yield f"has {name} {_shown(said)} instead of {_shown(written)}"
    if more := sorted({*certificate.extensions} - ALLOWED):
        yield f"allows {', '.join(more)}, which signing does not know"
    if certificate.critical_options:
        yield f"has the critical options {', '.join(certificate.critical_options)}, which signing does not know"


def _unregistered(lines: Sequence[UserCertificate], published: Mapping[str, str]) -> Iterator[Problem]:
    known = {published_name(line.serial, line.person) for line in lines}
    for name in published:
        if name not in known:
            sentence = f"{FILE} has no line for it; sign_rt adds the one of a run that was interrupted"
            yield _in_file(name, "unregistered-certificate", sentence)


def _dismissed(lines: Sequence[UserCertificate], ends: Mapping[str, date], today: date) -> Iterator[Problem]:
    for line in lines:
        if line.is_current(today) and ends[line.person] < today:
            sentence = (
                f"the mandate of '{line.person}' ended on {ends[line.person]}, but this certificate runs until "
                f"{line.until}; revoke it with playbooks/operations/revoke_rt.yml"
            )
            yield Problem(line.at(), "certificate-of-nobody", sentence)


def _in_file(name: str, rule: str, sentence: str) -> Problem:
    return Problem(Location(f"{DIRECTORY}/{name}", 1), rule, sentence)


def _beginning(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _shown(value: object) -> str:
    if not isinstance(value, int) or value < 10**8:
        return str(value) or "none"
    try:
        return datetime.fromtimestamp(value, UTC).isoformat()
    except (OSError, OverflowError, ValueError):
        return "the end of time"
