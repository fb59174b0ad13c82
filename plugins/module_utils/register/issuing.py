"""From a decision to a certificate in the register, whoever signs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint
from ansible_collections.aurore.infra.plugins.module_utils.register import certificate as certificates
from ansible_collections.aurore.infra.plugins.module_utils.register import file, signing, store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from ansible_collections.aurore.infra.plugins.module_utils.register.signing import Request


class Issued(NamedTuple):
    """What was entered.

    Attributes:
        line: What the register says.
        path: Where the certificate is.
        is_new: Whether it was signed only now; otherwise an interrupted run had signed it.
        before: The register's text.
        after: The register's text now.
        completed: Certificates of interrupted runs that got their lines.
    """

    line: file.Line
    path: Path
    is_new: bool
    before: str
    after: str
    completed: list[file.Line]

    def result(self, register: Path) -> dict[str, Any]:
        """What a task returns."""
        said = {name: value for name, value in self.line._asdict().items() if value is not None}
        path = str(register / file.FILE)
        headers = {"before_header": path, "after_header": path}
        return {
            "changed": True,
            "certificate": said | {"since": str(self.line.since), "until": str(self.line.until)},
            "path": str(self.path),
            "diff": headers | {"before": self.before, "after": self.after},
        }


def issue(
    options: Mapping[str, Any],
    trusted: Sequence[str],
    authority: str,
    sign: Callable[[Request], str],
    *,
    is_wanted_again: bool,
    until: Callable[[date], date] | None = None,
) -> Issued:
    """Signs a person's key and enters the certificate, or completes what was interrupted.

    Args:
        options: Options person, people, register and key of the action.
        trusted: Public keys of all authorities whose certificates are in the register.
        authority: The one that signs.
        sign: Signs a request.
        is_wanted_again: Whether to sign although a certificate runs.
        until: The day on which the certificate ends; a year and four weeks later by default.

    Raises:
        RefusedError: Nothing may be signed.
        CertificateError: Something else was signed.
        ModelError: The register has problems.
        OSError: The register cannot be read or written.
    """
    register = store.Register(Path(options["register"]))
    today = datetime.now(UTC).date()
    with register.locked():
        before = register.text
        completed = register.complete([fingerprint(one) for one in trusted])
        line = next((one for one in completed if one.person == options["person"]), None)
        is_new = line is None
        if line is None:
            request = signing.request(
                options["person"],
                options["people"],
                register.certificates,
                authority=authority,
                today=today,
                key=options["key"],
                until=until(today) if until else None,
                published=register.published_serials,
                is_wanted_again=is_wanted_again,
            )
            text = sign(request)
            _check(request, certificates.read(text))
            line = register.enter(text)
        path = register.directory / file.published_name(line.serial, line.person)
        return Issued(line, path, is_new, before, register.text, completed)


def _check(request: Request, made: certificates.Certificate) -> None:
    """Makes sure that a certificate is what was asked for, before anybody gets it."""
    if store.line_of(made) != request.line or not made.is_signed or made.critical_options:
        raise certificates.CertificateError(f"something else was signed than was asked for: {made}")
