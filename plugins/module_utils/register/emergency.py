"""The authority for emergencies: a key that two people open together, each with a share of its passphrase.

The key is in the `pass` store, encrypted with a passphrase that nobody knows. The passphrase is divided into shares
(SLIP-0039: words with a checksum, for paper), any two of which give it back, and any one of which says nothing.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

import shamir_mnemonic
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_private_key,
    load_ssh_public_key,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from ansible_collections.aurore.infra.plugins.module_utils.register.signing import Request

THRESHOLD = 2
"""How many shares open the key: nobody does it alone."""

MOST = 16
"""Shares that SLIP-0039 can count."""

DAYS = 2
"""How many days of UTC a certificate lasts: the one on which it is signed, and the next."""

_SECRET_BYTES = 16
_COMMENT = b"Aurore, emergency authority"


class EmergencyError(Exception):
    """The key cannot be made or opened; says why, and nothing of the shares."""


class Authority(NamedTuple):
    """A new authority.

    Attributes:
        private: The key, encrypted, in OpenSSH's format.
        public: The public key, as a line.
        shares: The words of each share.
    """

    private: str
    public: str
    shares: list[str]


def make(holders: int) -> Authority:
    """Makes an authority with a share for each holder.

    Raises:
        EmergencyError: There are too few holders, or too many.
    """
    if not THRESHOLD <= holders <= MOST:
        raise EmergencyError(f"{holders} shares cannot be made: between {THRESHOLD} and {MOST} people hold one")
    secret = secrets.token_bytes(_SECRET_BYTES)
    (shares,) = shamir_mnemonic.generate_mnemonics(1, [(THRESHOLD, holders)], secret)
    key = ed25519.Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(_passphrase(secret))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return Authority(
        private=key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, encryption).decode(),
        public=f"{(public + b' ' + _COMMENT).decode()}",
        shares=shares,
    )


def last_day(today: date) -> date:
    """The day at whose beginning a certificate ends that is signed today."""
    return today + timedelta(days=DAYS)


def sign(request: Request, private: str, shares: Sequence[str]) -> str:
    """Signs a request.

    Args:
        request: What to sign.
        private: The encrypted key.
        shares: The words of the shares, in any order.

    Returns:
        The certificate, as a line.

    Raises:
        EmergencyError: The shares do not open the key, or it cannot sign this kind of key.
    """
    line = request.line
    try:
        key = load_ssh_public_key(request.key.encode())
    except (UnsupportedAlgorithm, ValueError):
        key = None
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise EmergencyError(
            "the key of this person is in a security key, which the emergency authority cannot sign: choose another of "
            "the person's keys with -e key=SHA256:…"
        )
    builder = (
        SSHCertificateBuilder()
        .public_key(key)
        .type(SSHCertificateType.USER)
        .serial(line.serial)
        .key_id(line.person.encode())
        .valid_principals([principal.encode() for principal in line.principals])
        .valid_after(_beginning(line.since))
        .valid_before(_beginning(line.until))
        .add_extension(b"permit-pty", b"")
    )
    return f"{builder.sign(_open(private, shares)).public_bytes().decode()} {line.person}\n"


def _open(private: str, shares: Sequence[str]) -> ed25519.Ed25519PrivateKey:
    """The key. What the libraries complain about may quote the shares: it is not handed on."""
    words = [" ".join(share.split()).lower() for share in shares]
    if len(set(words)) < THRESHOLD:
        raise EmergencyError("the same share was typed twice: two people are needed")
    try:
        secret = shamir_mnemonic.combine_mnemonics(words)
    except shamir_mnemonic.MnemonicError:
        raise EmergencyError(
            "the shares do not fit together: a word is wrong or missing, or one is of another authority"
        ) from None
    try:
        key = load_ssh_private_key(private.encode(), _passphrase(secret))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise EmergencyError(
            "the shares fit together, but do not open the key in the store: one of them is of another time"
        ) from None
    assert isinstance(key, ed25519.Ed25519PrivateKey), "made above"
    return key


def _passphrase(secret: bytes) -> bytes:
    return secret.hex().encode()


def _beginning(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())
