"""TLS host certificates: the authority, reading a certificate, signing one. In memory; no file is touched."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import Certificate, IdentityError
from ansible_collections.aurore.infra.plugins.module_utils.identity.keys import KINDS, PublicKey, fingerprint
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from datetime import datetime

    from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import Wanted
    from ansible_collections.aurore.infra.plugins.module_utils.identity.keys import PrivateKey


@dataclass(frozen=True)
class Authority:
    """The public half of the authority that signs."""

    certificate: x509.Certificate
    key: PublicKey

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its key."""
        return fingerprint(self.key)

    @property
    def ends(self) -> datetime:
        """When everything that it signed ends at the latest."""
        return self.certificate.not_valid_after_utc


def authority(text: str, at: datetime) -> Authority:
    """Read the authority's certificate; of several, the first, which signs while the others are still trusted.

    Raises:
        IdentityError: it is not the certificate of an authority, or not valid at `at`.
    """
    try:
        certificate = x509.load_pem_x509_certificates(text.encode())[0]
        key = certificate.public_key()
        may_sign = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise IdentityError(f"not a certificate in PEM ({problem})") from None
    except x509.ExtensionNotFound:
        may_sign = False
    if not may_sign:
        raise IdentityError("a certificate, but not an authority's (CA:TRUE)")
    if not isinstance(key, PublicKey):
        raise IdentityError(KINDS)
    if not certificate.not_valid_before_utc <= at < certificate.not_valid_after_utc:
        raise IdentityError(
            f"valid from {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d} "
            "only: make the next authority, and put it into the model and into the store"
        )
    return Authority(certificate, key)


def describe(bundle: str) -> str:
    """Return which authorities a file has, one a line."""
    try:
        certificates = x509.load_pem_x509_certificates(bundle.encode())
    except ValueError:
        return "not certificates in PEM\n"
    return "".join(
        f"{one.subject.rfc4514_string()}, {one.fingerprint(SHA256()).hex()}, until {one.not_valid_after_utc:%Y-%m-%d}\n"
        for one in certificates
    )


def read(text: str, issuer: Authority) -> Certificate:
    """Return what a host's certificate says. Its authority is `issuer`'s fingerprint only if that signed it.

    Raises:
        IdentityError: it cannot be read.
    """
    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
        key = certificate.public_key()
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise IdentityError("it names no host") from None
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as problem:
        raise IdentityError(f"not a certificate in PEM ({problem})") from None
    if not isinstance(key, PublicKey):
        raise IdentityError(KINDS)
    try:
        certificate.verify_directly_issued_by(issuer.certificate)
        signer = issuer.fingerprint
    except (ValueError, TypeError, InvalidSignature):
        signer = f"another one, {certificate.issuer.rfc4514_string()}"
    identities = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Certificate(
        identity=str(identities[0].value) if identities else "",
        names=frozenset(
            {
                *names.get_values_for_type(x509.DNSName),
                *map(str, names.get_values_for_type(x509.IPAddress)),
            }
        ),
        key=fingerprint(key),
        authority=signer,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def issue(key: PublicKey, content: Certificate, wanted: Wanted, issuer: Authority, signing_key: PrivateKey) -> str:
    """Return a signed certificate that says `content`, in PEM (RFC 5280).

    It is for a host that is a server and a client. Without an identity, its subject is empty, and its other names are
    what counts, as that standard has it: it is for servers that would take a common name for a user's.
    """
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in wanted.names]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in wanted.addresses]
    try:
        # As the authority states its own, which need not be the hash of its key.
        identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        key_of_issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    except x509.ExtensionNotFound:
        key_of_issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, content.identity)] if content.identity else []
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(issuer.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(content.not_before)
        .not_valid_after(content.not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=not subject)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(key_of_issuer, critical=False)
    )
    # Ed25519 hashes by itself.
    algorithm = None if isinstance(signing_key, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(signing_key, algorithm).public_bytes(Encoding.PEM).decode()
