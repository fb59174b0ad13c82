"""What the lab needs of the machine itself, and gives back."""

import shutil
from pathlib import Path

from .context import Lab

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Each systemd watches some ten things; the kernel's default lets all of root's processes together watch 128.
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_WANTED = 4096


def forget_before_reboot(lab: Lab) -> None:
    """Drop what was true before the machine rebooted: podman would believe that its containers run."""
    marker = lab.run / "boot-id"
    boot = BOOT_ID.read_text()
    if marker.exists() and marker.read_text() == boot:
        return
    shutil.rmtree(lab.run, ignore_errors=True)
    lab.run.mkdir()
    lab.write(marker, boot)


def raise_limits(lab: Lab) -> None:
    """Let the machine watch enough files for all hosts."""
    current = INOTIFY.read_text()
    if int(current) < INOTIFY_WANTED:
        lab.write(lab.run / "inotify", current)
        INOTIFY.write_text(str(INOTIFY_WANTED))


def restore_limits(lab: Lab) -> None:
    """Give the machine its own value back."""
    before = lab.run / "inotify"
    if before.exists():
        INOTIFY.write_text(before.read_text())
