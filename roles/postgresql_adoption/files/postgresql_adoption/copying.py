"""A database goes from one server into another: one dumps, the other restores, and nothing lies in between."""

from __future__ import annotations

import os
import subprocess
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Self

from restore_drill.programs import tail
from restore_drill.server import quoted
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from types import TracebackType

    from restore_drill.server import Server

# Roles, privileges and replication are declared here. Extensions are as well, and belong to the superuser.
DUMP = (
    *("--format=custom", "--compress=none", "--lock-wait-timeout=60s"),
    *("--no-privileges", "--no-publications", "--no-subscriptions", "--exclude-extension=*"),
)
RESTORE = (
    *("--exit-on-error", "--no-owner", "--no-privileges", "--no-tablespaces"),
    *("--no-publications", "--no-subscriptions", "--no-security-labels"),
)
# The replicas are waited for once, at the end: by then they have all of it, since a log has an order.
LOCALLY = "-c synchronous_commit=local -c statement_timeout=0 -c lock_timeout=0"
PATIENTLY = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"


class Snapshot:
    """A moment of a database's, kept for as long as the context lasts; `name` is what others ask for it by."""

    def __init__(self, server: Server, database: str) -> None:
        """Of a database."""
        self._argv = [
            *("/usr/bin/stdbuf", "--output=L", f"{server.programs}/psql", "--no-psqlrc", "--quiet", "--tuples-only"),
            *("--no-align", "--set=ON_ERROR_STOP=1", f"--dbname={server.connection} dbname={quoted(database)}"),
        ]
        self.name = ""

    def __enter__(self) -> Self:
        """Take it."""
        self._said: IO[str] = TemporaryFile("w+")
        self._process = subprocess.Popen(  # noqa: S603 (nobody but root chooses the words)
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={**os.environ, "PGOPTIONS": PATIENTLY, "PGCONNECT_TIMEOUT": "10"},
        )
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSELECT pg_export_snapshot();\n")
        self._process.stdin.flush()
        self.name = self._process.stdout.readline().strip()
        if not self.name:
            self._end()
            self._said.seek(0)
            raise RestoreError(f"There is no snapshot:\n{tail(self._said.read())}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let it go."""
        self._end()
        self._said.close()

    def _end(self) -> None:
        self._process.communicate()


def copy(old: Server, source: str, snapshot: str, new: Server, database: str, owner: str) -> None:
    """Fill an empty database; everything in it is its owner's.

    Raises:
        RestoreError: One of the two programs failed; what is there is not complete.
    """
    there, here = (f"{one.connection} dbname={quoted(name)}" for one, name in ((old, source), (new, database)))
    dump = [f"{new.programs}/pg_dump", *DUMP, f"--snapshot={snapshot}", f"--dbname={there}"]
    restore = [f"{new.programs}/pg_restore", *RESTORE, f"--role={owner}", f"--dbname={here}"]
    with TemporaryFile("w+") as dumper_said, TemporaryFile("w+") as restorer_said:
        dumper = subprocess.Popen(  # noqa: S603 (nobody but root chooses the words)
            dump, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=dumper_said, env=_environment(PATIENTLY)
        )
        restorer = subprocess.Popen(  # noqa: S603
            restore, stdin=dumper.stdout, stdout=subprocess.DEVNULL, stderr=restorer_said, env=_environment(LOCALLY)
        )
        # The one must see when the other is gone.
        assert dumper.stdout
        dumper.stdout.close()
        ended = (("pg_dump", dumper, dumper_said), ("pg_restore", restorer, restorer_said))
        # When the one fails, so does the other: both say why.
        failed = [(name, said) for name, program, said in ended if program.wait()]
        for _, said in failed:
            said.seek(0)
        if failed:
            raise RestoreError("\n".join(f"{name} failed:\n{tail(said.read())}" for name, said in failed))


def _environment(options: str) -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", "PGOPTIONS": options, "PGCONNECT_TIMEOUT": "10"}
