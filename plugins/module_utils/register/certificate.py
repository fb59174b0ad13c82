"""SSH certificates of people (OpenSSH's PROTOCOL.certkeys), read without trusting them.

The library that signs hosts' certificates does not read those for security keys (sk-), which people may have.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX = "-cert-v01@openssh.com"
_USER = 1

_KEY_PARTS = {
    "ssh-ed25519": 1,
    "sk-ssh-ed25519": 2,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ecdsa-sha2-nistp256": 3,
    "ssh-rsa": 2,
}
"""How many parts of a certificate are its key's, by its type without the suffix."""

_CURVE_HASHES = {"ecdsa-sha2-nistp256": SHA256(), "ecdsa-sha2-nistp384": SHA384()}


class CertificateError(ValueError):
    """A text is not a certificate of a person; says why."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says.

    Attributes:
        serial: Its number.
        key_id: Who it is.
        principals: What it opens.
        valid_after: Seconds since 1970.
        valid_before: Seconds since 1970; the first second in which it is not valid.
        critical_options: What must be heeded, by name.
        extensions: What is allowed, in the order of the certificate.
        key: Fingerprint of the person's key.
        authority: Fingerprint of the key that signed it.
        authority_line: That key as a line of a .pub file.
        is_signed: Whether the signature is that key's.
    """

    serial: int
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    critical_options: tuple[str, ...]
    extensions: tuple[str, ...]
    key: str
    authority: str
    authority_line: str
    is_signed: bool


class _Reader:
    """Takes fields off encoded data (RFC 4251, section 5)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, length: int) -> bytes:
        """The next bytes."""
        end = self.position + length
        if end > len(self.data):
            raise CertificateError("it ends too early")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def number(self, length: int) -> int:
        """The next number of so many bytes."""
        return int.from_bytes(self.take(length))

    def text(self) -> bytes:
        """The next string."""
        return self.take(self.number(4))

    def texts(self) -> Iterator[bytes]:
        """All strings that are left."""
        while self.position < len(self.data):
            yield self.text()


def read(text: str) -> Certificate:
    """Reads a certificate, as it is in its file.

    Raises:
        CertificateError: It is none of a person.
    """
    kind, _, rest = text.strip().partition(" ")
    plain = kind.removesuffix(_SUFFIX)
    if plain == kind or plain not in _KEY_PARTS or "\n" in rest:
        raise CertificateError("it is not one line with an SSH certificate")
    try:
        blob = base64.b64decode(rest.partition(" ")[0], validate=True)
    except ValueError:
        raise CertificateError("it is damaged") from None
    return _parsed(_Reader(blob), kind, plain)


def _parsed(reader: _Reader, kind: str, plain: str) -> Certificate:
    if reader.text() != kind.encode():
        raise CertificateError("it is damaged")
    reader.text()  # the nonce
    # A security key's type has its suffix in keys as well.
    name = f"{plain}@openssh.com" if plain.startswith("sk-") else plain
    key = b"".join(map(_text, [name.encode(), *(reader.text() for _ in range(_KEY_PARTS[plain]))]))
    serial, purpose = reader.number(8), reader.number(4)
    if purpose != _USER:
        raise CertificateError("it is a host's")
    key_id, principals = _decoded(reader.text()), tuple(map(_decoded, _Reader(reader.text()).texts()))
    after, before = reader.number(8), reader.number(8)
    critical = tuple(map(_decoded, [*_Reader(reader.text()).texts()][::2]))
    extensions = tuple(map(_decoded, [*_Reader(reader.text()).texts()][::2]))
    reader.text()  # reserved
    authority = reader.text()
    signed = reader.data[: reader.position]
    signature = reader.text()
    if reader.position != len(reader.data):
        raise CertificateError("something follows it")
    authority_line = f"{_decoded(_Reader(authority).text())} {base64.b64encode(authority).decode()}"
    return Certificate(
        serial=serial,
        key_id=key_id,
        principals=principals,
        valid_after=after,
        valid_before=before,
        critical_options=critical,
        extensions=extensions,
        key=_fingerprint(key),
        authority=_fingerprint(authority),
        authority_line=authority_line,
        is_signed=_is_signed(authority_line, signed, signature),
    )


def _is_signed(authority: str, signed: bytes, signature: bytes) -> bool:
    """Whether a signature is the authority's, which is of a type that the model accepts (model/keys.py)."""
    reader = _Reader(signature)
    kind, blob = _decoded(reader.text()), reader.text()
    try:
        key = load_ssh_public_key(authority.encode())
        match key:
            case ed25519.Ed25519PublicKey() if kind == "ssh-ed25519":
                key.verify(blob, signed)
            case ec.EllipticCurvePublicKey() if kind in _CURVE_HASHES and authority.startswith(f"{kind} "):
                halves = [int.from_bytes(half, signed=True) for half in _Reader(blob).texts()]
                key.verify(encode_dss_signature(*halves), signed, ec.ECDSA(_CURVE_HASHES[kind]))
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _decoded(content: bytes) -> str:
    return content.decode(errors="backslashreplace")


def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _text(content: bytes) -> bytes:
    return len(content).to_bytes(4) + content
