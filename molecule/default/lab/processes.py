"""Finding and ending the lab's own background processes.

A process is recognised by its command line, which names this clone's `.lab`: no pid file can be stale or lost, and
nothing that the lab did not start can be hit.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path


def find(*words: str) -> Iterator[int]:
    """Yield the processes whose arguments include all of the words."""
    for directory in Path("/proc").iterdir():
        if not directory.name.isdecimal():
            continue
        try:
            arguments = (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended meanwhile
            continue
        if set(words) <= set(arguments):
            yield int(directory.name)


def wait_for(condition: Callable[[], bool], seconds: float, interval: float = 0.05) -> bool:
    """Await a condition.

    Returns:
        Whether it came true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True


def end(*words: str) -> None:
    """End the processes whose arguments include all of the words, and wait until they are gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in find(*words):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if wait_for(lambda: not any(find(*words)), seconds=5):
            return
