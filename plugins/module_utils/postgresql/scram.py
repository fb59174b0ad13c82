"""What PostgreSQL keeps of a password (RFC 5802, RFC 7677), made here so that the password itself never reaches it.

A statement with a password in it would be in the server's log as soon as it is slow or fails.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

ITERATIONS = 4096
"""PostgreSQL's own choice (scram_iterations)."""


def verifier(password: str, role: str) -> str:
    """What proves a password, as PostgreSQL stores it.

    The salt follows from the role's name: it need not be secret, only another for each role, and so the same password
    gives the same verifier whenever it is asked for. It must not follow from the password, because a server tells the
    salt to whoever tries to log in.

    Raises:
        ValueError: The password is empty, or not printable ASCII, which programs would not agree on (SASLprep).
    """
    if not password or not (password.isascii() and password.isprintable()):
        raise ValueError(f"the password of {role} is empty or is not printable ASCII: choose another")
    return derive(password, hashlib.sha256(f"aurore postgresql {role}".encode()).digest()[:16])


def derive(password: str, salt: bytes) -> str:
    """The verifier for a salt."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    parts = (base64.b64encode(part).decode() for part in (salt, stored, _hmac(salted, b"Server Key")))
    return "SCRAM-SHA-256${}:{}${}:{}".format(ITERATIONS, *parts)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sha256").digest()
