"""`make lab` is killed and a host loses its power, in the middle of things: run again, it ends as if undisturbed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ("www", "log")
LAB = ("make", "lab", f"HOSTS={','.join(HOSTS)}")
DEADLINE = 300

# What is there, less what is different on purpose: keys, certificates, caches, and what programs note for themselves.
FINGERPRINT = r"""
find /etc /usr/local /var/lib/aurore -xdev \( \
    -name 'ssh_host_*' -o -path '/etc/aurore/tls/*' -o -path '/etc/ssl/certs/*' -o -name user_authorities \
    -o -name machine-id -o -name ld.so.cache -o -name .updated -o -name '.pwd.lock' -o -name '*-' \
    \) -prune -o -printf '%p %y %U:%G %m %l ' \
    \( -type f -exec sh -c 'sha256sum < "$1" | cut -c1-16' _ {} \; -o -printf '\n' \) | sort
dpkg-query --show --showformat='${Package} ${Version} ${db:Status-Status}\n'
systemctl list-unit-files --no-legend --plain
systemctl list-units --no-legend --plain --type=service --state=running | cut -d' ' -f1 | grep -v '^user'
nft --stateless list ruleset
getent passwd
getent group
"""


def make(*argv: str) -> str:
    """Run make to its end."""
    done = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def ssh(host: str, command: str) -> str:
    """Run a command on a host."""
    argv = ("ssh", "-F", ".lab/ssh/config", host, command)
    return subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def fingerprint() -> set[str]:
    """The state of the hosts, as lines to compare."""
    return {f"{host}: {line}" for host in HOSTS for line in ssh(host, FINGERPRINT).splitlines()}


def processes(word: str) -> bool:
    """Whether a program of that name runs on this machine; the hosts' are among them."""
    return any(word == path.read_text().strip() for path in Path("/proc").glob("[0-9]*/comm") if path.exists())


def eventually(look: Callable[[], bool]) -> None:
    """Await a condition."""
    deadline = time.monotonic() + DEADLINE
    while not look():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        threading.Event().wait(0.05)


class Interrupted:
    """A run of `make lab` that is killed, with all that it started itself, as soon as a condition holds."""

    def __init__(self, log: Path) -> None:
        self.log = log
        with log.open("w") as stream:
            self.process = subprocess.Popen(LAB, cwd=ROOT, stdout=stream, stderr=stream, start_new_session=True)

    def until(self, condition: Callable[[str], bool]) -> None:
        """Kill when the condition on the output so far holds."""
        eventually(lambda: self.process.poll() is not None or condition(self.log.read_text()))
        assert self.process.poll() is None, f"it ended before it could be killed:\n{self.log.read_text()[-3000:]}"
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def says(pattern: str) -> Callable[[str], bool]:
    """A condition: the output has come to a line."""
    return lambda output: re.search(pattern, output) is not None


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    make("make", "unlab")
    yield
    make("make", "unlab")


def test_interrupted_again_and_again_it_ends_as_an_undisturbed_run(tmp_path: Path) -> None:
    make(*LAB)
    undisturbed = fingerprint()
    make("make", "unlab")

    for condition in (
        says("Building the Debian image"),
        says("==> Hosts"),
        lambda output: "Bring the base system" in output and processes("dpkg"),
        says("Give the host the certificates"),
        says("Bring sshd to its steady state"),
    ):
        Interrupted(tmp_path / "log").until(condition)

    # And while a package is being installed, the host itself loses its power.
    ssh("www", "apt-get --quiet --quiet --yes purge htop lsof tmux >/dev/null")
    run = Interrupted(tmp_path / "log")
    run.until(lambda output: "Bring the base system" in output and processes("dpkg"))
    make("env", "PYTHONPATH=molecule/default", ".venv/bin/python", "-m", "lab", "power-off", "www")

    make(*LAB)
    assert fingerprint() ^ undisturbed == set()
    assert set(re.findall(r"changed=(\d+)", make(*LAB))) == {"0"}
