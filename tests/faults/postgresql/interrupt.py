"""Runs playbooks/postgresql.yml again and again, and kills it at one moment after the other.

.venv/bin/python -m tests.faults.postgresql.interrupt
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.testinfra.conftest import start

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAYBOOK = ("ansible-playbook", "--inventory", "inventory/lab.yml", "playbooks/postgresql.yml")
# Tasks in their order: a run is killed as soon as it comes to one.
MOMENTS = (
    "aurore.infra.etcd : Bring etcd to its steady state",
    "aurore.infra.etcd : Say who may do what in etcd",
    "aurore.infra.patroni : Bring PostgreSQL and Patroni to their steady state",
    "aurore.infra.patroni : Start Patroni",
    "aurore.infra.patroni : Wait until the member serves",
    "aurore.infra.patroni : Set what all members have in common",
)


def interrupted(moment: str, command: Sequence[str] = PLAYBOOK) -> str:
    """Run until a task begins, and kill it with all that it has started itself; return what it had written."""
    playbook = start(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert playbook.stdout
    said = ""
    for line in playbook.stdout:
        said += line
        if line.startswith(f"TASK [{moment}]"):
            os.killpg(playbook.pid, signal.SIGKILL)
            break
    playbook.wait()
    return said


def main() -> None:
    """Kill a run at each of the moments.

    Raises:
        SystemExit: A run ended before it came to its moment.
    """
    for moment in MOMENTS:
        said = interrupted(moment)
        if f"TASK [{moment}]" not in said:
            sys.exit(f"It ended before it came to {moment!r}:\n{said[-4000:]}")
        sys.stdout.write(f"killed at: {moment}\n")


if __name__ == "__main__":
    main()
