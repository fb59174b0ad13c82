"""A server on a copy of the data, which nobody else reaches."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from restore_drill.programs import run, tail, wait
from restore_drill.server import Server
from restore_drill.settings import RestoreError

from . import making

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .job import Job

PORT = 5498
STARTS_WITHIN = 3600
"""Seconds: it replays what was written while it was copied."""

# Beside a server that works, and has most of the memory.
SMALL = {"shared_buffers": "64MB", "huge_pages": "off"}


def fetch(job: Job, version: int, data: Path) -> None:
    """Copy this replica, and make a primary of its own of the copy."""
    run(
        [
            *(job.program(version, "pg_basebackup"), f"--pgdata={data}", "--checkpoint=fast", "--wal-method=stream"),
            *(f"--host={job.settings.socket}", "--username=replicator", "--no-password", "--no-sync"),
        ]
    )
    (data / "standby.signal").unlink(missing_ok=True)


@contextmanager
def serving(job: Job, version: int, data: Path, place: Path) -> Iterator[Server]:
    """A server on some data, for as long as it lasts.

    Raises:
        RestoreError: It does not start, or does not stop.
    """
    parameters = making.options(port=str(PORT), unix_socket_directories=str(place), autovacuum="off", **SMALL)
    control = [job.program(version, "pg_ctl"), f"--pgdata={data}"]
    log = place / f"{version}.log"
    try:
        run([*control, "start", f"--log={log}", f"--timeout={STARTS_WITHIN}", f"--options={parameters}"])
    except RestoreError as error:
        said = f"\n{tail(log.read_text(errors='replace'))}" if log.exists() else ""
        raise RestoreError(f"{error}{said}") from None
    try:
        server = Server(run, job.settings.programs, f"host={place} port={PORT} user=postgres")
        wait(lambda: not server.one("pg_is_in_recovery()"), STARTS_WITHIN, "The copy takes writes")
        yield server
    finally:
        run([*control, "stop", "--mode=fast", "--timeout=600"])


def stop(job: Job, version: int, data: Path) -> None:
    """Stop a server that was left behind."""
    if (data / "postmaster.pid").exists():
        try:
            run([job.program(version, "pg_ctl"), f"--pgdata={data}", "stop", "--mode=immediate"])
        except RestoreError:
            # It was killed as well, and its file is all that is left of it.
            return
