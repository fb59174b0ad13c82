"""The program: one word that says what to do, and the job in JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from restore_drill.settings import RestoreError, read_settings

from . import adoption, job, preview

if TYPE_CHECKING:
    from collections.abc import Callable

    from .report import Report

COMMANDS: dict[str, Callable[[job.Job], Report]] = {
    "rehearse": adoption.rehearse,
    "adopt": adoption.adopt,
    "way_back": adoption.way_back,
    "check_rehearse": preview.rehearse,
    "check_adopt": preview.adopt,
    "check_way_back": preview.way_back,
}
"""What is done; and what looks at that first, and changes nothing."""


def main(word: str, text: str) -> int:
    """Do it, and tell as JSON whether that changed anything, and all in sentences: 0 if all is well, 1 if not."""
    try:
        todo = job.read(text, read_settings())
        report = COMMANDS[word](todo)
    except RestoreError as error:
        print(error, file=sys.stderr)  # noqa: T201 (a command)
        return 1
    print(json.dumps({"changed": report.changed(word), "said": report.sentences(word, todo)}))  # noqa: T201 (a command)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
