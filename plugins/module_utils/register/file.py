"""The text of certificates.yml: read, and edited so that a difference shows the lines that changed and no other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.aurore.infra.plugins.module_utils.model.document import Tree, parse
from ansible_collections.aurore.infra.plugins.module_utils.model.problems import ModelError
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import UserCertificate
from ansible_collections.aurore.infra.plugins.module_utils.model.shape import INVALID, Report, reader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date

FILE = "certificates.yml"
DIRECTORY = "certificates"
"""The published certificates, beside the file."""

_EMPTY = "certificates: []"


class Line(NamedTuple):
    """What the line of a certificate says; see model/schema.py, UserCertificate."""

    serial: int
    person: str
    principals: tuple[str, ...]
    since: date
    until: date
    key: str
    authority: str
    revoked: date | None = None
    reason: str | None = None

    def __str__(self) -> str:
        values: dict[str, object] = {name: value for name, value in self._asdict().items() if value is not None}
        values["person"] = _plain(self.person)
        values["principals"] = f"[{', '.join(map(_plain, self.principals))}]"
        if self.reason is not None:
            values["reason"] = _quoted(self.reason)
        return f"  - {{{', '.join(f'{name}: {value}' for name, value in values.items())}}}"


def published_name(serial: int, person: str) -> str:
    """The name of a certificate's file."""
    return f"{serial}-{person}.pub"


def read(text: str) -> tuple[UserCertificate, ...]:
    """Reads the file.

    Raises:
        ModelError: With every problem.
    """
    root, problems = parse(FILE, text.encode())
    report = Report(FILE)
    report.problems += problems
    found: object = INVALID
    if root is not None:
        tree = root.value.get(DIRECTORY) if isinstance(root.value, dict) else None
        found = reader(tuple[UserCertificate, ...])(tree or Tree(None, 1), DIRECTORY, report)
    if report.problems or not isinstance(found, tuple):
        raise ModelError(report.problems)
    return found


def added(text: str, line: Line) -> str:
    """The text with one more line."""
    if _EMPTY in text.splitlines():
        text = text.replace(_EMPTY, "certificates:")
    return f"{text.rstrip('\n')}\n{line}\n"


def revoked(text: str, serials: Iterable[int], day: date, reason: str) -> str:
    """The text with certificates revoked; those that are revoked already stay as they are.

    Raises:
        ValueError: There is no such serial; names all that there are not.
    """
    wanted = set(serials)
    certificates = {certificate.serial: certificate for certificate in read(text)}
    if unknown := sorted(wanted - certificates.keys()):
        raise ValueError(f"{FILE} has no certificate {', '.join(map(str, unknown))}")
    lines = text.splitlines(keepends=True)
    for serial in wanted:
        certificate = certificates[serial]
        if certificate.revoked is None:
            lines[certificate.at().line - 1] = f"{line_of(certificate)._replace(revoked=day, reason=reason)}\n"
    return "".join(lines)


def line_of(certificate: UserCertificate) -> Line:
    """What the line of a certificate says."""
    return Line(*(getattr(certificate, name) for name in Line._fields))


def next_serial(certificates: Iterable[UserCertificate], published: Collection[int] = ()) -> int:
    """The first serial that neither the file nor a published certificate has used, nor any after it."""
    return max([0, *(certificate.serial for certificate in certificates), *published]) + 1


def _plain(name: str) -> str:
    """A name, in quotes where YAML would take it for something else than text."""
    return name if re.fullmatch(r"[a-z][a-z0-9_-]*", name) and name not in {"null", "true", "false"} else _quoted(name)


def _quoted(text: str) -> str:
    """Text between double quotes, in which YAML understands the two escapes that are used here."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
