"""SSH host certificates, as ssh-keygen reads and makes them."""

from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.identity import keys, ssh
from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import IdentityError, Wanted, draft
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Authorities, Makers

NOW = datetime(2031, 1, 5, 12, tzinfo=UTC)
WANTED = Wanted.of("git.adm.auro.re", ["git"], ["192.0.2.12", "2001:db8::12"], 365, 90)


@pytest.fixture
def host_key(tmp_path: Path) -> keys.PublicKey:
    """A host's key, in key and key.pub."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    return keys.public_key((tmp_path / "key.pub").read_text())


def issue(host_key: keys.PublicKey, authorities: Authorities) -> str:
    public = keys.public_key(authorities.ssh_public)
    content = draft(WANTED, keys.fingerprint(host_key), keys.fingerprint(public), NOW)
    return ssh.issue(host_key, content, WANTED, keys.private_key(authorities.ssh_private, public))


def show(path: Path) -> str:
    """Return what ssh-keygen sees in a certificate."""
    command = ["ssh-keygen", "-L", "-f", path]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env={"TZ": "UTC", "PATH": "/usr/bin"}
    ).stdout


@pytest.mark.parametrize("kind", ["ed25519", "p256", "rsa"])
def test_ssh_keygen_reads_what_we_sign(tmp_path: Path, host_key: keys.PublicKey, make: Makers, kind: str) -> None:
    authorities = make.authorities(kind)
    path = tmp_path / "key-cert.pub"
    path.write_text(issue(host_key, authorities))
    shown = [line.strip() for line in show(path).splitlines()]
    assert "Type: ssh-ed25519-cert-v01@openssh.com host certificate" in shown
    assert f"Public key: ED25519-CERT {keys.fingerprint(host_key)}" in shown
    signing = next(line for line in shown if line.startswith("Signing CA"))
    assert keys.fingerprint(keys.public_key(authorities.ssh_public)) in signing
    assert "ssh-rsa" not in signing, "SHA-1 is refused by today's clients"
    assert 'Key ID: "git.adm.auro.re"' in shown
    assert "Valid: from 2031-01-05T11:00:00 to 2032-01-05T12:00:00" in shown
    start = shown.index("Principals:")
    assert shown[start + 1 : start + 5] == ["git.adm.auro.re", "git", "192.0.2.12", "2001:db8::12"]
    assert "Critical Options: (none)" in shown
    assert "Extensions: (none)" in shown
    serial = int(next(line for line in shown if line.startswith("Serial:")).split()[1])
    assert 0 < serial < 2**63


def test_serials_differ(host_key: keys.PublicKey, authorities: Authorities, tmp_path: Path) -> None:
    serials = set()
    for number in range(3):
        path = tmp_path / f"{number}.pub"
        path.write_text(issue(host_key, authorities))
        serials.add(next(line for line in show(path).splitlines() if "Serial:" in line))
    assert len(serials) == 3


def test_what_we_sign_reads_as_what_was_wanted(host_key: keys.PublicKey, authorities: Authorities) -> None:
    authority = keys.fingerprint(keys.public_key(authorities.ssh_public))
    assert ssh.read(issue(host_key, authorities)) == draft(WANTED, keys.fingerprint(host_key), authority, NOW)


def keygen_sign(tmp_path: Path, authorities: Authorities, *options: str) -> str:
    authority = tmp_path / "authority"
    authority.write_text(authorities.ssh_private)
    authority.chmod(0o600)
    command = ["ssh-keygen", "-q", "-s", authority, "-I", "git", *options, tmp_path / "key.pub"]
    subprocess.run(command, check=True, capture_output=True)
    return (tmp_path / "key-cert.pub").read_text()


def test_what_ssh_keygen_signs_is_read(tmp_path: Path, host_key: keys.PublicKey, authorities: Authorities) -> None:
    text = keygen_sign(tmp_path, authorities, "-h", "-n", "git,192.0.2.12", "-V", "20310101000000Z:20320101000000Z")
    found = ssh.read(text)
    assert found.identity == "git"
    assert found.names == {"git", "192.0.2.12"}
    assert found.key == keys.fingerprint(host_key)
    assert found.authority == keys.fingerprint(keys.public_key(authorities.ssh_public))
    assert found.not_after - found.not_before == timedelta(days=365)


@pytest.mark.usefixtures("host_key")
def test_what_does_not_serve_a_host_is_refused(tmp_path: Path, authorities: Authorities) -> None:
    with pytest.raises(IdentityError, match="not a host's certificate"):
        ssh.read((tmp_path / "key.pub").read_text())
    with pytest.raises(IdentityError, match="not a host's certificate"):
        ssh.read(keygen_sign(tmp_path, authorities, "-n", "root"))
    with pytest.raises(IdentityError, match="end of time"):
        ssh.read(keygen_sign(tmp_path, authorities, "-h", "-n", "git"))


def test_a_certificate_that_was_altered_is_refused(host_key: keys.PublicKey, authorities: Authorities) -> None:
    kind, data, comment = issue(host_key, authorities).split()
    altered = base64.b64encode(base64.b64decode(data).replace(b"git", b"www")).decode()
    with pytest.raises(IdentityError, match="its signature is wrong"):
        ssh.read(f"{kind} {altered} {comment}")


def test_keys_of_unknown_kinds_are_refused(
    host_key: keys.PublicKey, authorities: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = issue(host_key, authorities)
    monkeypatch.setattr(ssh, "PublicKey", int)
    with pytest.raises(IdentityError, match="neither an Ed25519"):
        ssh.read(text)


@given(
    st.one_of(
        st.text(), st.binary().map(lambda data: f"ssh-ed25519-cert-v01@openssh.com {base64.b64encode(data).decode()}")
    )
)
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(IdentityError):
        ssh.read(text)
