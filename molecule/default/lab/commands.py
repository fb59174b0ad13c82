"""The one place that starts programs."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .context import Owner


@dataclass
class CommandError(Exception):
    """A program that ended badly. Whoever knows the host and the step turns it into a LabError."""

    argv: Sequence[str]
    status: int
    output: str

    def __str__(self) -> str:
        last_lines = "\n".join(self.output.strip().splitlines()[-5:])
        return f"`{self.argv[0]}` ended with {self.status}: {last_lines or 'it said nothing'}"


def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    owner: Owner | None = None,
    inherit: Sequence[int] = (),
    timeout: float | None = None,
) -> str:
    """Run a program to its end.

    Args:
        argv: The program and its arguments.
        stdin: What it reads.
        environment: Variables added to ours.
        owner: The person as whom it runs, if not root.
        inherit: Open files that it keeps.
        timeout: Seconds after which it is killed.

    Returns:
        What it wrote to standard output.

    Raises:
        CommandError: When it ended badly.
    """
    variables = {**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})}
    identity: dict[str, int | list[int]] = {}
    if owner is not None:
        variables |= {"HOME": str(owner.home), "USER": owner.name, "LOGNAME": owner.name}
        if owner.uid != os.geteuid():
            identity = {"user": owner.uid, "group": owner.gid, "extra_groups": []}
    try:
        result = subprocess.run(  # noqa: S603 - argument lists, never a shell
            argv,
            input=stdin,
            capture_output=True,
            check=False,
            env=variables,
            pass_fds=inherit,
            timeout=timeout,
            **identity,  # type: ignore[call-overload]
        )
    except FileNotFoundError as error:
        raise CommandError(argv, 127, "it is not installed; make setup-lab installs it") from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(argv, -signal.SIGKILL, f"it had not ended after {timeout} s") from error
    if result.returncode != 0:
        raise CommandError(argv, result.returncode, (result.stderr + result.stdout).decode(errors="replace"))
    return str(result.stdout.decode(errors="replace"))
