"""What the lab needs of the machine itself, and gives back."""

import shutil
from pathlib import Path

from . import mounts, podman, processes
from .context import Lab

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Each systemd watches some ten things; the kernel's default lets all of root's processes together watch 128.
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_WANTED = 4096
# The machine's own value. Not in the clone, which may be deleted meanwhile; gone at a reboot, as the raise is.
INOTIFY_BEFORE = Path("/run/aurore-lab.inotify")


def forget_what_ended(lab: Lab) -> None:
    """Drop what was true of containers that a reboot ended, or whoever killed all of them and their monitors.

    Podman would believe that they still run. Their disks stay, so each is started again with what it had.
    """
    marker, boot = lab.run / "boot-id", BOOT_ID.read_text()
    has_monitors = any(processes.find("--exit-command-arg", str(lab.storage)))
    if has_monitors and marker.exists() and marker.read_text() == boot:
        return
    podman.forget_containers(lab, lab.storage)
    mounts.unmount(lab.state)
    shutil.rmtree(lab.run, ignore_errors=True)
    lab.run.mkdir()
    lab.write(marker, boot)


def raise_limits(lab: Lab) -> None:
    """Let the machine watch enough files for all hosts."""
    current = INOTIFY.read_text()
    if int(current) < INOTIFY_WANTED:
        lab.write(INOTIFY_BEFORE, current)
        INOTIFY.write_text(str(INOTIFY_WANTED))


def restore_limits() -> None:
    """Give the machine its own value back."""
    if INOTIFY_BEFORE.exists():
        INOTIFY.write_text(INOTIFY_BEFORE.read_text())
        INOTIFY_BEFORE.unlink()
