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
    return (pid for pid, arguments in _command_lines() if set(words) <= set(arguments))


def titled(title: str) -> int | None:
    """Find the process that calls itself so, in place of its program's name."""
    return next((pid for pid, arguments in _command_lines() if arguments[0] == title), None)


def _command_lines() -> Iterator[tuple[int, list[str]]]:
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            yield int(directory.name), (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")


def wait_for[T](look: Callable[[], T], seconds: float, interval: float = 0.05) -> T:
    """Await something.

    Returns:
        What it is once it is true; else what it was at the end of the time.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(interval)
    return seen


def end(*words: str) -> None:
    """End the processes whose arguments include all of the words, and wait until they are gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in find(*words):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if wait_for(lambda: not any(find(*words)), seconds=5):
            return
