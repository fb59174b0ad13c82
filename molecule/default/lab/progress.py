"""What the lab says while it works."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .commands import CommandError
from .errors import LabError


def say(line: str) -> None:
    """Show a line at once, also when the output is a file."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show a step when it starts, and its seconds when it ends.

    Raises:
        LabError: In place of a program's failure that nobody inside said more about.
    """
    say(f"==> {title}")
    start = time.monotonic()
    try:
        yield
    except CommandError as error:
        raise LabError(title, str(error), "run it again: it goes on from here; or make unlab and start anew") from error
    say(f"    {time.monotonic() - start:5.1f} s")
