"""SSH host certificates: reading one, signing one. In memory; no file is touched."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import Certificate, IdentityError
from ansible_collections.aurore.infra.plugins.module_utils.identity.keys import KINDS, PublicKey, fingerprint
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    SSHCertificate,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_public_identity,
)

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import Wanted
    from ansible_collections.aurore.infra.plugins.module_utils.identity.keys import PrivateKey


def read(text: str) -> Certificate:
    """Return what a host certificate says, once its signature proved right.

    Raises:
        IdentityError: it cannot be read, or is not a host certificate.
    """
    try:
        certificate = load_ssh_public_identity(text.encode())
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise IdentityError(f"not an SSH certificate ({problem})") from None
    if not isinstance(certificate, SSHCertificate) or certificate.type is not SSHCertificateType.HOST:
        raise IdentityError("not a host's certificate")
    key, authority = certificate.public_key(), certificate.signature_key()
    if not isinstance(key, PublicKey) or not isinstance(authority, PublicKey):
        raise IdentityError(KINDS)
    try:
        certificate.verify_cert_signature()
        return Certificate(
            identity=certificate.key_id.decode(errors="replace"),
            names=frozenset(name.decode(errors="replace") for name in certificate.valid_principals),
            key=fingerprint(key),
            authority=fingerprint(authority),
            not_before=datetime.fromtimestamp(certificate.valid_after, UTC),
            not_after=datetime.fromtimestamp(certificate.valid_before, UTC),
        )
    except InvalidSignature:
        raise IdentityError("its signature is wrong") from None
    except (OverflowError, ValueError):
        raise IdentityError("it is valid until the end of time") from None


def issue(key: PublicKey, content: Certificate, wanted: Wanted, authority: PrivateKey) -> str:
    """Return a signed host certificate that says `content`, as a line."""
    builder = (
        SSHCertificateBuilder()
        .public_key(key)
        .type(SSHCertificateType.HOST)
        # Sixty-three bits: never zero, which revocation lists cannot name, and never repeated in practice.
        .serial(secrets.randbits(63) or 1)
        .key_id(content.identity.encode())
        .valid_principals([name.encode() for name in (*wanted.names, *wanted.addresses)])
        .valid_after(int(content.not_before.timestamp()))
        .valid_before(int(content.not_after.timestamp()))
    )
    return f"{builder.sign(authority).public_bytes().decode()} {content.identity}\n"
