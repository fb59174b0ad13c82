"""Take tables out of a backup, as they were at a point in time: what was dropped by mistake is had back from there."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import archive, repository
from .copy import Copy
from .state import State

if TYPE_CHECKING:
    from pathlib import Path

    from .programs import Run
    from .settings import Settings
    from .target import Target


def extract(settings: Settings, run: Run, target: Target, database: str, tables: list[str], label: str = "") -> Path:
    """Write a dump of a database, or of some of its tables, as they were; return its path.

    Raises:
        RestoreError: the point cannot be reached, or there is nothing of that name.
    """
    with State(settings).only_run():
        known = repository.backups(run, settings)
        repository.see_room(settings.scratch.parent, known[-1], settings.reserve)
        archive.reach_now(settings, run)
        copy = Copy(settings, run, settings.scratch)
        copy.remove()
        # Of other databases there are only empty files.
        options = [f"--db-include={database}"] if database != "postgres" else []
        options += ["--archive-mode=off", f"--tablespace-map-all={copy.place}/tablespaces"]
        options += [f"--set={label}"] if label else []
        try:
            copy.restore(target, "promote", options)
            copy.start()
            copy.await_promoted()
            dump = _dump(settings, run, copy, database, tables)
            copy.stop()
        finally:
            copy.remove()
        return dump


def _dump(settings: Settings, run: Run, copy: Copy, database: str, tables: list[str]) -> Path:
    moment = datetime.fromtimestamp(int(time.time()), UTC)
    dump = settings.extracts / f"{database}-{moment:%Y%m%dT%H%M%SZ}.dump"
    argv = [
        *(f"{settings.programs}/pg_dump", "--format=custom", "--compress=zstd", f"--file={dump}"),
        *(f"--table={table}" for table in tables),
        *("--dbname", f"{copy.server.connection} dbname='{database}'"),
    ]
    run(argv, environment={"PGCONNECT_TIMEOUT": "10"})
    return dump
