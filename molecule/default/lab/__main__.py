"""`python -m lab`: see `python -m lab --help`. Runs itself again by sudo when it is not root."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from . import faults, lifecycle, lock, progress
from .context import Lab, Owner
from .errors import LabError
from .fleet import Host, load
from .podman import Podman

ROOT = Path(__file__).resolve().parents[3]
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
    commands.add_parser("report", help="show the table of hosts again")
    commands.add_parser("down", help="remove every trace of the lab")
    for fault in FAULTS:
        one = commands.add_parser(fault, help="an accident, for tests")
        one.add_argument("host", help="a host, or several as --limit takes them")
        if fault in {"unplug", "plug"}:
            one.add_argument("interface", nargs="?", default="", help="one interface; all when not given")
    return top


def act(arguments: argparse.Namespace, start: float) -> None:
    """Do what the command line says, as root."""
    lab = Lab(ROOT, Owner.current())
    if arguments.command == "down":
        with lock.held(ROOT) as descriptor:
            lifecycle.down(replace(lab, lock=descriptor))
            lock.LOCK.unlink()
        return
    fleet = load(ROOT)
    if arguments.command == "up":
        with lock.held(ROOT) as descriptor:
            wanted = fleet.select(arguments.limit)
            lifecycle.up(replace(lab, lock=descriptor), fleet, wanted, anew=arguments.anew)
    elif arguments.command in FAULTS:
        for host in fleet.select(arguments.host):
            FAULTS[arguments.command](Podman(lab), host, arguments)
        return
    progress.say(lifecycle.describe(lab, fleet, time.monotonic() - start))


def main(words: Sequence[str]) -> int:
    """Run the command line and give its exit status."""
    start = time.monotonic()
    arguments = parser().parse_args(words)
    if os.geteuid() != 0:
        again = (sys.executable, "-m", __package__, *words)
        os.execvp("sudo", ("sudo", "env", f"PYTHONPATH={ROOT / 'molecule/default'}", *again))  # noqa: S606, S607
    try:
        act(arguments, start)
    except LabError as error:
        sys.stderr.write(f"\nlab: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nlab: interrupted; run it again to go on from here\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
