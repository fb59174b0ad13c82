"""Key revocation lists, as sshd reads them (OpenSSH's PROTOCOL.krl).

ssh-keygen writes them too, but with the time of day in it: the same register would give another file at each run. Here
the same revocations give the same bytes.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_MAGIC = b"SSHKRL\n\0"
_FORMAT = 1
_CERTIFICATES = 1
_SERIALS = 0x20


def build(revoked: Mapping[str, Iterable[int]], version: int, at: datetime, comment: str) -> bytes:
    """A list of revoked certificates.

    Args:
        revoked: Serial numbers, by the authority that signed them: its public key, as a line of a .pub file.
        version: Grows with each list.
        at: When the list became true.
        comment: What it is, for `ssh-keygen -Q -l -f`.
    """
    head = _MAGIC + _u32(_FORMAT) + _u64(version) + _u64(int(at.timestamp())) + _u64(0) + _text(b"")
    sections = [
        _section(_CERTIFICATES, _text(base64.b64decode(authority.split()[1])) + _text(b"") + _serials(serials))
        for authority, serials in sorted(revoked.items())
    ]
    return b"".join([head, _text(comment.encode()), *sections])


def _serials(serials: Iterable[int]) -> bytes:
    """The subsection of serial numbers, which must be in order; none where there is no number."""
    numbers = b"".join(map(_u64, sorted(set(serials))))
    return _section(_SERIALS, numbers) if numbers else b""


def _section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + _text(content)


def _text(content: bytes) -> bytes:
    """A string of RFC 4251, section 5: its length before it."""
    return _u32(len(content)) + content


def _u32(number: int) -> bytes:
    return number.to_bytes(4)


def _u64(number: int) -> bytes:
    return number.to_bytes(8)
