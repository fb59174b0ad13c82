"""What the scenarios' tests share: the fleet as the inventory has it, and ways to act on the lab."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import testinfra

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from concurrent.futures import Future

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
    return _host(name)


def _host(name: str) -> Host:
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
        report.sections += [(f"Journal of {name}", journal(name, since)) for name, since in reached.items()]
    return report


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `each` on every host."""
    if "each" in metafunc.fixturenames:
        assert signature(metafunc.function).parameters.keys() <= {"each", "fleet"}, "hosts share what else it takes"
        metafunc.parametrize("each", sorted(inventory()), indirect=True, scope="session")


class Round(NamedTuple):
    """A test's run on all hosts at once.

    Attributes:
        began: When it did.
        others: Further hosts that it has spoken to.
        outcomes: How it has ended on each.
    """

    began: float
    others: frozenset[str]
    outcomes: dict[str, Future[None]]


rounds: dict[Callable[..., None], Round] = {}
"""The tests of each host that have run."""


def run_on_all(item: pytest.Function) -> Round:
    """Run a test on all hosts that it was chosen for."""
    chosen = [one for one in item.session.items if isinstance(one, pytest.Function) and one.function is item.function]
    names = [str(one.callspec.params["each"]) for one in chosen]
    shared = {name: item.funcargs[name] for name in signature(item.function).parameters if name != "each"}
    began = time.time()
    with ThreadPoolExecutor() as pool:
        outcomes = {name: pool.submit(item.function, each=_host(name), **shared) for name in names}
    return Round(began, frozenset(reached), outcomes)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test of each host on all at once, at the first one's turn; say at each one's turn how it has ended there.

    What a test waits for, it would otherwise wait for once per host.
    """
    each: Host | None = pyfuncitem.funcargs.get("each")
    if each is None:
        return None
    if pyfuncitem.function not in rounds:
        rounds[pyfuncitem.function] = run_on_all(pyfuncitem)
    began, others, outcomes = rounds[pyfuncitem.function]
    name = each.backend.get_hostname()
    reached.update(dict.fromkeys((name, *others), began))
    outcomes[name].result()
    return True


@pytest.fixture(scope="session")
def fleet() -> dict[str, Variables]:
    """Every host's variables."""
    return inventory()


@pytest.fixture(scope="session")
def each(request: pytest.FixtureRequest) -> Host:
    """Each host; a test that takes it runs on several at once."""
    return _host(request.param)
