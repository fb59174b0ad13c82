"""Up, down and what is told of the lab: the order of things."""

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from molecule.text import checksum

from . import access, authorities, hosts, image, machine, mounts, network, packages, people, processes, progress, report
from .commands import CommandError, run
from .context import Lab
from .errors import LabError
from .fleet import Fleet, Host
from .podman import CGROUP_PARENT, Podman, forget_containers, remove_shared_directories


def up(lab: Lab, fleet: Fleet, wanted: Sequence[Host], *, anew: bool = False) -> None:
    """Bring hosts up. Every step looks at what is there, so that a second run only does what is missing.

    Args:
        lab: Where.
        fleet: All hosts and networks.
        wanted: The hosts to bring up; others stay as they are.
        anew: Whether to remove them first.
    """
    lab.prepare()
    for note in lab.state.glob("*.retry"):
        note.unlink(missing_ok=True)
    network.prepare(fleet)
    machine.forget_what_ended(lab)
    machine.raise_limits(lab)
    with progress.step("Authorities, and a certificate for you"):
        authorities.ensure(lab)
        people.ensure(lab)
    podman = Podman(lab)
    with progress.step(f"Network: {len(fleet.networks)} networks, {len(wanted)} hosts"):
        outdated = hosts.outdated(podman.containers(), fleet, wanted)
        for name, reason in outdated.items():
            progress.say(f"    {name:<20} {reason}")
        hosts.remove(podman, sorted({*outdated, *(host.name for host in wanted if anew)}))
        network.up(fleet, wanted)
    image.ensure(podman)
    mirrors = image.known_mirrors(lab)
    assert mirrors is not None, "the image's own, at the least"
    with progress.step("Package cache and SSH configuration"):
        packages.ensure(lab, fleet, mirrors)
        access.ensure(lab, fleet, mirrors)
    with progress.step("Hosts"):
        hosts.up(podman, wanted)


def describe(lab: Lab, fleet: Fleet) -> str:
    """Write the report of all hosts of the fleet."""
    containers = Podman(lab).containers() if lab.run.is_dir() else {}
    states = {host.name: containers[host.name].state for host in fleet.hosts if host.name in containers}
    return report.text(fleet.hosts, states, report.memory([one.pid for one in containers.values()]))


def explain(lab: Lab, fleet: Fleet, playbook: str) -> LabError:
    """Show what has failed since the lab was brought up: the hosts' journals, or the tests, which are pages above.

    Args:
        lab: Where.
        fleet: All hosts.
        playbook: Its name. Who runs it has Ansible note there on which hosts it fails.

    Returns:
        What failed, and what to do.
    """
    podman = Podman(lab)
    note = lab.state / f"{playbook}.retry"
    failed = note.read_text().split() if note.exists() else []
    names = [host.name for host in fleet.hosts if host.name in failed]
    for name in names:
        progress.say(f"\n{hosts.journal(podman, name)}")
    if lab.failed_tests.exists():
        progress.say(f"\n{lab.failed_tests.read_text()}")
    problem = "see above what Ansible says, and the journals of these hosts" if names else "see above what failed"
    return LabError(playbook, problem, "mend it, and run the same again", ", ".join(names))


def take_over(lab: Lab, other: Path) -> None:
    """End what is left of the lab of another clone, so that this one may be up.

    Raises:
        LabError: When it is up, and its clone is there to remove it.
    """
    theirs = replace(lab, root=other)
    if theirs.state.is_dir() and any(network.inhabitants()):
        raise LabError("lock", f"the lab of {other} is up on this machine", f"make -C {other} unlab")
    lab.prepare()
    with progress.step(f"Ending what is left of the lab of {other}"):
        _end_processes(theirs)
        _forget_containers(lab, theirs.storage)
        _give_back(theirs)
        # A new one is made when there are new namespaces, which it then sees.
        mounts.release(lab)


def down(lab: Lab, molecule_homes: Sequence[Path]) -> None:
    """Remove every trace, also of a lab that is half made or half removed.

    Args:
        lab: Which.
        molecule_homes: Where Molecule may have noted that it has created the hosts: it would not again.
    """
    with progress.step("Removing the lab"):
        exists = lab.state.is_dir()
        if exists:
            lab.prepare()
            # Podman refuses storage that a killed run left half made; what it started is ended all the same.
            with suppress(CommandError):
                Podman(lab).run("rm", "--all", "--force", "--time", "0")
            authorities.stop_agents(lab)
        _end_processes(lab)
        if exists:
            _forget_containers(lab, lab.storage)
        _give_back(lab)
        _remove(lab.state)
        for home in molecule_homes:
            _remove(home / f"tmp/molecule.{checksum(lab.root.name, 4)}")


def molecule_homes(lab: Lab, environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Tell where Molecule keeps its notes: it was run by the owner, or as we are, or with a home of its own."""
    own = environment.get("ANSIBLE_HOME")
    return [lab.owner.home / ".ansible", Path.home() / ".ansible", *([Path(own)] if own else [])]


def _end_processes(lab: Lab) -> None:
    packages.stop(lab)
    # The namespaces are the lab's, and so is all that is in them.
    for pid in network.inhabitants():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    processes.end("--exit-command-arg", str(lab.storage))


def _forget_containers(lab: Lab, storage: Path) -> None:
    forget_containers(lab, storage)
    with suppress(CommandError):
        run((*mounts.prefix(lab), "find", f"{mounts.CGROUP}{CGROUP_PARENT}", "-depth", "-type", "d", "-delete"))


def _give_back(lab: Lab) -> None:
    """Give the machine back what it lent: names of namespaces and devices, mounts, limits."""
    network.down()
    mounts.release(lab)
    mounts.unmount(lab.state)
    machine.restore_limits()
    remove_shared_directories()


def _remove(directory: Path) -> None:
    # What is ending may be removing files, too.
    shutil.rmtree(directory, ignore_errors=True)
    try:
        if directory.exists():
            shutil.rmtree(directory)
    except OSError as error:
        remedy = "see what `findmnt` and `lsattr -d` say of it, then make unlab again"
        raise LabError("removal", f"cannot remove {error.filename}: {error.strerror}", remedy) from error
