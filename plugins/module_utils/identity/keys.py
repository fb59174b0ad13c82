"""Keys of hosts and authorities, of the kinds that SSH, TLS and this repository agree on."""

from __future__ import annotations

import base64

from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import IdentityError
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_key,
    ssh_key_fingerprint,
)

PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

KINDS = "neither an Ed25519, nor an ECDSA, nor an RSA key"


def fingerprint(key: PublicKey) -> str:
    """Return a key's fingerprint as ssh-keygen and sshd print it; for TLS keys too, so that one notation does."""
    return "SHA256:" + base64.b64encode(ssh_key_fingerprint(key, SHA256())).decode().rstrip("=")


def public_key(line: str) -> PublicKey:
    """Read a public key as ssh-keygen writes it.

    Raises:
        IdentityError: it is none that may sign or be signed.
    """
    try:
        key = load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise IdentityError(f"not an SSH public key ({problem})") from None
    if not isinstance(key, PublicKey):
        raise IdentityError(KINDS)
    return key


def private_key(text: str, expected: PublicKey) -> PrivateKey:
    """Read an authority's private key, and make sure that it is the one that hosts are told to trust.

    Raises:
        IdentityError: it cannot be read, or is another one. The message holds nothing of it.
    """
    load = load_ssh_private_key if "BEGIN OPENSSH PRIVATE KEY" in text else load_pem_private_key
    try:
        key = load(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        # Not what the reader complains about, which is next to the key; `from None` for the same reason.
        raise IdentityError(f"not a private key without a passphrase ({type(problem).__name__})") from None
    if not isinstance(key, PrivateKey):
        raise IdentityError(KINDS)
    if (actual := fingerprint(key.public_key())) != (model := fingerprint(expected)):
        raise IdentityError(
            f"the private half of {actual}, while the model has the authority {model}: correct whichever is out of date"
        )
    return key
