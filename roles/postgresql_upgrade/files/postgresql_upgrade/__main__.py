"""The program: one word that says what to do, the job in JSON, and for some words a third."""

from __future__ import annotations

import fcntl
import json
import sys
from typing import TYPE_CHECKING, Any

from restore_drill.settings import RestoreError, read_settings

from . import job, member, notes, real, rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable

LOOKS = {"problems", "losses", "rehearse"}
"""What changes nothing, or sees for itself that it is alone."""
COMMANDS: dict[str, Callable[..., Any]] = {
    "state": member.state,
    "problems": lambda one, copies: member.problems(one, int(copies)),
    "rehearse": rehearsal.rehearse,
    "begin": real.begin,
    "close": real.close,
    "settle": real.settle,
    "see_complete": real.see_complete,
    "upgrade": real.upgrade,
    "compare": real.compare,
    "confirm": real.confirm,
    "finish": real.finish,
    "losses": real.losses,
    "turn_back": real.turn_back,
    "put_back": real.put_back,
    "discard": real.discard,
    "forget": real.forget,
}


def _waits(word: str, todo: job.Job) -> bool:
    """Whether it has to be alone, or else would see what a step is just doing, such as pg_upgrade starting a server."""
    if word == "state":
        known = notes.noted(todo)
        return known is not None and not known.is_over
    return word not in LOOKS


def main(word: str, text: str, *more: str) -> int:
    """Do it, and tell what is to be told in JSON: 0 if all is well, 1 if not."""
    try:
        todo = job.read(text, read_settings())
        with todo.lock.open("w") as lock:
            if _waits(word, todo):
                # Of a run that was interrupted, a step may still be at work here.
                fcntl.flock(lock, fcntl.LOCK_EX)
            told = COMMANDS[word](todo, *more)
    except RestoreError as error:
        print(error, file=sys.stderr)  # noqa: T201 (a command)
        return 1
    print(json.dumps(told))  # noqa: T201 (a command)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
