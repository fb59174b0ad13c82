"""Podman with storage of its own, so that nothing of the machine's containers is seen or touched."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from . import mounts
from .commands import run
from .context import Lab

# The machine's own configuration does not count: cgroupfs works with systemd and without it.
CONFIGURATION = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "crun"
# In files below the lab, rather than in the machine's shared memory.
lock_type = "file"

[network]
network_backend = "netavark"
network_config_dir = "{run}/networks"
"""
# Every container of the lab is below this control group.
CGROUP_PARENT = "/aurore-lab"
# Where crun notes the containers of all of the machine's storages.
RUNTIME_NOTES = Path("/run/crun")
# What podman and crun make there for the whole machine, and leave empty.
SHARED_DIRECTORIES = (Path("/run/containers/networks"), Path("/run/containers"), RUNTIME_NOTES)
# On a container: what its host was made from.
LABEL = "aurore.origin"


@dataclass(frozen=True)
class Container:
    """A container as podman sees it.

    Attributes:
        state: Podman's word: created, running, paused, exited, …
        pid: Its first process, or 0.
        started: Whether it ever was. The state does not tell: after a reboot it is `created` again.
        origin: What its host was made from, or nothing.
    """

    state: str
    pid: int
    started: bool
    origin: str


@dataclass(frozen=True)
class Podman:
    """Podman on the lab's storage."""

    lab: Lab

    @cached_property
    def _prefix(self) -> tuple[str, ...]:
        configuration = self.lab.run / "containers.conf"
        self.lab.write(configuration, CONFIGURATION.format(run=self.lab.run))
        return (
            *mounts.prefix(self.lab),
            # `podman cp` forgets its temporary files, which hold hosts' keys.
            *("env", f"CONTAINERS_CONF={configuration}", f"TMPDIR={self.lab.run}", "podman"),
            *("--root", str(self.lab.storage), "--runroot", str(self.lab.run), "--tmpdir", str(self.lab.run / "tmp")),
        )

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Give the whole command line, for who runs it otherwise."""
        return (*self._prefix, *arguments)

    def run(self, *arguments: str, stdin: bytes = b"", daemon: bool = False) -> str:
        """Run podman.

        Args:
            arguments: Its arguments.
            stdin: What it reads.
            daemon: Whether it leaves a process behind, which then must not keep the lab's lock.
        """
        return run(self.command(*arguments), stdin=stdin, inherit=() if daemon else self.lab.inheritance)

    def containers(self) -> dict[str, Container]:
        """List all containers by name, also those of which a killed run left no more than files."""
        listed = json.loads(self.run("ps", "--all", "--external", "--format", "json") or "[]")
        return {one["Names"][0]: container_of(one) for one in listed}


def container_of(listed: Mapping[str, Any]) -> Container:
    """Read a container out of podman's list."""
    # The year 1, where it never was.
    started = listed.get("StartedAt", 0) > 0
    return Container(listed["State"], listed["Pid"], started, (listed.get("Labels") or {}).get(LABEL, ""))


def forget_containers(lab: Lab, storage: Path) -> None:
    """Make the container runtime forget the containers of a storage, which it would refuse to start again.

    Args:
        lab: This clone's lab.
        storage: The storage, this lab's or that of a clone that is gone.
    """
    for note in RUNTIME_NOTES.glob("*/status"):
        with suppress(FileNotFoundError):  # somebody else's, and gone meanwhile
            if json.loads(note.read_text())["bundle"].startswith(f"{storage}/"):
                run((*mounts.prefix(lab), "crun", "delete", "--force", note.parent.name))


def remove_shared_directories() -> None:
    """Remove what podman left for the whole machine, unless somebody else's containers need it."""
    for directory in SHARED_DIRECTORIES:
        with suppress(OSError):  # it is in use, or was never made
            directory.rmdir()
