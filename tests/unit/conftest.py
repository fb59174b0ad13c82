"""What several unit tests need: a password store as people have one, and the association's authorities."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, settings

from tests.unit import https

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Property tests try the same examples each time, and take as long as they need.
settings.register_profile("unit", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")

# When the tests of certificates take place; their authorities are valid from a year before.
NOW = datetime(2031, 1, 5, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Store:
    """A real `pass` store and the GnuPG home that opens it."""

    directory: Path
    gnupg_home: Path

    @property
    def variables(self) -> dict[str, str]:
        """What an inventory says of it."""
        return {"secrets_directory": str(self.directory), "secrets_gnupg_home": str(self.gnupg_home)}

    def run(self, *command: str, content: bytes = b"") -> None:
        """Run a program on it."""
        places = {"PASSWORD_STORE_DIR": str(self.directory), "GNUPGHOME": str(self.gnupg_home)}
        subprocess.run(command, env=os.environ | places, input=content, check=True, capture_output=True)

    def insert(self, name: str, content: str | bytes) -> None:
        """Add or replace an entry."""
        data = content.encode() if isinstance(content, str) else content
        self.run("pass", "insert", "--multiline", "--force", "--", name, content=data)


@pytest.fixture(scope="session")
def store() -> Iterator[Store]:
    """A store with a fresh key; tests add what they need."""
    # Not pytest's directory, whose path may be too long for the agent's socket.
    root = Path(tempfile.mkdtemp(prefix="aurore-"))
    made = Store(root / "store", root / "gnupg")
    made.gnupg_home.mkdir(mode=0o700)
    try:
        made.run("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "rt@example.org", "future-default")
        made.run("pass", "init", "rt@example.org")
        yield made
    finally:
        subprocess.run(["gpgconf", "--homedir", str(made.gnupg_home), "--kill", "all"], check=True)
        shutil.rmtree(root)


@dataclass(frozen=True)
class Authorities:
    """The two authorities, as the store and the model have them."""

    ssh_private: str
    ssh_public: str
    tls_private: str
    tls_certificate: str


def private_pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    """Return a private key as text."""
    return str(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode())


def tls_authority(
    key: Any,
    *,
    name: str = "Test authority",
    at: datetime = NOW,
    years: int = 10,
    extensions: tuple[Any, ...] | None = None,
) -> str:
    """Return an authority's certificate, self-signed."""
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(title)
        .issuer_name(title)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=365))
        .not_valid_after(at + timedelta(days=365 * years))
    )
    if extensions is None:
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        extensions = (
            x509.BasicConstraints(ca=True, path_length=0),
            usage,
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=not isinstance(extension, x509.SubjectKeyIdentifier))
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


def make_authorities(kind: str = "ed25519") -> Authorities:
    """Return two fresh authorities whose keys are of a kind."""
    makers: dict[str, Any] = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 3072),
    }
    ssh, tls = makers[kind](), makers[kind]()
    return Authorities(
        ssh_private=private_pem(ssh, PrivateFormat.OpenSSH),
        ssh_public=ssh.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
        tls_private=private_pem(tls),
        tls_certificate=tls_authority(tls),
    )


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    """The association's authorities."""
    return make_authorities()


@dataclass(frozen=True)
class Makers:
    """What makes authorities, for tests that need other ones."""

    authorities = staticmethod(make_authorities)
    private_pem = staticmethod(private_pem)
    tls_authority = staticmethod(tls_authority)


@pytest.fixture(scope="session")
def make() -> Makers:
    """What makes authorities."""
    return Makers()


@dataclass(frozen=True)
class Systemctl:
    """A systemctl that remembers what it was asked to do."""

    directory: Path

    def set_state(self, unit: str, state: str) -> None:
        """Set what systemctl says of a unit; inactive until then."""
        (self.directory / unit).write_text(f"{state}\n")

    def misbehave(self, how: str) -> None:
        """Run a line of shell at the next reload or restart, and at those after it."""
        (self.directory / "misbehave").write_text(how)

    def behave(self) -> None:
        """Work again."""
        (self.directory / "misbehave").unlink()

    @property
    def calls(self) -> list[str]:
        """The reloads and restarts so far."""
        log = self.directory / "log"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    """A systemctl before the system's in PATH."""
    made = Systemctl(tmp_path / "systemctl.d")
    made.directory.mkdir()
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f"cd {made.directory} || exit\n"
        'if [ "$1" = show ]; then\n'
        '  shift 3; cat "$1" 2>/dev/null || echo inactive; exit\n'
        "fi\n"
        "[ ! -e misbehave ] || . ./misbehave\n"
        'echo "$*" >>log\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return made


@pytest.fixture(scope="session")
def proofs(tmp_path_factory: pytest.TempPathFactory) -> https.Proofs:
    """What hosts prove themselves with to each other."""
    return https.proofs(tmp_path_factory.mktemp("proofs") / "ours")


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> https.Proofs:
    """The same, from an authority that nobody knows."""
    return https.proofs(tmp_path_factory.mktemp("proofs") / "theirs")


@pytest.fixture
def serve(proofs: https.Proofs) -> Iterator[Callable[..., https.Server]]:
    """Starts servers, each with the function that answers."""
    started: list[https.Server] = []

    def start(answer: Callable[[https.Asked], Any], shown: https.Proofs = proofs) -> https.Server:
        started.append(https.Server(shown, answer))
        return started[-1]

    yield start
    for server in started:
        server.stop()
