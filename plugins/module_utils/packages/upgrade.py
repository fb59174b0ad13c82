"""What apt would do, and what is left to restart afterwards: pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INSTALLED = re.compile(r"^Inst (?P<name>\S+)(?: \[(?P<before>\S+)\])? \((?P<after>\S+) ", re.MULTILINE)
CONFIGURED = re.compile(r"^Conf (\S+) ", re.MULTILINE)
REMOVED = re.compile(r"^Remv (\S+) ", re.MULTILINE)
"""Lines of `apt-get --simulate`."""

REPLACED = re.compile(r" (/usr/\S+) \(deleted\)$", re.MULTILINE)
"""Files of programs and libraries in /proc/<pid>/maps that are not those on the disk any more."""


class Upgrade(NamedTuple):
    """A package that another version takes the place of.

    Attributes:
        name: The package's.
        before: The version that there is; empty where there is none.
        after: The version that comes.
    """

    name: str
    before: str
    after: str


class Plan(NamedTuple):
    """What apt would do.

    Attributes:
        upgrades: Other versions.
        unfinished: Packages that an interrupted run has left half-done.
        removals: Packages that would go.
    """

    upgrades: list[Upgrade]
    unfinished: list[str]
    removals: list[str]


def plan(simulated: str) -> Plan:
    """Reads what `apt-get --simulate` says."""
    upgrades = [Upgrade(one["name"], one["before"] or "", one["after"]) for one in INSTALLED.finditer(simulated)]
    names = {one.name for one in upgrades}
    unfinished = [name for name in CONFIGURED.findall(simulated) if name not in names]
    return Plan(upgrades, unfinished, REMOVED.findall(simulated))


class Process(NamedTuple):
    """A process of a unit.

    Attributes:
        began: When it did, in seconds of the clock that files have.
        maps: Its /proc/<pid>/maps.
    """

    began: float
    maps: str


def outdated(processes: Sequence[Process], files: Mapping[str, float]) -> list[str]:
    """Why a unit has to be restarted.

    Args:
        processes: Its processes.
        files: What each has read when it began, and that no process keeps open; with the time when it was changed last.

    Returns:
        A reason each; none where it runs what is on the disk.
    """
    replaced = {file for process in processes for file in REPLACED.findall(process.maps)}
    newer = {name for name, changed in files.items() for process in processes if process.began < changed}
    return [*(f"{file} was replaced" for file in sorted(replaced)), *(f"{name} is newer" for name in sorted(newer))]


def sentences(upgrades: Sequence[Upgrade], unfinished: Sequence[str], due: Mapping[str, Sequence[str]]) -> list[str]:
    """What would be done, for people."""
    return [
        *(f"{one.name} {one.before or '(none)'} -> {one.after}" for one in upgrades),
        *(f"{name} is completed" for name in unfinished),
        *(f"{unit} is restarted: {', '.join(reasons)}" for unit, reasons in due.items()),
    ]
