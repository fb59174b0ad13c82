"""Who vouches for whom: the authorities of people, of hosts, of TLS.

The user authority's key is made in a SoftHSM token and never leaves it, as the RTC's hardware token does in production.
The keys of the host authority and of the TLS authority are made in memory and kept in a throw-away `pass` store.
"""

import os
import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import ssh

from .commands import run
from .context import Lab
from .errors import LabError

HOST_ENTRY = "ssh/host-authority"
TLS_ENTRY = "tls/authority"
EMERGENCY_ENTRY = "ssh/emergency-authority"
EMERGENCY_HOLDERS = 3
LOOK_UP = re.compile(r"""aurore\.infra\.secret["'],\s*["']([^"']+)["']""")
HOST_CERTIFICATE_DAYS = 365
# GnuPG's; the kernel's own is one more.
LONGEST_SOCKET_PATH = 106
# Clocks differ a little.
CLOCK_SKEW = timedelta(minutes=5)
SOFTHSM_LIBRARIES = ("usr/lib/softhsm/libsofthsm2.so", "usr/lib/*/softhsm/libsofthsm2.so")
ASKPASS = """\
#!/bin/sh
exec cat "$(dirname "$0")/pin"
"""


@dataclass(frozen=True)
class Keypair:
    """A host's key, in OpenSSH's formats."""

    private: str
    public: str


# --- Pure: keys and certificates


def looked_up(choices: Path) -> list[str]:
    """List the entries of the store that a directory of group_vars looks up."""
    return sorted({entry for file in choices.rglob("*.yml") for entry in LOOK_UP.findall(file.read_text())})


def new_keypair(comment: str) -> Keypair:
    """Make an SSH key."""
    key = ed25519.Ed25519PrivateKey.generate()
    return Keypair(openssh_private(key), openssh_public(key.public_key(), comment))


def openssh_private(key: ed25519.Ed25519PrivateKey) -> str:
    """Write a private key as OpenSSH does."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def openssh_public(key: ed25519.Ed25519PublicKey, comment: str) -> str:
    """Write a public key as OpenSSH does."""
    form = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{key.public_bytes(*form).decode()} {comment}\n"


def sign_host_key(authority: str, public: str, name: str, principals: list[str], now: datetime) -> str:
    """Issue a host certificate.

    Args:
        authority: The host authority's private key.
        public: The host's public key.
        name: The certificate's identity.
        principals: All names and addresses by which the host is reached.
        now: The time.
    """
    key = serialization.load_ssh_private_key(authority.encode(), None)
    subject = serialization.load_ssh_public_key(public.encode())
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    assert isinstance(subject, ed25519.Ed25519PublicKey)
    certificate = (
        ssh.SSHCertificateBuilder()
        .public_key(subject)
        .type(ssh.SSHCertificateType.HOST)
        .serial(secrets.randbits(63))
        .key_id(name.encode())
        .valid_principals([principal.encode() for principal in principals])
        .valid_after(int((now - CLOCK_SKEW).timestamp()))
        .valid_before(int((now + timedelta(days=HOST_CERTIFICATE_DAYS)).timestamp()))
        .sign(key)
    )
    return f"{certificate.public_bytes().decode()} {name}\n"


def new_tls_key() -> str:
    """Make the TLS authority's key, in PEM."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(*form).decode()


def tls_certificate(private: str, now: datetime) -> str:
    """Issue the TLS authority's certificate, signed by itself, in PEM."""
    key = serialization.load_pem_private_key(private.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Aurore lab")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = {
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    }  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**{one: one in {"key_cert_sign", "crl_sign"} for one in usage}), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


# --- Doing it


def ensure(lab: Lab) -> None:
    """Make what is missing of the authorities."""
    now = datetime.now(UTC)
    ensure_store(lab)
    for entry in looked_up(lab.root / "group_vars"):
        if not (lab.password_store / f"{entry}.gpg").exists():
            _pass(lab, "insert", "--multiline", "--force", entry, stdin=f"{secrets.token_hex(32)}\n")
    _ensure_host_authority(lab)
    _ensure_tls_authority(lab, now)
    _ensure_user_authority(lab)
    _ensure_emergency_authority(lab)


def host_authority(lab: Lab) -> str:
    """Look the host authority's private key up."""
    return _pass(lab, "show", HOST_ENTRY)


def stop_agents(lab: Lab) -> None:
    """End what GnuPG left running for the store."""
    if lab.gnupg.exists():
        _gpgconf(lab, "--kill", "all")


def user_authority_key(lab: Lab) -> Path:
    """Tell where the user authority's public key is."""
    return lab.ssh / "user_ca.pub"


def host_authority_key(lab: Lab) -> Path:
    """Tell where the host authority's public key is."""
    return lab.ssh / "host_ca.pub"


def emergency_authority_key(lab: Lab) -> Path:
    """Tell where the emergency authority's public key is."""
    return lab.ssh / "emergency_ca.pub"


def tls_authority_certificate(lab: Lab) -> Path:
    """Tell where the TLS authority's certificate is."""
    return lab.state / "tls_authority.pem"


def _gpgconf(lab: Lab, *arguments: str) -> str:
    return run(("gpgconf", *arguments), environment={"GNUPGHOME": str(lab.gnupg)}, owner=lab.owner)


