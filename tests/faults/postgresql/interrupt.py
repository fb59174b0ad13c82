"""Runs playbooks/postgresql.yml again and again, and kills it at one moment after the other.

.venv/bin/python -m tests.faults.postgresql.interrupt
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testinfra.conftest import eventually, start
from tests.testinfra.playbook import ANSIBLE

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAYBOOK = "playbooks/postgresql.yml"
# Tasks in their order, and what is running on a host when the run is killed: at once, where nothing is named.
MOMENTS = (
    ("aurore.infra.etcd : Bring etcd to its steady state", "dpkg"),
    ("aurore.infra.etcd : Say who may do what in etcd", ""),
    ("aurore.infra.patroni : Bring PostgreSQL and Patroni to their steady state", "dpkg"),
    ("aurore.infra.patroni : Start Patroni", "initdb"),
    ("aurore.infra.patroni : Wait until the member serves", "pg_basebackup"),
    ("aurore.infra.patroni : Set what all members have in common", ""),
    ("aurore.infra.postgresql_proxy : Bring HAProxy and PgBouncer to their steady state", ""),
    ("aurore.infra.postgresql_databases : Bring the databases to what is declared", ""),
    ("aurore.infra.pgbackrest : See that the log arrives, and make the first backup", ""),
)
PATIENCE = 20
"""Seconds to see it run."""


def runs(program: str) -> bool:
    """Whether a program runs, on whichever host: they are containers of this machine."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if (process / "comm").read_text().strip() == program:
                return True
    return False


def interrupted(moment: str, words: Sequence[str] = (PLAYBOOK,), program: str = "") -> str:
    """Run a playbook to a moment, and kill the run with all that it has started; return what it had written."""
    # Where hosts that skip a task are not shown, the task itself is only when the first host has done it.
    playbook = start(
        *ANSIBLE,
        *words,
        env={"ANSIBLE_DISPLAY_SKIPPED_HOSTS": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert playbook.stdout
    said = ""
    for line in playbook.stdout:
        said += line
        if line.startswith(f"TASK [{moment}]"):
            if program and eventually(lambda: runs(program), PATIENCE):
                said += f"{program} runs\n"
            os.killpg(playbook.pid, signal.SIGKILL)
            break
    playbook.wait()
    return said


def main() -> None:
    """Kill a run at each of the moments.

    Raises:
        SystemExit: A run ended before it came to its moment.
    """
    for moment, program in MOMENTS:
        said = interrupted(moment, program=program)
        if f"TASK [{moment}]" not in said:
            sys.exit(f"It ended before it came to {moment!r}:\n{said[-4000:]}")
        sys.stdout.write(f"killed at: {moment}{f', while {program} ran' if f'{program} runs' in said else ''}\n")


if __name__ == "__main__":
    main()
