"""PostgreSQL servers that one can ask."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from threading import Timer
from typing import TYPE_CHECKING, Any

from .programs import tail
from .settings import RestoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .programs import Run

SAME_TEXT = {
    "bytea_output": "hex",
    "datestyle": "ISO",
    "extra_float_digits": "1",
    "intervalstyle": "iso_8601",
    "jit": "off",
    "lc_monetary": "C",
    "lock_timeout": "60s",
    "max_parallel_workers_per_gather": "0",
    "row_security": "off",
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "xmloption": "content",
}
"""So that two servers write the same value in the same way."""


def quoted(value: str) -> str:
    """A value in a connection string."""
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"


@dataclass(frozen=True)
class Server:
    """A server, by the connection string that leads to it."""

    run: Run
    programs: Path
    connection: str

    def ask(self, sql: str, database: str = "postgres") -> list[Any]:
        """The answers to statements, each a value in JSON on a line.

        Raises:
            RestoreError: it does not answer.
        """
        said = self.run(self._argv(database), environment=_environment(), stdin=sql)
        return [json.loads(line) for line in said.splitlines() if line]

    def one(self, expression: str, source: str = "") -> Any:
        """The value of one expression, which may be nothing."""
        return self.ask(f"SELECT json_build_array({expression}) {source};")[0][0]

    def talk(self, script: str, database: str, seconds: float) -> Talk:
        """Begin a script whose answers are read while it works; it may take so many seconds."""
        return Talk(self._argv(database), script, seconds)

    def _argv(self, database: str) -> list[str]:
        options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
        return [f"{self.programs}/psql", *options, f"--dbname={self.connection} dbname={quoted(database)}"]


class Talk:
    """A script that a server works on."""

    def __init__(self, argv: list[str], script: str, seconds: float) -> None:
        """Begin it."""
        # Each answer is told at once.
        self._process = subprocess.Popen(  # noqa: S603 (nobody but root chooses the words)
            ["/usr/bin/stdbuf", "--output=L", *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **_environment()},
        )
        self._seconds = seconds
        self._late = Timer(seconds, self._process.kill)
        self._late.start()
        assert self._process.stdin
        try:
            self._process.stdin.write(script)
            self._process.stdin.close()
        except BrokenPipeError:
            # It has ended already: why, it says.
            self._process.stdin = None

    def answers(self) -> Iterator[Any]:
        """What it answers, one after the other.

        Raises:
            RestoreError: it failed, or took longer than it may.
        """
        assert self._process.stdout
        for line in self._process.stdout:
            if line.strip():
                yield json.loads(line)
        self._end()

    def _end(self) -> None:
        assert self._process.stderr
        said = self._process.stderr.read()
        if self._process.wait() < 0:
            raise RestoreError(f"A server did not answer within {self._seconds:.0f} seconds.")
        if self._process.returncode:
            raise RestoreError(f"A server answered:\n{tail(said)}")

    def close(self) -> None:
        """End it, whether it is done or not."""
        self._late.cancel()
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream:
                stream.close()


def _environment() -> dict[str, str]:
    options = " ".join(f"-c {name}={value}" for name, value in SAME_TEXT.items())
    return {"LC_ALL": "C.UTF-8", "PGOPTIONS": options, "PGCONNECT_TIMEOUT": "10"}
