"""TLS certificates, as OpenSSL and Python's ssl judge them."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.identity import keys, tls
from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import IdentityError, Wanted, draft
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Authorities, Makers

NOW = datetime(2031, 1, 5, 12, tzinfo=UTC)
WANTED = Wanted.of("git.adm.auro.re", ["git"], ["192.0.2.12", "2001:db8::12"], 365, 90)
HOST_KEY = ec.generate_private_key(ec.SECP256R1())


def issue(certificate: str, private: str, wanted: Wanted = WANTED, at: datetime = NOW) -> str:
    """Have an authority sign a certificate of HOST_KEY."""
    issuer = tls.authority(certificate, at)
    content = draft(wanted, keys.fingerprint(HOST_KEY.public_key()), issuer.fingerprint, at, authority_ends=issuer.ends)
    return tls.issue(HOST_KEY.public_key(), content, wanted, issuer, keys.private_key(private, issuer.key))


def issued_by(authorities: Authorities) -> str:
    return issue(authorities.tls_certificate, authorities.tls_private)


def verify(
    tmp_path: Path, authorities: Authorities, certificate: str, *options: str
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "ca.crt").write_text(authorities.tls_certificate)
    (tmp_path / "host.crt").write_text(certificate)
    at = ["-attime", str(int(NOW.timestamp()))]
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-CAfile",
        tmp_path / "ca.crt",
        *at,
        *options,
        tmp_path / "host.crt",
    ]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("kind", ["ed25519", "p256", "rsa"])
def test_openssl_accepts_the_chain_for_every_name_and_purpose(tmp_path: Path, make: Makers, kind: str) -> None:
    authorities = make.authorities(kind)
    certificate = issued_by(authorities)
    for option in (
        ["-purpose", "sslserver"],
        ["-purpose", "sslclient"],
        ["-verify_hostname", "git.adm.auro.re"],
        ["-verify_hostname", "git"],
        ["-verify_ip", "192.0.2.12"],
        ["-verify_ip", "2001:db8::12"],
    ):
        done = verify(tmp_path, authorities, certificate, *option)
        assert done.returncode == 0, done.stderr
    for option in (["-verify_hostname", "mail"], ["-verify_ip", "192.0.2.13"], ["-purpose", "crlsign"]):
        assert verify(tmp_path, authorities, certificate, *option).returncode != 0
    assert verify(tmp_path, make.authorities(kind), certificate).returncode != 0


def test_it_follows_rfc_5280(authorities: Authorities) -> None:
    certificate = x509.load_pem_x509_certificate(issued_by(authorities).encode())
    issuer = x509.load_pem_x509_certificate(authorities.tls_certificate.encode())
    extensions = {extension.oid._name: extension for extension in certificate.extensions}
    assert certificate.version is x509.Version.v3
    assert extensions["basicConstraints"].critical
    assert extensions["basicConstraints"].value == x509.BasicConstraints(ca=False, path_length=None)
    assert extensions["keyUsage"].critical
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert extensions["authorityKeyIdentifier"].value.key_identifier == identifier.digest
    assert extensions["subjectKeyIdentifier"].value == x509.SubjectKeyIdentifier.from_public_key(HOST_KEY.public_key())
    assert [usage._name for usage in extensions["extendedKeyUsage"].value] == ["serverAuth", "clientAuth"]
    assert certificate.issuer == issuer.subject
    assert certificate.serial_number.bit_length() <= 159


def test_a_handshake_names_both_sides(tmp_path: Path, make: Makers) -> None:
    """Python's ssl, which looks at the real time, accepts the certificate on both ends."""
    key, today = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC).replace(microsecond=0)
    authority = make.tls_authority(key, at=today)
    certificate = issue(authority, make.private_pem(key), at=today)
    for name, text in {"ca": authority, "crt": certificate, "key": make.private_pem(HOST_KEY)}.items():
        (tmp_path / name).write_text(text)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.verify_mode = ssl.CERT_REQUIRED
    for context in (server, client):
        context.load_verify_locations(tmp_path / "ca")
        context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="git.adm.auro.re"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    pending = list(ends)
    for _ in range(10):
        for end in tuple(pending):
            try:
                end.do_handshake()
                pending.remove(end)
            except ssl.SSLWantReadError:
                continue
    assert not pending
    for end in ends:
        peer = end.getpeercert()
        assert peer
        assert ("DNS", "git.adm.auro.re") in peer["subjectAltName"]


def test_what_we_sign_reads_as_what_was_wanted(authorities: Authorities) -> None:
    issuer = tls.authority(authorities.tls_certificate, NOW)
    expected = draft(WANTED, keys.fingerprint(HOST_KEY.public_key()), issuer.fingerprint, NOW)
    assert tls.read(issued_by(authorities), issuer) == expected


def test_another_authoritys_certificate_is_told_apart(authorities: Authorities, make: Makers) -> None:
    """Also that of an authority with the same name, and that of one with another kind of key."""
    for kind in ("ed25519", "p256"):
        issuer = tls.authority(make.authorities(kind).tls_certificate, NOW)
        assert tls.read(issued_by(authorities), issuer).authority == "another one, CN=Test authority"


