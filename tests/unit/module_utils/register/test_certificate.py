"""Certificates are read as ssh-keygen reads them, and nothing that is none passes for one."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint
from ansible_collections.aurore.infra.plugins.module_utils.register.certificate import CertificateError, read
from hypothesis import given
from hypothesis import strategies as some

from .conftest import keygen, sign

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Key

KINDS = [("-t", "ed25519"), ("-t", "ecdsa", "-b", "256"), ("-t", "ecdsa", "-b", "384"), ("-t", "ecdsa", "-b", "521")]
RSA = ("-t", "rsa", "-b", "3072")


@pytest.mark.parametrize("kind", [*KINDS, RSA], ids=" ".join)
def test_keys_of_people(make_key: Callable[..., Key], authority: Key, kind: tuple[str, ...]) -> None:
    key = make_key(*kind)
    read_back = read(sign(authority, key, 7, "ann", "root,git"))
    assert (read_back.serial, read_back.key_id, read_back.principals) == (7, "ann", ("root", "git"))
    assert datetime.fromtimestamp(read_back.valid_after, UTC) == datetime(2026, 11, 25, tzinfo=UTC)
    assert datetime.fromtimestamp(read_back.valid_before, UTC) == datetime(2027, 12, 23, tzinfo=UTC)
    assert (read_back.key, read_back.authority) == (key.fingerprint, authority.fingerprint)
    assert read_back.authority_line == authority.line
    assert (read_back.extensions, read_back.critical_options) == (("permit-pty",), ())
    assert read_back.is_signed


@pytest.mark.parametrize("kind", KINDS[:3], ids=" ".join)
def test_keys_of_authorities(make_key: Callable[..., Key], ann: Key, kind: tuple[str, ...]) -> None:
    signer = make_key(*kind)
    text = sign(signer, ann)
    assert read(text).is_signed
    # One bit of the signature, which is at the end, is another.
    blob = bytearray(base64.b64decode(text.split()[1]))
    blob[-1] ^= 1
    assert not read(f"{text.split()[0]} {base64.b64encode(blob).decode()}").is_signed


def test_an_authority_of_a_type_that_hosts_refuse_signs_nothing(make_key: Callable[..., Key], ann: Key) -> None:
    assert not read(sign(make_key(*RSA), ann)).is_signed
    assert not read(sign(make_key(*KINDS[3]), ann)).is_signed


@pytest.mark.parametrize(("kind", "parts"), [("sk-ssh-ed25519", 2), ("sk-ecdsa-sha2-nistp256", 3)])
def test_security_keys(authority: Key, ann: Key, kind: str, parts: int) -> None:
    """No security key can be plugged in here: the key's part of a certificate is put in another's place."""

    def text(content: bytes) -> bytes:
        return len(content).to_bytes(4) + content

    blob = base64.b64decode(sign(authority, ann).split()[1])
    nonce_and_key = blob.index(b"ssh-ed25519-cert-v01@openssh.com") + 32
    rest = nonce_and_key + 4 + 32 + 4 + 32
    key = [b"part %d" % number for number in range(parts)]
    made = text(f"{kind}-cert-v01@openssh.com".encode()) + text(b"nonce") + b"".join(map(text, key)) + blob[rest:]
    certificate = read(f"{kind}-cert-v01@openssh.com {base64.b64encode(made).decode()} ann")
    plain = text(f"{kind}@openssh.com".encode()) + b"".join(map(text, key))
    digest = base64.b64encode(hashlib.sha256(plain).digest()).decode().rstrip("=")
    assert certificate.key == f"SHA256:{digest}"
    assert (certificate.serial, certificate.key_id) == (1, "ann")
    assert not certificate.is_signed


def test_options_and_extensions(authority: Key, ann: Key) -> None:
    options = ("-O", "force-command=/bin/true", "-O", "source-address=192.0.2.0/24")
    certificate = read(sign(authority, ann, 1, "ann", "root", ("20260101", "20270101"), *options))
    assert certificate.critical_options == ("force-command", "source-address")
    assert "permit-X11-forwarding" in certificate.extensions


def test_what_is_no_certificate_of_a_person(authority: Key, ann: Key) -> None:
    good = sign(authority, ann)
    keygen("-q", "-h", "-s", str(authority.path), "-I", "git", f"{ann.path}.pub")
    host = Path(f"{ann.path}-cert.pub").read_text()
    kind, blob, *_ = good.split()
    content = base64.b64decode(blob)
    other = content.replace(b"ssh-ed25519-cert", b"ssh-ed25518-cert")
    for text, why in [
        (host, "it is a host's"),
        (ann.line, "it is not one line with an SSH certificate"),
        ("", "it is not one line with an SSH certificate"),
        (f"{good}{good}", "it is not one line with an SSH certificate"),
        (f"{kind} ???", "it is damaged"),
        (f"{kind} {base64.b64encode(other).decode()}", "it is damaged"),
        (f"{kind} {base64.b64encode(content[:-1]).decode()}", "it ends too early"),
        (f"{kind} {base64.b64encode(content + b'x').decode()}", "something follows it"),
    ]:
        with pytest.raises(CertificateError, match=f"^{why}$"):
            read(text)


@given(some.binary(max_size=80))
def test_any_bytes_are_refused_without_a_fall(blob: bytes) -> None:
    head = b"\0\0\0\x20ssh-ed25519-cert-v01@openssh.com"
    with pytest.raises(CertificateError):
        read(f"ssh-ed25519-cert-v01@openssh.com {base64.b64encode(head + blob).decode()}")


def test_fingerprints_are_ssh_keygen_s(make_key: Callable[..., Key]) -> None:
    for kind in KINDS:
        key = make_key(*kind)
        assert fingerprint(key.line) == key.fingerprint