def _pass(lab: Lab, *arguments: str, stdin: str = "") -> str:
    environment = {"PASSWORD_STORE_DIR": str(lab.password_store), "GNUPGHOME": str(lab.gnupg)}
    return run(("pass", *arguments), stdin=stdin.encode(), environment=environment, owner=lab.owner)


def ensure_store(lab: Lab) -> None:
    """Make the throw-away `pass` store.

    Raises:
        LabError: When GnuPG cannot work in this clone.
    """
    if (lab.password_store / ".gpg-id").exists():
        return
    # The longest of its sockets' names. They are in the store, unless the machine has a better place.
    excess = len(_gpgconf(lab, "--list-dirs", "agent-browser-socket").strip().encode()) - LONGEST_SOCKET_PATH
    if excess > 0:
        problem = f"the path of this clone is {excess} characters too long for the sockets of GnuPG"
        raise LabError("secrets", problem, "make unlab, move the clone to a shorter path, and make lab there")
    gpg = ("gpg", "--homedir", str(lab.gnupg), "--batch", "--quiet")
    listing = (*gpg, "--list-secret-keys", "--with-colons")
    if "sec:" not in run(listing, owner=lab.owner):
        identity = ("--passphrase", "", "--quick-generate-key", "Throw-away store of the lab", "future-default")
        run((*gpg, *identity), owner=lab.owner)
    fingerprint = re.findall(r"^fpr:+(\w+):", run(listing, owner=lab.owner), re.MULTILINE)[0]
    _pass(lab, "init", fingerprint)


def _ensure_host_authority(lab: Lab) -> None:
    public = host_authority_key(lab)
    if public.exists():
        return
    # The public half is written last: while it is missing, no host trusts the key, and a new one may replace it.
    authority = new_keypair("host authority of the lab")
    _pass(lab, "insert", "--multiline", "--force", HOST_ENTRY, stdin=authority.private)
    lab.write(public, authority.public)


def _ensure_tls_authority(lab: Lab, now: datetime) -> None:
    certificate = tls_authority_certificate(lab)
    if certificate.exists():
        return
    private = new_tls_key()
    _pass(lab, "insert", "--multiline", "--force", TLS_ENTRY, stdin=private)
    lab.write(certificate, tls_certificate(private, now))


def _ensure_emergency_authority(lab: Lab) -> None:
    """Make the authority that two people open, with the shares that people would have on paper."""
    from ansible_collections.aurore.infra.plugins.module_utils.register import emergency

    public = emergency_authority_key(lab)
    if public.exists():
        return
    authority = emergency.make(EMERGENCY_HOLDERS)
    _pass(lab, "insert", "--multiline", "--force", EMERGENCY_ENTRY, stdin=authority.private)
    for number, share in enumerate(authority.shares, 1):
        lab.write(lab.people / f"share-{number}", f"{share}\n", 0o600)
    lab.write(public, f"{authority.public}\n")


def softhsm() -> str:
    """Find the library of the token.

    Raises:
        LabError: When it is not installed.
    """
    found = [path for pattern in SOFTHSM_LIBRARIES for path in sorted(Path("/").glob(pattern))]
    if not found:
        raise LabError("user authority", "SoftHSM is not installed", "install the package softhsm2")
    return str(found[0])


def token_environment(token: Path) -> dict[str, str]:
    """Tell programs where the token is, and ssh-keygen who knows its PIN."""
    return {
        "SOFTHSM2_CONF": str(token / "softhsm2.conf"),
        "SSH_ASKPASS": str(token / "askpass"),
        "SSH_ASKPASS_REQUIRE": "force",
    }


def _ensure_user_authority(lab: Lab) -> None:
    public = user_authority_key(lab)
    if not lab.token.exists():
        _make_token(lab)
    # The clone may have moved.
    lab.write(lab.token / "softhsm2.conf", f"directories.tokendir = {lab.token}/objects\n")
    if not public.exists():
        listing = run(("ssh-keygen", "-D", softhsm()), environment=token_environment(lab.token), owner=lab.owner)
        kind, key = listing.split()[:2]
        lab.write(public, f"{kind} {key} user authority of the lab\n")


def _make_token(lab: Lab) -> None:
    """Make the token beside its place, so that it is there whole or not at all."""
    token = lab.token.with_name("token.partial")
    shutil.rmtree(token, ignore_errors=True)
    for directory in (token, token / "objects"):
        directory.mkdir(mode=0o700)
        os.chown(directory, lab.owner.uid, lab.owner.gid)
    pin = secrets.token_hex(16)
    lab.write(token / "pin", f"{pin}\n", 0o600)
    lab.write(token / "askpass", ASKPASS, 0o700)
    lab.write(token / "softhsm2.conf", f"directories.tokendir = {token}/objects\n")
    environment = token_environment(token) | {"PIN": pin}
    for arguments in (
        "--init-token --slot-index 0 --label aurore-lab --so-pin env:PIN",
        "--token-label aurore-lab --login --login-type so --so-pin env:PIN --init-pin --pin env:PIN",
        "--token-label aurore-lab --login --pin env:PIN --keypairgen --key-type EC:prime256v1 --label users",
    ):
        run(("pkcs11-tool", "--module", softhsm(), *arguments.split()), environment=environment, owner=lab.owner)
    token.replace(lab.token)
