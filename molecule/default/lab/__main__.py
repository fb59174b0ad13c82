"""`python -m lab`: see `python -m lab --help`. Runs itself again by sudo when it is not root."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from . import faults, lifecycle, lock, progress
from .commands import CommandError
from .context import Lab, Owner
from .errors import LabError
from .fleet import Host, load
from .podman import Podman

ROOT = Path(__file__).resolve().parents[3]
RUNBOOK = "docs/runbooks/lab-does-not-start.md"
FAULTS: dict[str, Callable[[Podman, Host, argparse.Namespace], None]] = {
    "power-off": lambda podman, host, _: faults.power_off(podman, host),
    "power-on": lambda podman, host, _: faults.power_on(podman, host),
    "freeze": lambda podman, host, _: faults.freeze(podman, host),
    "thaw": lambda podman, host, _: faults.thaw(podman, host),
    "unplug": lambda _, host, arguments: faults.unplug(host, arguments.interface),
    "plug": lambda _, host, arguments: faults.plug(host, arguments.interface),
}


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="lab", description="The whole fleet as containers on this machine.")
    commands = top.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring hosts up; go on where an earlier run stopped")
    up.add_argument("--limit", default="", help="hosts and groups, separated by commas; all when not given")
    up.add_argument("--anew", action="store_true", help="remove these hosts first, with all that is on them")
    commands.add_parser("report", help="show the table of hosts")
    explain = commands.add_parser(
        "explain", help="after a playbook failed: show the journals of the hosts on which it did"
    )
    explain.add_argument("playbook", help="its name: site, converge")
    commands.add_parser("down", help="remove every trace of the lab")
    for fault in FAULTS:
        one = commands.add_parser(fault, help="an accident, for tests")
        one.add_argument("host", help="a host, or several as --limit takes them")
        if fault in {"unplug", "plug"}:
            one.add_argument("interface", nargs="?", default="", help="one interface; all when not given")
    return top


def act(arguments: argparse.Namespace) -> None:
    """Do what the command line says, as root."""
    lab = Lab(ROOT, Owner.current())
    held = partial(lock.held, ROOT, partial(lifecycle.take_over, lab))
    if arguments.command == "down":
        with held() as descriptor:
            lifecycle.down(replace(lab, lock=descriptor), lifecycle.molecule_homes(lab))
            lock.LOCK.unlink()
        return
    fleet = load(ROOT)
    match arguments.command:
        case "up":
            with held() as descriptor:
                wanted = fleet.select(arguments.limit)
                lifecycle.up(replace(lab, lock=descriptor), fleet, wanted, anew=arguments.anew)
        case "report":
            progress.say(lifecycle.describe(lab, fleet))
        case "explain":
            raise lifecycle.explain(lab, fleet, arguments.playbook)
        case fault:
            for host in fleet.select(arguments.host):
                cause(fault, Podman(lab), host, arguments)


def cause(fault: str, podman: Podman, host: Host, arguments: argparse.Namespace) -> None:
    """Let an accident happen to a host.

    Raises:
        LabError: When it cannot.
    """
    try:
        FAULTS[fault](podman, host, arguments)
    except CommandError as error:
        raise LabError(
            fault, str(error), "make report: is the host in a state to which this can happen?", host.name
        ) from error


def by_sudo(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Write the command that runs the same as root, and leaves no files of root's in the person's clone."""
    kept = [f"{name}={environment[name]}" for name in ("ANSIBLE_HOME",) if name in environment]
    variables = (f"PYTHONPATH={ROOT / 'molecule/default'}", "PYTHONDONTWRITEBYTECODE=1", *kept)
    return ("sudo", "env", *variables, sys.executable, "-m", "lab", *words)


def check_sudo() -> None:
    """Look whether sudo can let us in.

    Raises:
        LabError: When it is not there, or would ask for a password where nobody can answer.
    """
    if shutil.which("sudo") is None:
        raise LabError("root", "the lab needs root, and there is no sudo", "run it as root")
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        if subprocess.run(("sudo", "-n", "true"), check=False, capture_output=True).returncode:  # noqa: S607
            problem = "sudo asks for a password, and there is no terminal to answer"
            raise LabError("root", problem, "run it as root, or where sudo asks no password") from None


def tell(error: LabError) -> int:
    """Say what went wrong; give the exit status."""
    sys.stderr.write(f"\nlab: {error}\n  More: {RUNBOOK}\n")
    return 1


def main(words: Sequence[str]) -> int:
    """Run the command line and give its exit status."""
    arguments = parser().parse_args(words)
    try:
        if os.geteuid() != 0:
            check_sudo()
            os.execvp("sudo", by_sudo(words))  # noqa: S606, S607
        act(arguments)
    except LabError as error:
        return tell(error)
    except CommandError as error:
        return tell(LabError(arguments.command, str(error), "run it again: it goes on from there"))
    except KeyboardInterrupt:
        sys.stderr.write("\nlab: interrupted; run it again to go on from here\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
