"""Podman with storage of its own, so that nothing of the machine's containers is seen or touched."""

import json
from dataclasses import dataclass
from functools import cached_property

from . import mounts
from .commands import run
from .context import Lab

# The machine's own configuration does not count: cgroupfs works with systemd and without it.
CONFIGURATION = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"

[network]
network_backend = "netavark"
network_config_dir = "{run}/networks"
"""
# Every container of the lab is below this control group.
CGROUP_PARENT = "/aurore-lab"


@dataclass(frozen=True)
class Container:
    """A container as podman sees it.

    Attributes:
        state: Podman's word: created, running, paused, exited, …
        pid: Its first process, or 0.
        image: The image's name that it was made from.
    """

    state: str
    pid: int
    image: str


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
            *("env", f"CONTAINERS_CONF={configuration}", "podman"),
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
        return {one["Names"][0]: Container(one["State"], one["Pid"], one["Image"]) for one in listed}
