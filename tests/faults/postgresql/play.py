"""One role alone, applied to the members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.testinfra.playbook import changes, play

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


def play_role(place: Path, role: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Apply one role to the members."""
    book = place / f"{role}.yml"
    book.write_text(f"- name: One role\n  hosts: postgresql\n  gather_facts: false\n  roles: [aurore.infra.{role}]\n")
    return play(str(book), *options)


def changed(played: subprocess.CompletedProcess[str]) -> int:
    """How many tasks have changed something, on all members together."""
    return sum(changes(played).values())
