#!/usr/bin/python3
"""Write for which packages a security upgrade waits that people install, as metrics for the node exporter."""

from __future__ import annotations

import argparse
import fcntl
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

METRIC = "aurore_security_upgrade_waiting"
HEADER = f"# HELP {METRIC} Whether a security upgrade of the package waits for people.\n# TYPE {METRIC} gauge\n"
# What `apt-get --simulate` says: Inst NAME [OLD] (NEW ORIGIN, ORIGIN [ARCHITECTURE])
UPGRADE = re.compile(r"^Inst (\S+) \[\S+\] \(\S+ (.*)\)", re.MULTILINE)
# Held by whoever installs packages, and by whoever fetches lists.
LOCKS = (Path("/var/lib/dpkg/lock-frontend"), Path("/var/lib/apt/lists/lock"))


def run(*argv: str) -> str:
    """Return what a command writes. What it says of errors goes where ours does.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 (our own)


def await_others(locks: Sequence[Path] = LOCKS) -> None:
    """Wait until nobody installs packages or fetches lists: of half-installed ones apt says that they are broken."""
    for lock in locks:
        if lock.exists():
            with lock.open() as file:
                fcntl.lockf(file, fcntl.LOCK_SH)


def simulate(names: Sequence[str]) -> str:
    """Return what apt would do to have the newest versions of packages.

    Raises:
        subprocess.CalledProcessError: It does not know.
    """
    return run("apt-get", "--simulate", "--quiet=2", "--only-upgrade", "install", "--", *names)


def waiting(simulated: str) -> set[str]:
    """Return the packages whose upgrade comes from the archive of security upgrades."""
    return {name for name, origins in UPGRADE.findall(simulated) if "Debian-Security" in origins}


def main(argv: list[str] | None = None) -> int:
    """Write the metrics of those packages that are installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="replaced at once")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE")
    options = parser.parse_args(argv)
    await_others()
    states = dict(line.split() for line in run("dpkg-query", "-Wf", "${Package} ${db:Status-Status}\n").splitlines())
    names = [name for name in options.packages if states.get(name) == "installed"]
    due = waiting(simulate(names)) if names else set()
    lines = [HEADER, *(f'{METRIC}{{package="{name}"}} {int(name in due)}\n' for name in names)]
    # The node exporter reads *.prom, and must not see half a file.
    new = options.to.with_suffix(".new")
    new.write_text("".join(lines))
    new.chmod(0o644)
    new.replace(options.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
