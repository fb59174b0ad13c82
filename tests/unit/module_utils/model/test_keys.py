"""Public keys are judged by their type and length."""

from __future__ import annotations

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import MIN_BYTES, check_public_key, key_material
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .fleet import KEY_ANN


def line(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey) -> str:
    """A key's public half, as in a `.pub` file."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.mark.parametrize(
    "key",
    [
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
        rsa.generate_private_key(65537, 3072),
    ],
    ids=lambda key: line(key).split()[0],
)
def test_strong_keys(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    assert check_public_key(line(key)) == line(key)
    assert check_public_key(f"{line(key)} someone@example.org") == f"{line(key)} someone@example.org"
    assert line(key).split()[0] in MIN_BYTES


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        KEY_ANN[:-8],
        KEY_ANN.replace("ssh-ed25519", "ecdsa-sha2-nistp256"),
        KEY_ANN + "\nssh-ed25519 AAAA",
        "ssh-ed25519 é",
        line(rsa.generate_private_key(65537, 2048)),
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_public_key(text)


def test_comments_are_not_the_key() -> None:
    assert key_material(f"{KEY_ANN} someone") == key_material(KEY_ANN) == KEY_ANN
