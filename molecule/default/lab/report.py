"""The table at the end: what runs where, and how to get in."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .fleet import Host

COLUMNS = ("host", "site", "address", "services", "state")


def table(hosts: Sequence[Host], states: Mapping[str, str]) -> str:
    """Draw the table.

    Args:
        hosts: All hosts of the fleet.
        states: The state of those that exist.
    """
    rows = [
        COLUMNS,
        *((h.name, h.site, h.address, " ".join(h.services) or "-", states.get(h.name, "not made")) for h in hosts),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def memory(first_processes: Sequence[int]) -> float:
    """Sum up the memory of containers, in MiB; what processes share is counted once.

    Args:
        first_processes: The process 1 of each container.
    """
    namespaces = {_pid_namespace(pid) for pid in first_processes} - {_pid_namespace("self"), ""}
    kilobytes = 0
    for directory in Path("/proc").glob("[0-9]*"):
        if _pid_namespace(directory.name) in namespaces:
            # Nothing is there when it ended meanwhile, or when it has no memory of its own.
            with suppress(OSError, IndexError):
                kilobytes += int((directory / "smaps_rollup").read_text().split("\nPss:", 1)[1].split()[0])
    return kilobytes / 1024


def _pid_namespace(pid: int | str) -> str:
    """Name the namespace of a process; nothing when it ended, or is not there."""
    try:
        return str((Path("/proc") / str(pid) / "ns/pid").readlink())
    except OSError:
        return ""


def text(hosts: Sequence[Host], states: Mapping[str, str], mebibytes: float) -> str:
    """Write the report; its last line says what to do next."""
    example = next((host.name for host in hosts if host.name in states), hosts[0].name)
    return f"""
{table(hosts, states)}

{len(states)} of {len(hosts)} hosts, {mebibytes / 1024:.1f} GiB of memory.
Log in: make ssh HOST={example}    Apply a change: make lab    Check it: make test    Put all away: make unlab"""
