"""What the authorities sign."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_identity, ssh
from lab import authorities
from lab.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

    from lab.context import Lab

NOW = datetime(2031, 1, 5, 12, tzinfo=UTC)


def test_host_certificate() -> None:
    authority, host = authorities.new_keypair("authority"), authorities.new_keypair("git")
    names = ["git.example.org", "git", "198.18.2.55", "fd00::23"]
    text = authorities.sign_host_key(authority.private, host.public, "git.example.org", names, NOW)
    certificate = load_ssh_public_identity(text.encode())
    assert isinstance(certificate, ssh.SSHCertificate)
    certificate.verify_cert_signature()
    assert certificate.type is ssh.SSHCertificateType.HOST
    assert [name.decode() for name in certificate.valid_principals] == names
    assert certificate.key_id == b"git.example.org"
    assert certificate.valid_after < NOW.timestamp() < certificate.valid_before


def test_keypair_is_one() -> None:
    pair = authorities.new_keypair("rt in the lab")
    key = load_ssh_private_key(pair.private.encode(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    assert authorities.openssh_public(key.public_key(), "rt in the lab") == pair.public


@pytest.mark.parametrize(("length", "accepted"), [(75, True), (76, False)])
def test_path_that_is_too_long_for_gnupg(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, length: int, accepted: bool
) -> None:
    clone = lab.root / ("x" * (length - len(str(lab.root)) - 1))
    clone.mkdir()
    here = replace(lab, root=clone)
    here.prepare()
    monkeypatch.setattr(authorities, "_gpgconf", lambda lab, *_: f"{lab.gnupg}/S.gpg-agent.browser\n")
    monkeypatch.setattr(authorities, "run", lambda *_, **__: "sec:\nfpr:::::::::ABC:\n")
    if accepted:
        authorities.ensure_store(here)
        return
    with pytest.raises(LabError, match="the path of this clone is 1 characters too long"):
        authorities.ensure_store(here)


def test_tls_authority() -> None:
    certificate = x509.load_pem_x509_certificate(authorities.tls_certificate(authorities.new_tls_key(), NOW).encode())
    certificate.verify_directly_issued_by(certificate)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_cert_sign
    assert not usage.digital_signature


def test_the_store_gets_what_group_vars_look_up(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all/one.yml").write_text("a: \"{{ lookup('aurore.infra.secret', 'rt-office/mailbox') }}\"\n")
    (tmp_path / "two.yml").write_text("b: \"{{ lookup('aurore.infra.secret',\n  'x/y', whole=true) }}\"\nc: x/z\n")
    assert authorities.looked_up(tmp_path) == ["rt-office/mailbox", "x/y"]
