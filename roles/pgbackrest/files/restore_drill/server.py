"""PostgreSQL servers that one can ask."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from .programs import Run

SAME_TEXT = {
    "bytea_output": "hex",
    "datestyle": "ISO",
    "extra_float_digits": "1",
    "intervalstyle": "iso_8601",
    "jit": "off",
    "lc_monetary": "C",
    "lock_timeout": "10s",
    "max_parallel_workers_per_gather": "0",
    "row_security": "off",
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "xmloption": "content",
}
"""So that two servers write the same value in the same way, and no lock is waited for."""


def quoted(value: str) -> str:
    """A value in a connection string."""
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"


@dataclass(frozen=True)
class Server:
    """A server, by the connection string that leads to it."""

    run: Run
    programs: Path
    connection: str

    def ask(self, sql: str, database: str = "postgres", seconds: float | None = None) -> list[Any]:
        """The answers to statements, each a value in JSON on a line.

        Raises:
            RestoreError: it does not answer, or not in time.
        """
        options = [f"-c {name}={value}" for name, value in SAME_TEXT.items()]
        if seconds is not None:
            options.append(f"-c statement_timeout={max(1, int(seconds * 1000))}")
        said = self.run(
            [
                *(f"{self.programs}/psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
                *("--set=ON_ERROR_STOP=1", f"--dbname={self.connection} dbname={quoted(database)}"),
            ],
            environment={"PGOPTIONS": " ".join(options), "PGCONNECT_TIMEOUT": "10"},
            stdin=sql,
            seconds=seconds,
        )
        return [json.loads(line) for line in said.splitlines() if line]

    def one(self, expression: str) -> Any:
        """The value of one expression."""
        return self.ask(f"SELECT to_json({expression});")[0]
