"""One lab a machine, one command at a time."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import progress

# For the machine, not for the clone: namespaces and addresses are the machine's.
LOCK = Path("/run/aurore-lab.lock")


@contextmanager
def held(root: Path, take_over: Callable[[Path], None], path: Path = LOCK) -> Iterator[int]:
    """Hold the machine's lock, waiting for whoever has it.

    The file holds the path of the clone whose lab is up. It is released when the last process that inherited the
    descriptor has ended, so that what a killed command had started comes to its end before the next one looks.

    Args:
        root: This clone.
        take_over: Ends what is left of another clone's lab, or raises when that is up. Nothing is in progress there.
        path: The lock's file.

    Yields:
        The lock's descriptor.
    """
    descriptor = acquire(path)
    try:
        other = os.pread(descriptor, 4096, 0).decode()
        if other not in {"", str(root)}:
            take_over(Path(other))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(root).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def acquire(path: Path) -> int:
    """Lock the file that is at the path by then: `make unlab` removes it while others may wait for it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("==> Waiting for another `make lab` or `make unlab` to end")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)
