"""Restores refuse what would end half-way, before they do anything to a host."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def play(name: str, *options: str) -> str:
    """Run a playbook, which must refuse: what it says, in one line."""
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), f"playbooks/operations/{name}.yml", *options]
    done = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 2, said
    return said


def test_a_restore_leaves_no_member_out() -> None:
    said = play("restore_postgresql", "--inventory=inventory/production.yml", "--limit=postgresql[0]")
    assert "A restore is of all members at once, also of " in said


@pytest.mark.parametrize("answer", ["t", "f"])
def test_nothing_is_taken_out_where_not_one_member_is_the_primary(tmp_path: Path, answer: str) -> None:
    hosts = {"a": {"ansible_connection": "local"}, "b": {"ansible_connection": "local"}}
    # YAML, by a name that the plugin for it takes.
    (tmp_path / "inventory.yml").write_text(json.dumps({"postgresql": {"hosts": hosts}}))
    (tmp_path / "psql").write_text(f"#!/bin/sh\necho {answer}\n")
    (tmp_path / "psql").chmod(0o755)
    given = {
        "restore_to": "latest",
        "database": "forge",
        "pgbackrest_programs": str(tmp_path),
        "pgbackrest_as_user": [],
    }
    said = play("extract_from_backup", f"--inventory={tmp_path}/inventory.yml", f"--extra-vars={json.dumps(given)}")
    assert "Not exactly one of a, b says that it is the primary" in said
