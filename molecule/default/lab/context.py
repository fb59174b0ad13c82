"""Where the lab keeps its things, and for whom."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """The person who runs the lab: root, or whoever called sudo.

    The person's own files (SSH key, secrets, model) belong to the person, so that `make ssh` and ansible-playbook
    need no root; containers and networks are root's.
    """

    name: str
    uid: int
    gid: int
    home: Path

    @classmethod
    def current(cls, environment: Mapping[str, str] = os.environ) -> "Owner":
        """Find who runs the lab, behind sudo or not."""
        entry = pwd.getpwuid(int(environment.get("SUDO_UID", os.geteuid())))
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))


@dataclass(frozen=True)
class Lab:
    """The lab of one clone of the repository: everything is below its directory `.lab`."""

    root: Path
    owner: Owner
    lock: int | None = None
    """Descriptor of the lock. A child that must not outlive its parent's turn inherits it."""

    @property
    def state(self) -> Path:
        """The directory of all that the lab makes."""
        return self.root / ".lab"

    @property
    def ssh(self) -> Path:
        """Configuration, key, certificate and authorities of SSH."""
        return self.state / "ssh"

    @property
    def token(self) -> Path:
        """SoftHSM's token, which holds the user authority's key."""
        return self.state / "token"

    @property
    def password_store(self) -> Path:
        """The throw-away `pass` store."""
        return self.state / "pass"

    @property
    def gnupg(self) -> Path:
        """The GnuPG home of the throw-away store."""
        return self.state / "gnupg"

    @property
    def base_model(self) -> Path:
        """The model of the fleet."""
        return self.root / "inventory/model"

    @property
    def model(self) -> Path:
        """The files that take the place of the model's: authorities, people, certificates."""
        return self.state / "model"

    @property
    def people(self) -> Path:
        """The keys of the RTs, by their nicks."""
        return self.ssh / "people"

    @property
    def image(self) -> Path:
        """What is known of the image; its files are in podman's storage."""
        return self.state / "image"

    @property
    def cache(self) -> Path:
        """Configuration, packages and log of apt-cacher-ng."""
        return self.state / "cache"

    @property
    def storage(self) -> Path:
        """Podman's images and containers."""
        return self.state / "storage"

    @property
    def run(self) -> Path:
        """What a reboot of the machine makes void."""
        return self.state / "run"

    @property
    def logs(self) -> Path:
        """Output of what the lab runs."""
        return self.state / "logs"

    @property
    def failed_tests(self) -> Path:
        """What the tests on the lab note of those that failed (tests/testinfra/conftest.py), until `make scenarios`.

        Bringing hosts up leaves it: tests do that, too, after those that failed.
        """
        return self.state / "failed-tests"

    @property
    def inheritance(self) -> tuple[int, ...]:
        """What a child inherits that the next command must wait for."""
        return () if self.lock is None else (self.lock,)

    def prepare(self) -> None:
        """Make the directories, the person's own ones readable by nobody else."""
        for directory in (self.state, self.image, self.logs, self.cache, self.storage, self.run):
            directory.mkdir(exist_ok=True)
        os.chown(self.state, self.owner.uid, self.owner.gid)
        for directory in (self.ssh, self.people, self.gnupg, self.password_store, self.model):
            directory.mkdir(mode=0o700, exist_ok=True)
            os.chown(directory, self.owner.uid, self.owner.gid)

    def write(self, path: Path, content: str, mode: int = 0o644) -> None:
        """Write a file of the person's, whole or not at all; one that is right is left alone."""
        if path.exists() and path.read_text() == content and path.stat().st_mode & 0o777 == mode:
            return
        partial = path.with_name(f".{path.name}.partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as stream:
            os.fchmod(stream.fileno(), mode)
            os.fchown(stream.fileno(), self.owner.uid, self.owner.gid)
            stream.write(content)
        partial.replace(path)
