"""The playbook refuses what would lose something, before it does anything to a host."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
COMMAND = (
    *(str(Path(sys.executable).with_name("ansible-playbook")), "playbooks/operations/upgrade_postgresql_major.yml"),
    *("--inventory=inventory/production.yml", "--limit=postgresql[0]", "--extra-vars=to_version=18 real=true"),
)


def test_an_upgrade_leaves_no_member_out() -> None:
    done = subprocess.run(COMMAND, cwd=ROOT, check=False, capture_output=True, text=True)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 2, said
    assert "An upgrade is of all members at once, also of " in said
