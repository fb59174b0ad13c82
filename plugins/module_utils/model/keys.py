"""Public SSH keys, as far as a line of text can be judged (RFC 4253, section 6.6; RFC 5656; RFC 8709).

The types that the model accepts are the ones that the role ssh_server lets sshd accept: PEOPLE in
PubkeyAcceptedAlgorithms (as certificates), AUTHORITIES in CASignatureAlgorithms.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

PEOPLE = frozenset({
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
})  # fmt: skip
"""Types of people's keys: what ssh-keygen makes and hardware tokens hold. RSA from MIN_RSA_BITS on; DSA is broken."""

AUTHORITIES = frozenset({"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"})
"""Types of the user and host authorities' keys: what hardware tokens hold. They are made anew for this, so there is no
old RSA key to put up with; and a security key (sk-) would want a touch for each host."""

MIN_RSA_BITS = 3072
"""As strong as the others' 128 bits (NIST SP 800-57 part 1, table 2)."""

_BYTES = {
    "ssh-ed25519": 51,
    "sk-ssh-ed25519@openssh.com": 70,
    "ecdsa-sha2-nistp256": 104,
    "ecdsa-sha2-nistp384": 136,
    "ecdsa-sha2-nistp521": 172,
    "sk-ecdsa-sha2-nistp256@openssh.com": 120,
}
"""How long the encoded key is at least; a security key's names its application, too."""


def check_public_key(line: str, kinds: Set[str]) -> str:
    """Checks a key as it is in a `.pub` file.

    Args:
        line: The key.
        kinds: Types that are accepted: PEOPLE or AUTHORITIES.

    Returns:
        The line.

    Raises:
        ValueError: The line is not a public key of these types, or one that is too weak.
    """
    kind, _, rest = line.partition(" ")
    if kind not in kinds or not line.isprintable():
        raise ValueError("not a type that we accept")
    blob = base64.b64decode(rest.partition(" ")[0], validate=True)
    # The blob repeats the type.
    name, *parts = _strings(blob)
    if name != kind.encode() or len(blob) < _BYTES.get(kind, 0):
        raise ValueError("damaged, or too short")
    if kind == "ssh-rsa" and (len(parts) != 2 or int.from_bytes(parts[1]).bit_length() < MIN_RSA_BITS):
        raise ValueError("too short")
    return line


def key_material(line: str) -> str:
    """What identifies a key, without the comment."""
    return " ".join(line.split(" ")[:2])


def fingerprint(line: str) -> str:
    """A key's fingerprint as ssh-keygen and sshd print it.

    Args:
        line: The key, as check_public_key accepts it.
    """
    digest = hashlib.sha256(base64.b64decode(line.split(" ")[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _strings(blob: bytes) -> Iterator[bytes]:
    """The parts of an encoded key, each with its length before it (RFC 4251, section 5).

    Raises:
        ValueError: It ends within a part, or a part is empty.
    """
    while blob:
        length = int.from_bytes(blob[:4])
        part, blob = blob[4 : 4 + length], blob[4 + length :]
        if not part or len(part) != length:
            raise ValueError("damaged")
        yield part
