"""Key revocation lists, as sshd reads them (OpenSSH's PROTOCOL.krl).

ssh-keygen writes them too, but with the time of day in it: the same register would give another file at each run. Here
the same revocations give the same bytes.
"""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MAGIC = b"SSHKRL\n\0"
_FORMAT = 1
_CERTIFICATES = 1
_SERIALS = 0x20
_HEAD = len(_MAGIC) + 4
_EPOCH = date(1970, 1, 1)


class Head(NamedTuple):
    """What the beginning of a list says.

    Attributes:
        version: Grows with each list.
        day: When the list became true.
    """

    version: int
    day: date


def of_register(certificates: Iterable[Mapping[str, Any]], authorities: Iterable[str]) -> bytes:
    """The list of a register; see plugins/filter/revocation_list.py."""
    certificates = list(certificates)
    revoked: dict[str, list[int]] = {}
    for authority in authorities:
        signer = fingerprint(authority)
        found = [one["serial"] for one in certificates if one["revoked"] is not None and one["authority"] == signer]
        if found:
            revoked[authority] = found
    return build(revoked, head(certificates), "Aurore: certificates that the register says are revoked")


def head(certificates: Iterable[Mapping[str, Any]]) -> Head:
    """What the head of a register's list says."""
    days = [date.fromisoformat(one["revoked"]) for one in certificates if one["revoked"] is not None]
    return Head(len(days), max(days, default=_EPOCH))


def read_head(content: bytes) -> Head:
    """Reads the head of a list.

    Raises:
        ValueError: It is no list.
    """
    if not content.startswith(_MAGIC) or len(content) < _HEAD + 16:
        raise ValueError("not a key revocation list")
    version, seconds = (int.from_bytes(content[start : start + 8]) for start in (_HEAD, _HEAD + 8))
    return Head(version, datetime.fromtimestamp(seconds, UTC).date())


def build(revoked: Mapping[str, Iterable[int]], head: Head, comment: str) -> bytes:
    """A list of revoked certificates.

    Args:
        revoked: Serial numbers, one at least, by the authority that signed them: its public key, as a line.
        head: Version and date.
        comment: What it is, for `ssh-keygen -Q -l -f`.
    """
    seconds = int(datetime.combine(head.day, time(), UTC).timestamp())
    start = _MAGIC + _u32(_FORMAT) + _u64(head.version) + _u64(seconds) + _u64(0) + _text(b"") + _text(comment.encode())
    sections = [
        _section(_CERTIFICATES, _text(base64.b64decode(authority.split()[1])) + _text(b"") + _serials(serials))
        for authority, serials in sorted(revoked.items())
    ]
    return b"".join([start, *sections])


def _serials(serials: Iterable[int]) -> bytes:
    """The subsection of serial numbers, which must be in order."""
    return _section(_SERIALS, b"".join(map(_u64, sorted(set(serials)))))


def _section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + _text(content)


def _text(content: bytes) -> bytes:
    """A string of RFC 4251, section 5: its length before it."""
    return _u32(len(content)) + content


def _u32(number: int) -> bytes:
    return number.to_bytes(4)


def _u64(number: int) -> bytes:
    return number.to_bytes(8)
