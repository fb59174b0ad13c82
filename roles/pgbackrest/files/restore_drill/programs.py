"""Other programs, and how to wait for what they do."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, Protocol

from .settings import RestoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TAIL = 15
"""Lines of what a program said that are shown when it failed."""


class Run(Protocol):
    """Runs a program, and returns what it said."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
        seconds: float | None = None,
    ) -> str:
        """Run it.

        Raises:
            RestoreError: it failed, or took longer than it may.
        """


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    seconds: float | None = None,
) -> str:
    """Run a program, with more in its environment."""
    try:
        done = subprocess.run(  # noqa: S603 (nobody but root chooses the words)
            argv,
            input=stdin,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RestoreError(f"{argv[0]} took longer than the {seconds:.0f} seconds that it may.") from None
    if done.returncode != 0:
        raise RestoreError(f"{' '.join(argv[:3])} … failed:\n{tail(f'{done.stdout}\n{done.stderr}')}")
    return done.stdout


def tail(text: str) -> str:
    """The last lines of what was said, moved in."""
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-TAIL:])


def wait[T](look: Callable[[], T], seconds: float, what: str, pause: float = 0.5) -> T:
    """Wait until something is true, and return it.

    Raises:
        RestoreError: it is not after so many seconds; says what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() >= deadline:
            raise RestoreError(f"{what}: not within {seconds:.0f} seconds.")
        time.sleep(pause)
    return seen
