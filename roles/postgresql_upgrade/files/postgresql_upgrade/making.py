"""The new version's data from the old one's: initdb, and pg_upgrade."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from restore_drill.programs import run, tail
from restore_drill.settings import RestoreError

from . import controls

if TYPE_CHECKING:
    from pathlib import Path

    from restore_drill.server import Server

    from .job import Job

CHECKSUMS_BY_DEFAULT = 18
"""The first version that has to be told to have none."""
STATISTICS_COME_ALONG = 18
"""The first version to which pg_upgrade takes most of the planner's figures along."""

# Of each database pg_upgrade takes the old locale; these are for messages and the like, as in every cluster of ours.
LOCALE = ("--encoding=UTF8", "--locale=C.UTF-8")

# What a server needs not, and must not do, while nobody but us uses it.
ALONE = {
    "archive_mode": "off",
    "listen_addresses": "",
    "logging_collector": "off",
    "log_destination": "stderr",
    "primary_conninfo": "",
    "ssl": "off",
    "synchronous_standby_names": "",
}


def options(**more: str) -> str:
    """For a server that nobody but us uses."""
    return " ".join(f"-c {name}='{value}'" for name, value in (ALONE | more).items())


def make(job: Job, version: int, old: Path, new: Path, place: Path, **more: str) -> None:
    """Make the new version's data; the old one's stays as it is.

    Args:
        job: The upgrade.
        version: The old one.
        old: The old data, of a primary that was stopped in good order.
        new: Where the new data is made; there is nothing yet.
        place: A directory for what is written on the way.
        more: Parameters of the old server.

    Raises:
        RestoreError: It cannot be done; says why.
    """
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    new.parent.mkdir(mode=0o700, exist_ok=True)
    _initdb(job, controls.read(job, version, old), new)
    upgrade = [
        *("/usr/bin/env", f"--chdir={place}", job.program(job.to, "pg_upgrade"), "--username=postgres"),
        *(f"--old-bindir={job.program(version, '')}", f"--new-bindir={job.program(job.to, '')}"),
        *(f"--old-datadir={old}", f"--new-datadir={new}", f"--socketdir={place}", f"--jobs={job.processes}"),
        f"--old-options={options(**more)}",
        "--clone" if _clones(old, new) else "--copy",
    ]
    try:
        run([*upgrade, "--check"])
        run(upgrade)
    except RestoreError as error:
        raise RestoreError(f"{error}{_reasons(new)}") from None
    # Not for people who try what lies around: there is a way to remove the old data, and a way back before that.
    (place / "delete_old_cluster.sh").unlink(missing_ok=True)


def _initdb(job: Job, old: controls.Controls, new: Path) -> None:
    checksums = ["--data-checksums"] if old.has_checksums else []
    if not old.has_checksums and job.to >= CHECKSUMS_BY_DEFAULT:
        checksums = ["--no-data-checksums"]
    run(
        [
            *(job.program(job.to, "initdb"), f"--pgdata={new}", "--username=postgres", *LOCALE, *checksums),
            *("--auth-local=peer", "--auth-host=reject", f"--wal-segsize={old.segment}"),
        ]
    )


def _clones(old: Path, new: Path) -> bool:
    """Whether the file system copies without copying."""
    probe = new / "clone"
    try:
        run(["cp", "--reflink=always", str(old / "PG_VERSION"), str(probe)])
    except RestoreError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True


def _reasons(new: Path) -> str:
    """What pg_upgrade has written into files, which go with the directory."""
    told = ""
    for path in sorted((new / "pg_upgrade_output.d").glob("*/*.txt")):
        told += f"\n{path.name}:\n{tail(path.read_text(errors='replace'))}"
    return told


def complete(job: Job, server: Server, place: Path) -> None:
    """What remains to be done on a server that was made so: extensions, and figures for the planner."""
    where = f"{server.connection} dbname=postgres"
    script = place / "update_extensions.sql"
    if script.exists():
        run([job.program(job.to, "psql"), "--no-psqlrc", "--quiet", f"--dbname={where}", f"--file={script}"])
    only = ["--missing-stats-only"] if job.to >= STATISTICS_COME_ALONG else []
    analyze = [job.program(job.to, "vacuumdb"), "--all", "--quiet", "--analyze-in-stages", f"--jobs={job.processes}"]
    # No replica is waited for: there may be none yet.
    run([*analyze, *only, f"--maintenance-db={where}"], environment={"PGOPTIONS": "-c synchronous_commit=local"})


def remove(directory: Path) -> None:
    """Leave nothing of it."""
    with suppress(FileNotFoundError):
        shutil.rmtree(directory)
