"""The register on the disk. One writer at a time; what is interrupted is completed by the next."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.register import certificate as certificates
from ansible_collections.aurore.infra.plugins.module_utils.register import file
from ansible_collections.aurore.infra.plugins.module_utils.register.certificate import Certificate, CertificateError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import UserCertificate

_DAY = 24 * 60 * 60


class Register:
    """The register of a directory.

    Attributes:
        path: Of certificates.yml.
        directory: Of the published certificates.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / file.FILE
        self.directory = directory / file.DIRECTORY

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the register's lock, which is on the directory: no file is left in a repository for it."""
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @property
    def text(self) -> str:
        """The text of certificates.yml."""
        return self.path.read_text(encoding="utf-8")

    @property
    def certificates(self) -> tuple[UserCertificate, ...]:
        """What the lines say."""
        return file.read(self.text)

    @property
    def published(self) -> dict[str, str]:
        """The published certificates, by the names of their files."""
        found = sorted(self.directory.glob("*.pub")) if self.directory.is_dir() else []
        return {path.name: path.read_text(encoding="utf-8", errors="replace") for path in found}

    @property
    def published_serials(self) -> set[int]:
        """The serial numbers that files have, whatever the lines say."""
        numbers = [name.partition("-")[0] for name in self.published]
        return {int(number) for number in numbers if number.isascii() and number.isdigit()}

    def enter(self, text: str) -> file.Line:
        """Publishes a certificate and adds its line.

        The certificate comes first: if this is interrupted in between, `complete` adds the line.

        Raises:
            CertificateError: It is none that a line could describe.
        """
        line = line_of(certificates.read(text))
        if line.serial < file.next_serial(self.certificates, self.published_serials):
            raise CertificateError(f"the serial {line.serial} was used already")
        self.directory.mkdir(exist_ok=True)
        write(self.directory / file.published_name(line.serial, line.person), text)
        write(self.path, file.added(self.text, line))
        return line

    def complete(self, trusted: Collection[str]) -> list[file.Line]:
        """Adds the lines of published certificates that have none, because a run was interrupted.

        Args:
            trusted: Fingerprints of the authorities; what none of them signed is left for a person to look at.
        """
        lines = {one.serial for one in self.certificates}
        added = []
        for name, text in self.published.items():
            try:
                certificate = certificates.read(text)
                line = line_of(certificate)
            except CertificateError:
                continue
            is_ours = certificate.is_signed and certificate.authority in trusted
            if (
                is_ours
                and line.serial > max(lines, default=0)
                and name == file.published_name(line.serial, line.person)
            ):
                added.append(line)
        for line in sorted(added):
            write(self.path, file.added(self.text, line))
        return added


def line_of(certificate: Certificate) -> file.Line:
    """What the register says of a certificate.

    Raises:
        CertificateError: It begins or ends within a day, which a line cannot say.
    """
    if certificate.valid_after % _DAY or certificate.valid_before % _DAY:
        raise CertificateError("it does not begin and end with a day of UTC")
    try:
        since, until = (
            datetime.fromtimestamp(seconds, UTC).date()
            for seconds in (certificate.valid_after, certificate.valid_before)
        )
    except (OSError, OverflowError, ValueError):
        raise CertificateError("it is valid until the end of time") from None
    return file.Line(
        serial=certificate.serial,
        person=certificate.key_id,
        principals=certificate.principals,
        since=since,
        until=until,
        key=certificate.key,
        authority=certificate.authority,
    )


def write(path: Path, text: str) -> None:
    """Replaces a file, whole or not at all, and safe on the disk when this returns."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    if path.exists():
        partial.chmod(path.stat().st_mode & 0o777)
    partial.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
