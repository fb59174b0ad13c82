"""Public SSH keys, as far as a line of text can be judged (RFC 4253, section 6.6; RFC 5656; RFC 8709)."""

from __future__ import annotations

import base64

MIN_BYTES = {
    "ssh-ed25519": 51,
    "sk-ssh-ed25519@openssh.com": 70,
    "ecdsa-sha2-nistp256": 104,
    "ecdsa-sha2-nistp384": 136,
    "ecdsa-sha2-nistp521": 172,
    "sk-ecdsa-sha2-nistp256@openssh.com": 120,
    # 3072 bits; tokens that hold an authority's key may know nothing else.
    "ssh-rsa": 407,
}
"""Types of keys that we accept, and how long the encoded key is at least. DSA is broken."""


def check_public_key(line: str) -> str:
    """Checks a key as it is in a `.pub` file.

    Returns:
        The line.

    Raises:
        ValueError: The line is not a public key, or one that is too weak.
    """
    kind, _, rest = line.partition(" ")
    if kind not in MIN_BYTES or not line.isprintable():
        raise ValueError("not a type that we accept")
    blob = base64.b64decode(rest.partition(" ")[0], validate=True)
    # The blob repeats the type, as a string with its length before it.
    if not blob.startswith(len(kind).to_bytes(4) + kind.encode()) or len(blob) < MIN_BYTES[kind]:
        raise ValueError("damaged, or too short")
    return line


def key_material(line: str) -> str:
    """What identifies a key, without the comment."""
    return " ".join(line.split(" ")[:2])
