"""Real keys and certificates, which ssh-keygen makes; a register in a directory."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.register.store import Register

if TYPE_CHECKING:
    from collections.abc import Callable

TODAY = date(2026, 11, 25)


def keygen(*arguments: str, zone: str = "UTC") -> str:
    """What ssh-keygen says."""
    environment = {"PATH": "/usr/bin:/bin", "TZ": zone, "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["ssh-keygen", *arguments], check=True, capture_output=True, text=True, env=environment
    ).stdout


@dataclass(frozen=True)
class Key:
    """A key pair in files."""

    path: Path

    @property
    def line(self) -> str:
        """The public key, without the comment."""
        return " ".join(Path(f"{self.path}.pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen says."""
        return keygen("-l", "-f", f"{self.path}.pub").split()[1]


@pytest.fixture(scope="session")
def make_key(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Key]:
    """Makes key pairs."""

    def make(*options: str) -> Key:
        path = tmp_path_factory.mktemp("key") / "key"
        keygen("-q", "-N", "", "-C", "", "-f", str(path), *(options or ("-t", "ed25519")))
        return Key(path)

    return make


@pytest.fixture(scope="session")
def authority(make_key: Callable[..., Key]) -> Key:
    """The user authority, of the kind that every token holds."""
    return make_key("-t", "ecdsa", "-b", "256")


@pytest.fixture(scope="session")
def ann(make_key: Callable[..., Key]) -> Key:
    """The key of an RT."""
    return make_key()


def sign(
    authority: Key,
    key: Key,
    serial: int = 1,
    person: str = "ann",
    principals: str = "root",
    days: tuple[str, str] = ("20261125", "20271223"),
    *options: str,
) -> str:
    """A certificate of ssh-keygen's."""
    extensions = options or ("-O", "clear", "-O", "permit-pty")
    since, until = (f"{day}000000" for day in days)
    named = ("-I", person, "-n", principals, "-z", str(serial), "-V", f"{since}:{until}")
    keygen("-q", "-s", str(authority.path), *named, *extensions, f"{key.path}.pub")
    return Path(f"{key.path}-cert.pub").read_text()


@pytest.fixture
def register(tmp_path: Path) -> Register:
    """An empty register."""
    (tmp_path / "certificates.yml").write_text("# Says what it is.\n\ncertificates: []\n")
    return Register(tmp_path)