def test_it_does_not_outlive_its_authority(tmp_path: Path, make: Makers) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    wanted = Wanted.of("git.adm.auro.re", [], [], 1000, 90)
    text = issue(make.tls_authority(key, years=1), make.private_pem(key), wanted)
    certificate = x509.load_pem_x509_certificate(text.encode())
    assert certificate.not_valid_after_utc == NOW + timedelta(days=365)


def test_an_authority_without_a_key_identifier_gets_the_usual_one(tmp_path: Path, make: Makers) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    plain = make.tls_authority(key, extensions=(x509.BasicConstraints(ca=True, path_length=0),))
    certificate = x509.load_pem_x509_certificate(issue(plain, make.private_pem(key)).encode())
    found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found == x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def test_of_several_authorities_the_first_signs(authorities: Authorities, make: Makers) -> None:
    following = make.authorities("p256")
    issuer = tls.authority(following.tls_certificate + authorities.tls_certificate, NOW)
    assert issuer.fingerprint == tls.authority(following.tls_certificate, NOW).fingerprint


def test_what_is_no_authority_is_refused(authorities: Authorities, make: Makers) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(IdentityError, match="not a certificate in PEM"):
        tls.authority("nonsense", NOW)
    with pytest.raises(IdentityError, match="not an authority's"):
        tls.authority(issued_by(authorities), NOW)
    with pytest.raises(IdentityError, match="not an authority's"):
        tls.authority(make.tls_authority(key, extensions=()), NOW)
    for moment in (NOW - timedelta(days=366), NOW + timedelta(days=3650)):
        with pytest.raises(IdentityError, match="valid from 2030-01-05 to 2041-01-02 only: make the next authority"):
            tls.authority(authorities.tls_certificate, moment)


def test_an_authoritys_key_of_an_unknown_kind_is_refused(make: Makers) -> None:
    key = dsa.generate_private_key(2048)
    with pytest.raises(IdentityError, match="neither an Ed25519"):
        tls.authority(make.tls_authority(key), NOW)


def test_what_does_not_serve_a_host_is_refused(authorities: Authorities, make: Makers) -> None:
    issuer = tls.authority(authorities.tls_certificate, NOW)
    names = x509.SubjectAlternativeName([x509.DNSName("git")])
    with pytest.raises(IdentityError, match="it names no host"):
        tls.read(authorities.tls_certificate, issuer)
    with pytest.raises(IdentityError, match="neither an Ed25519"):
        tls.read(make.tls_authority(dsa.generate_private_key(2048), extensions=(names,)), issuer)
    with pytest.raises(IdentityError, match="not a certificate in PEM"):
        tls.read(authorities.tls_certificate.replace("MII", "MIJ"), issuer)


def test_a_certificate_without_a_common_name_is_read(authorities: Authorities) -> None:
    issuer = tls.authority(authorities.tls_certificate, NOW)
    key = ed25519.Ed25519PrivateKey.generate()
    certificate = (
        x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 1, NOW, NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("git")]), critical=True)
        .sign(key, None)
    )
    found = tls.read(certificate.public_bytes(Encoding.PEM).decode(), issuer)
    assert (found.identity, found.names) == ("", {"git"})


def test_a_certificate_without_an_identity_serves_by_its_names_alone(tmp_path: Path, authorities: Authorities) -> None:
    issuer = tls.authority(authorities.tls_certificate, NOW)
    content = draft(WANTED, keys.fingerprint(HOST_KEY.public_key()), issuer.fingerprint, NOW)
    nameless = replace(content, identity="")
    signing_key = keys.private_key(authorities.tls_private, issuer.key)
    text = tls.issue(HOST_KEY.public_key(), nameless, WANTED, issuer, signing_key)
    assert tls.read(text, issuer) == nameless
    certificate = x509.load_pem_x509_certificate(text.encode())
    assert certificate.subject == x509.Name([])
    # RFC 5280: whoever does not understand these names must not accept the certificate.
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    for option in (["-purpose", "sslclient"], ["-verify_hostname", "git.adm.auro.re"], ["-verify_ip", "192.0.2.12"]):
        done = verify(tmp_path, authorities, text, *option)
        assert done.returncode == 0, done.stderr


def test_a_bundle_is_described_for_people(authorities: Authorities, make: Makers) -> None:
    both = tls.describe(authorities.tls_certificate + make.authorities("p256").tls_certificate).splitlines()
    assert len(both) == 2
    assert both[0].startswith("CN=Test authority, ")
    assert both[0].endswith(", until 2041-01-02")
    assert tls.describe("nonsense") == "not certificates in PEM\n"


@given(text=st.one_of(st.text(), st.binary().map(ssl.DER_cert_to_PEM_cert)))
def test_garbage_is_refused(authorities: Authorities, text: str) -> None:
    issuer = tls.authority(authorities.tls_certificate, NOW)
    with pytest.raises(IdentityError):
        tls.read(text, issuer)
    with pytest.raises(IdentityError):
        tls.authority(text, NOW)
