"""Asks for a secret by pinentry, as GnuPG does (the Assuan protocol: pinentry's manual, "Protocol")."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Sequence


class PinentryError(Exception):
    """Nobody answered; says why."""


def ask(description: str, prompt: str, program: Sequence[str] = ("pinentry",)) -> str:
    """Asks a person.

    Args:
        description: What for.
        prompt: What stands before the field.
        program: The program and its arguments.

    Returns:
        The secret.

    Raises:
        PinentryError: The program is not there, or was cancelled.
    """
    commands = [f"SETDESC {quote(description, safe=' ')}", f"SETPROMPT {quote(prompt, safe=' ')}", "GETPIN"]
    if terminal := os.environ.get("GPG_TTY"):
        commands.insert(0, f"OPTION ttyname={terminal}")
    try:
        process = subprocess.Popen(  # noqa: S603 (argv, no shell)
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
    except OSError as error:
        raise PinentryError(f"{program[0]} cannot be run: {error.strerror}; install pinentry") from error
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        secret = ""
        # It greets with a line of its own.
        for command in ["", *commands]:
            if command:
                process.stdin.write(f"{command}\n")
                process.stdin.flush()
            for line in process.stdout:
                word, _, rest = line.rstrip("\n").partition(" ")
                if word == "D":
                    secret += unquote(rest)
                elif word == "ERR" and command == "GETPIN":
                    raise PinentryError("the question was cancelled")
                elif word in {"OK", "ERR"}:
                    break
        process.stdin.write("BYE\n")
        process.stdin.close()
    if not secret:
        raise PinentryError("the answer was empty")
    return secret
