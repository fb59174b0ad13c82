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
    from collections.abc import Callable, Generator, Iterator, Mapping

    from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / ".lab"
SSH_CONFIG = LAB / "ssh/config"
PLAIN = {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_DISPLAY_OK_HOSTS": "true"}
"""All of it and no colours, other than Molecule asks for: what Ansible writes is read."""

type Variables = dict[str, Any]


@cache
def inventory() -> dict[str, Variables]:
    """Every host's variables."""
    argv = ["ansible-inventory", "--inventory", "inventory/lab.yml", "--list"]
    said = subprocess.run(argv, cwd=ROOT, capture_output=True, check=True).stdout
    # Ansible wraps text that is no template.
    listed = json.loads(said, object_hook=lambda found: found.get("__ansible_unsafe", found))
    hosts: dict[str, Variables] = listed["_meta"]["hostvars"]
    return hosts


reached: dict[str, float] = {}
"""The hosts that the running test has spoken to, with the time when it first did."""


def connect(name: str) -> Host:
    """A host by its name."""
    reached.setdefault(name, time.time())
    return testinfra.get_host(f"ssh://{name}", ssh_config=str(SSH_CONFIG))


def run(
    *argv: str, check: bool = True, env: Mapping[str, str] = PLAIN, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command on this machine, in the repository, with more in its environment."""
    environment = {**os.environ, **PLAIN, **env}
    # Ours may be a terminal or a pipe that some ssh has made non-blocking, which Ansible refuses.
    options |= {} if "input" in options else {"stdin": subprocess.DEVNULL}
    return subprocess.run(argv, cwd=ROOT, check=check, env=environment, capture_output=True, text=True, **options)


def start(*argv: str, env: Mapping[str, str] = PLAIN, **options: Any) -> subprocess.Popen[str]:
    """Start a command as `run` does, without awaiting its end."""
    return subprocess.Popen(argv, cwd=ROOT, env={**os.environ, **PLAIN, **env}, text=True, **options)


def lab(*words: str) -> None:
    """Have the lab do something to a host."""
    run(sys.executable, "-m", "lab", *words, env={"PYTHONPATH": str(ROOT / "molecule/default")})


def eventually[T](look: Callable[[], T], seconds: float = 30) -> T:
    """Await something: the first true value, or the last one after so many seconds."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (seen := look()) and time.monotonic() < deadline:
        pause.wait(0.2)
    return seen


def journal(name: str, since: float) -> str:
    """What a host found worth a notice since then; its last words, that is."""
    command = f"journalctl --sync && journalctl --quiet --no-pager --priority notice --since @{int(since)} --lines 60"
    said = run("ssh", "-F", str(SSH_CONFIG), name, command, check=False, timeout=30)
    return said.stdout or said.stderr or "nothing\n"


def note(failure: str, lines: int = 20) -> None:
    """Keep the last lines of a failure for `python -m lab explain`, unless the lab has been removed.

    Before those of later ones, which may follow from it: so it is the last that is read.
    """
    if LAB.is_dir():
        head, *rest = failure.splitlines()
        notes = LAB / "failed-tests"
        later = notes.read_text() if notes.exists() else ""
        notes.write_text("\n".join([head, *rest[-lines:], "", later]))


def pytest_runtest_setup() -> None:
    """Forget whom the test before spoke to."""
    reached.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the journals of the hosts that a failed test spoke to, and note why it failed, for who ends the run."""
    report = yield
    if report.failed:
        note(f"{report.nodeid}\n{report.longreprtext}")
        each: Host | None = item.funcargs.get("each")
        if each is not None:
            reached.setdefault(each.backend.host.name, time.time() - report.duration)
        report.sections += [(f"Journal of {name}", journal(name, since)) for name, since in reached.items()]
    return report


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
