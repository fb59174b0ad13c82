"""The mount namespace that podman needs where the machine mounts cgroup v1.

systemd 257 boots on cgroup v2 only. Where /sys/fs/cgroup is something else, podman runs in a mount namespace of its own
that has cgroup v2 there; the machine's own mounts stay as they are. One namespace serves for the lab's life, since
podman's mounts live in the namespace that made them. A sleeping process holds it; were that killed, any container's
monitor still is in it.
"""

import subprocess
from pathlib import Path

from . import processes
from .commands import run
from .context import Lab
from .errors import LabError

CGROUP = Path("/sys/fs/cgroup")
# Only what has mounted it takes the name by which it is found.
HOLD = '[ -e "$1/cgroup.controllers" ] || mount -t cgroup2 cgroup2 "$1" || exit 1; exec -a "$0" sleep infinity'


def prefix(lab: Lab) -> tuple[str, ...]:
    """Give the words that put a command where cgroup v2 is mounted: none where it is mounted already.

    Raises:
        LabError: When the machine refuses the mount.
    """
    if (CGROUP / "cgroup.controllers").exists():
        return ()
    return enter(processes.titled(_holder(lab)) or _hold(lab))


def enter(pid: int) -> tuple[str, ...]:
    """Give the words that put a command into the mount namespace of a process."""
    return ("nsenter", "--target", str(pid), "--mount")


def release(lab: Lab) -> None:
    """Let the namespace go: with the last process in it, its mounts end."""
    processes.end(_holder(lab))


def unmount(directory: Path) -> None:
    """Unmount what is mounted below a directory, the latest first."""
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for target in reversed(targets):
        if target.startswith(f"{directory}/"):
            run(("umount", "--lazy", target))


def _holder(lab: Lab) -> str:
    return f"aurore-lab-mounts:{lab.state}"


def _hold(lab: Lab) -> int:
    name = _holder(lab)
    monitor = next(processes.find("--exit-command-arg", str(lab.storage)), None)
    # Namespaces of the network that are made later must show up in this one: hence slave, not private.
    entrance = enter(monitor) if monitor else ("unshare", "--mount", "--propagation", "slave")
    log = lab.logs / "mounts.log"
    with log.open("w") as messages:
        started = subprocess.Popen(  # noqa: S603 - an argument list
            (*entrance, "bash", "-c", HOLD, name, str(CGROUP)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=messages,
            start_new_session=True,
        )
    processes.wait_for(lambda: processes.titled(name) or started.poll() is not None, seconds=5)
    holder = processes.titled(name)
    if holder is None:
        problem = log.read_text().strip() or "the process that holds it did not start"
        raise LabError("mount namespace", problem, "run as root of the machine itself, not in a container")
    return holder
