"""`make lab` and `make unlab` are killed, hosts lose their power, everything dies: run again, all ends as it should."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab.context import Lab, Owner
from lab.podman import Podman

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[3]
HOSTS = ("www", "log")
LAB = ("make", "lab", f"HOSTS={','.join(HOSTS)}")
UNLAB = ("make", "unlab")
UP = ("env", "PYTHONPATH=molecule/default", ".venv/bin/python", "-m", "lab", "up", "--limit", "www")
NAMESPACES = Path("/run/netns")
DEADLINE = 300

# Where programs leave what they forget: temporary files, locks, state.
LEFT_BEHIND = [Path(name) for name in ("/var/tmp", "/run", "/dev/shm")]

# What is there, less what is different on purpose: keys, certificates, caches, and what programs note for themselves.
FINGERPRINT = r"""
find /etc /usr/local /var/lib/aurore -xdev \( \
    -name 'ssh_host_*' -o -path '/etc/aurore/tls/*' -o -path '/etc/ssl/certs/*' -o -name user_authorities \
    -o -name machine-id -o -name ld.so.cache -o -name .updated -o -name '.pwd.lock' -o -name '*-' \
    -o -path '/etc/aurore/rt-office/secrets/*' -o -path /etc/aurore/rt-office/register.json -o -name aliases.db \
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


def residents() -> set[int]:
    """The processes of all hosts."""
    names = [path.name for path in NAMESPACES.glob("aurore-*")]
    listed = [subprocess.run(("ip", "netns", "pids", name), capture_output=True, text=True).stdout for name in names]
    return {int(pid) for one in listed for pid in one.split()}


def contents(pid: int, name: str) -> str:
    """What a file of /proc says of a process; nothing when it has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def installs() -> bool:
    """Whether a host is installing packages."""
    return any(contents(pid, "comm").strip() == "dpkg" for pid in residents())


def belongings() -> set[Path]:
    """What the machine has where programs leave things."""
    return {path for directory in LEFT_BEHIND for path in directory.iterdir()}


def kill_everything() -> None:
    """End all that runs for the lab and in it, at once, as the end of a CI job does."""
    everyone = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    pids = residents() | {pid for pid in everyone if f"{ROOT}/.lab" in contents(pid, "cmdline")}
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(contents(pid, "cmdline") for pid in pids))


def eventually(look: Callable[[], bool]) -> None:
    """Await a condition."""
    deadline = time.monotonic() + DEADLINE
    while not look():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        threading.Event().wait(0.05)


class Interrupted:
    """A command that is killed, with all that it started itself, as soon as a condition holds."""

    def __init__(self, log: Path, argv: tuple[str, ...] = LAB) -> None:
        self.log = log
        with log.open("w") as stream:
            self.process = subprocess.Popen(argv, cwd=ROOT, stdout=stream, stderr=stream, start_new_session=True)

    def until(self, condition: Callable[[str], bool]) -> None:
        """Kill when the condition on the output so far holds."""
        eventually(lambda: self.process.poll() is not None or condition(self.log.read_text()))
        assert self.process.poll() is None, f"it ended before it could be killed:\n{self.log.read_text()[-3000:]}"
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def says(pattern: str) -> Callable[[str], bool]:
    """A condition: the output has come to a line."""
    return lambda output: re.search(pattern, output) is not None


@pytest.fixture(scope="module")
def undisturbed() -> Iterator[set[str]]:
    """The state of hosts that nothing has disturbed. Before and after, all is removed, and nothing is left."""
    make(*UNLAB)
    before = belongings()
    make(*LAB)
    yield fingerprint()
    make(*UNLAB)
    assert not (ROOT / ".lab").exists()
    assert belongings() - before == set()


@pytest.mark.usefixtures("undisturbed")
def test_host_comes_up_that_somebody_was_stopping(tmp_path: Path) -> None:
    make(*UP)
    podman = Podman(Lab(ROOT, Owner.current()))
    # It hears nothing, so that podman is killed while it waits for the end.
    os.kill(podman.containers()["www"].pid, signal.SIGSTOP)
    run = Interrupted(tmp_path / "log", podman.command("stop", "--time", str(DEADLINE), "www"))
    run.until(lambda _: podman.containers()["www"].state == "stopping")
    make(*UP)
    assert ssh("www", "systemctl is-system-running --wait").strip() == "running"


@pytest.mark.usefixtures("undisturbed")
def test_removal_that_is_interrupted_goes_on(tmp_path: Path) -> None:
    for condition in (
        says("Removing the lab"),
        # Then only files are left to remove.
        lambda _: not (NAMESPACES / "aurore-router").exists(),
    ):
        make(*UP)
        Interrupted(tmp_path / "log", UNLAB).until(condition)
    make(*UNLAB)


def test_interrupted_again_and_again_it_ends_as_an_undisturbed_run(undisturbed: set[str], tmp_path: Path) -> None:
    make(*UNLAB)
    for condition in (
        says("Building the Debian image"),
        says("==> Hosts"),
        lambda output: "Bring the base system" in output and installs(),
        says("Give the host the certificates"),
        says("Bring sshd to its steady state"),
    ):
        Interrupted(tmp_path / "log").until(condition)

    # And while a package is being installed, the host itself loses its power.
    ssh("www", "apt-get --quiet --quiet --yes purge htop lsof tmux >/dev/null")
    run = Interrupted(tmp_path / "log")
    run.until(lambda output: "Bring the base system" in output and installs())
    make("env", "PYTHONPATH=molecule/default", ".venv/bin/python", "-m", "lab", "power-off", "www")

    make(*LAB)
    assert fingerprint() ^ undisturbed == set()
    assert set(re.findall(r"changed=(\d+)", make(*LAB))) == {"0"}

    # The hosts boot again with the disks that they had.
    kill_everything()
    assert set(re.findall(r"changed=(\d+)", make(*LAB))) == {"0"}
    assert fingerprint() ^ undisturbed == set()

    # And what is dead can be removed.
    kill_everything()
    make(*UNLAB)
