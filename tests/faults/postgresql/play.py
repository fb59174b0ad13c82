"""One role alone, applied to the members."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.testinfra.conftest import run

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


def play(place: Path, role: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Apply one role to the members."""
    book = place / f"{role}.yml"
    book.write_text(f"- name: One role\n  hosts: postgresql\n  gather_facts: false\n  roles: [aurore.infra.{role}]\n")
    return run("ansible-playbook", "--inventory", "inventory/lab.yml", str(book), *options, check=False)


def changes(played: subprocess.CompletedProcess[str]) -> int:
    """How many tasks have changed something."""
    assert played.returncode == 0, played.stdout
    return sum(map(int, re.findall(r" changed=(\d+) ", played.stdout)))
