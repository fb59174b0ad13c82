"""What the scenarios' tests share: the fleet as the inventory has it, and ways to act on the lab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import testinfra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / ".lab"
SSH_CONFIG = LAB / "ssh/config"

type Variables = dict[str, Any]


@cache
def inventory() -> dict[str, Variables]:
    """Every host's variables."""
    argv = ["ansible-inventory", "--inventory", "inventory/lab.yml", "--list"]
    # Ansible wraps text that is no template.
    unwrap = {"object_hook": lambda found: found.get("__ansible_unsafe", found)}
    listed = json.loads(subprocess.run(argv, cwd=ROOT, capture_output=True, check=True).stdout, **unwrap)
    hosts: dict[str, Variables] = listed["_meta"]["hostvars"]
    return hosts


def connect(name: str) -> Host:
    """A host by its name."""
    return testinfra.get_host(f"ssh://{name}", ssh_config=str(SSH_CONFIG))


def run(*argv: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command on this machine, in the repository."""
    return subprocess.run(argv, cwd=ROOT, check=check, capture_output=True, text=True, **options)


def site(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the playbook of the whole fleet, without the colours that Molecule asks for."""
    argv = ("ansible-playbook", "--inventory", "inventory/lab.yml", "playbooks/site.yml", *options)
    return run(*argv, check=False, env={**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"})


def lab(*words: str) -> None:
    """Have the lab do something to a host."""
    run(sys.executable, "-m", "lab", *words, env={**os.environ, "PYTHONPATH": str(ROOT / "molecule/default")})


def eventually[T](look: Callable[[], T], seconds: float = 30) -> T:
    """Await something: the first true value, or the last one after so many seconds."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (seen := look()) and time.monotonic() < deadline:
        pause.wait(0.2)
    return seen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `each` on every host."""
    if "each" in metafunc.fixturenames:
        metafunc.parametrize("each", sorted(inventory()), indirect=True, scope="session")


@pytest.fixture(scope="session")
def fleet() -> dict[str, Variables]:
    """Every host's variables."""
    return inventory()


@pytest.fixture(scope="session")
def each(request: pytest.FixtureRequest) -> Iterator[Host]:
    """One host after the other."""
    return connect(request.param)
