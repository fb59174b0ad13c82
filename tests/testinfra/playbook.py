"""Playbooks, run on the lab as a person runs them, and what they say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

import pytest

from .conftest import run

if TYPE_CHECKING:
    from subprocess import CompletedProcess

ANSIBLE = ("ansible-playbook", "--inventory", "inventory/lab.yml")
REFUSED = 2
"""How Ansible ends when a task has failed: not when a host is not reached, or a playbook cannot be read."""
FAILURE = re.compile(r"^(?:fatal|failed): \[.*(?:\n[ \t]+.*)*", re.MULTILINE)
"""What Ansible says of a host on which a task has failed, to the end of the last line that is indented."""


def play(playbook: str, *options: str) -> CompletedProcess[str]:
    """Run a playbook, of which the path is given from the repository."""
    return run(*ANSIBLE, playbook, *options, check=False)


def site(*options: str) -> CompletedProcess[str]:
    """Run the playbook of the whole fleet."""
    return play("playbooks/site.yml", *options)


def succeeded(ran: CompletedProcess[str]) -> str:
    """What a run has said that must have ended well, on one line."""
    __tracebackhide__ = True
    if ran.returncode != 0:
        _fail(f"The run fails with status {ran.returncode}", ran)
    return _plain(ran.stdout)


def refused(ran: CompletedProcess[str]) -> str:
    """What a run has said that must have been refused, on one line."""
    __tracebackhide__ = True
    if ran.returncode != REFUSED:
        _fail(f"The run is not refused, but ends with status {ran.returncode}", ran)
    return _plain(ran.stdout)


def changes(ran: CompletedProcess[str]) -> dict[str, int]:
    """How many tasks have changed each host, of a run that must have ended well."""
    __tracebackhide__ = True
    succeeded(ran)
    return {name: int(count) for name, count in re.findall(r"^(\S+)\s+: .*\bchanged=(\d+)", ran.stdout, re.MULTILINE)}


def failures(said: str) -> str:
    """What a run has said of the hosts on which it failed, after the names of the tasks."""
    tasks = re.split(r"^(?=TASK \[)", said, flags=re.MULTILINE)
    found = [(task.partition(" *")[0], FAILURE.findall(task)) for task in tasks]
    return "\n".join(line for task, failed in found if failed for line in (task, *failed))


def _plain(said: str) -> str:
    """On one line: where Ansible breaks lines depends on how long names are."""
    return " ".join(said.split())


def _fail(why: str, ran: CompletedProcess[str]) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail(f"{why}: {' '.join(ran.args)}\n{failures(ran.stdout) or ran.stdout + ran.stderr}")
