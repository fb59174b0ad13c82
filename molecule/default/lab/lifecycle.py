"""Up, down and report: the order of things."""

import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress

from molecule.text import checksum

from . import access, authorities, hosts, image, machine, mounts, network, packages, processes, progress, report
from .commands import CommandError, run
from .context import Lab
from .fleet import Fleet, Host
from .podman import CGROUP_PARENT, Podman


def up(lab: Lab, fleet: Fleet, wanted: Sequence[Host], *, anew: bool = False) -> None:
    """Bring hosts up. Every step looks at what is there, so that a second run only does what is missing.

    Args:
        lab: Where.
        fleet: All hosts and networks.
        wanted: The hosts to bring up; others stay as they are.
        anew: Whether to remove them first.
    """
    lab.prepare()
    machine.forget_what_ended(lab)
    machine.raise_limits(lab)
    with progress.step("Authorities, and a certificate for you"):
        authorities.ensure(lab)
    with progress.step(f"Network: {len(fleet.networks)} networks, {len(wanted)} hosts"):
        network.up(fleet, wanted)
    podman = Podman(lab)
    image.ensure(podman)
    mirrors = image.known_mirrors(lab)
    assert mirrors is not None, "the image's own, at the least"
    with progress.step("Package cache and SSH configuration"):
        packages.ensure(lab, fleet, mirrors)
        access.ensure(lab, fleet, mirrors)
    with progress.step("Hosts"):
        if anew:
            podman.run("rm", "--force", "--ignore", "--time", "0", *(host.name for host in wanted))
        hosts.up(podman, wanted)


def describe(lab: Lab, fleet: Fleet, seconds: float) -> str:
    """Write the report of all hosts of the fleet."""
    containers = Podman(lab).containers() if lab.run.is_dir() else {}
    states = {name: container.state for name, container in containers.items()}
    return report.text(fleet.hosts, states, report.memory([one.pid for one in containers.values()]), seconds)


def down(lab: Lab) -> None:
    """Remove every trace, also of a lab that is half made or half removed."""
    with progress.step("Removing the lab"):
        if lab.run.is_dir():
            _remove_containers(Podman(lab))
        packages.stop(lab)
        authorities.stop_agents(lab)
        _end_strays()
        network.down()
        mounts.release(lab)
        mounts.unmount(lab.state)
        machine.restore_limits(lab)
        shutil.rmtree(lab.state, ignore_errors=True)
        # Molecule notes there that it has created the hosts, and would not again.
        shutil.rmtree(lab.owner.home / f".ansible/tmp/molecule.{checksum(lab.root.name, 4)}", ignore_errors=True)


def _remove_containers(podman: Podman) -> None:
    # Podman refuses storage that a killed run left half made; what it started is ended below all the same.
    with suppress(CommandError):
        podman.run("rm", "--all", "--force", "--time", "0")
    processes.end("--exit-command-arg", str(podman.lab.storage))
    with suppress(CommandError):
        run((*mounts.prefix(podman.lab), "find", f"{mounts.CGROUP}{CGROUP_PARENT}", "-depth", "-type", "d", "-delete"))


def _end_strays() -> None:
    """End what still runs in the hosts' namespaces: they are the lab's, and so is all that is in them."""
    for name in network.namespaces():
        with suppress(CommandError):  # a namespace that a killed run left half made
            for pid in run(("ip", "netns", "pids", name)).split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
