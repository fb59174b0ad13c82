"""One role alone, applied to the members, and whom it restarts."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from tests.testinfra.conftest import connect
from tests.testinfra.playbook import changes, play
from tests.testinfra.postgresql import cluster

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path


def play_role(place: Path, role: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Apply one role to the members."""
    book = place / f"{role}.yml"
    book.write_text(f"- name: One role\n  hosts: postgresql\n  gather_facts: false\n  roles: [aurore.infra.{role}]\n")
    return play(str(book), *options)


def changed(played: subprocess.CompletedProcess[str]) -> int:
    """How many tasks have changed something, on all members together."""
    return sum(changes(played).values())


def starts(*units: str) -> dict[str, tuple[int, int]]:
    """When the last start of these units began and when it was done, on each member, by the clock that they share."""
    show = f"systemctl show --property=InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic {' '.join(units)}"

    def asked(member: str) -> tuple[int, int]:
        told = [line.partition("=") for line in connect(member).check_output(show).split()]
        began, done = ([int(when) for name, _, when in told if name.startswith(of)] for of in ("Inactive", "Active"))
        return min(began), max(done)

    return cluster.each_member(asked)


def one_after_the_other(turns: Mapping[str, tuple[int, int]]) -> bool:
    """Whether each member was done before the next one began."""
    return all(one[1] <= other[0] for one, other in pairwise(sorted(turns.values())))
