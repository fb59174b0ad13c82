"""Public keys are judged by their type and length."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import (
    AUTHORITIES,
    PEOPLE,
    check_public_key,
    key_material,
)
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .fleet import KEY_ANN


def line(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | dsa.DSAPrivateKey) -> str:
    """A key's public half, as in a `.pub` file."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def encoded(kind: bytes, *parts: bytes) -> str:
    """A key of some parts."""
    blob = b"".join(len(part).to_bytes(4) + part for part in (kind, *parts))
    return f"{kind.decode()} {base64.b64encode(blob).decode()}"


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
    assert check_public_key(line(key), PEOPLE) == line(key)
    assert check_public_key(f"{line(key)} someone@example.org", PEOPLE) == f"{line(key)} someone@example.org"


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
        encoded(b"ssh-rsa", b"\1" * 200, b"\1" + b"\0" * 255),  # as long as a good one, but for the exponent
        encoded(b"ssh-rsa", b"\1\0\1"),
        encoded(b"ssh-ed25519", b"x" * 32, b""),
        encoded(b"ssh-ed25519", b"x" * 31),
        encoded(b"ssh-ed25519") + "AA",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_public_key(text, PEOPLE)


def test_comments_are_not_the_key() -> None:
    assert key_material(f"{KEY_ANN} someone") == key_material(KEY_ANN) == KEY_ANN


def test_security_keys_name_their_application() -> None:
    for kind, point in (
        (b"sk-ssh-ed25519@openssh.com", [b"x" * 32]),
        (b"sk-ecdsa-sha2-nistp256@openssh.com", [b"nistp256", b"\4" * 65]),
    ):
        key = encoded(kind, *point, b"ssh:")
        assert check_public_key(key, PEOPLE) == key


def test_authorities_have_keys_that_tokens_hold() -> None:
    """The same as in CASignatureAlgorithms of the role ssh_server."""
    assert sorted(AUTHORITIES) == ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ssh-ed25519"]
    for key in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())):
        assert check_public_key(line(key), AUTHORITIES) == line(key)
    for other in (ec.generate_private_key(ec.SECP521R1()), rsa.generate_private_key(65537, 4096)):
        with pytest.raises(ValueError, match="not a type"):
            check_public_key(line(other), AUTHORITIES)
