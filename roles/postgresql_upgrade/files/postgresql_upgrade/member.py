"""What a member has, and how it is: on which the steps of an upgrade depend."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from restore_drill import patroni, repository
from restore_drill.programs import run
from restore_drill.settings import RestoreError

from . import controls, notes

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job

GIB = 1024**3
# What pg_upgrade or this role cannot do.
OBSTACLES = """
SELECT json_build_array((SELECT count(*) FROM pg_prepared_xacts),
                        (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'logical'),
                        (SELECT count(*) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')));
"""


def state(job: Job) -> dict[str, Any]:
    """All of it, for Ansible."""
    running = runs(job)
    noted = notes.noted(job)
    clusters = {version: controls.read(job, version, job.data(version)) for version in job.versions()}
    return {
        "name": job.settings.name,
        "clusters": {str(version): asdict(cluster) for version, cluster in clusters.items()},
        "runs": running,
        # It is not asked: one that starts does not answer yet.
        "leads": running in clusters and clusters[running].state == controls.LEADS,
        "note": asdict(noted) if noted else None,
    }


def runs(job: Job) -> int | None:
    """The version of the server that runs here."""
    for version in job.versions():
        if (job.data(version) / "postmaster.pid").exists():
            try:
                run([job.program(version, "pg_ctl"), "status", f"--pgdata={job.data(version)}"])
            except RestoreError:
                # It was killed.
                continue
            return version
    return None


def problems(job: Job, copies: int) -> list[str]:
    """What stands in the way of an upgrade, or of a rehearsal here, as far as this member knows: a sentence each.

    Args:
        job: The upgrade.
        copies: How often the data must find room on this disk.
    """
    running = runs(job)
    if running is None:
        return [f"{job.settings.name}: PostgreSQL does not run."]
    found = [*_packages(job), *_room(job, running, copies)]
    if not job.server.one("pg_is_in_recovery()"):
        found += [*_whole(job), *_backup(job), *_obstacles(job)]
    return found


def _packages(job: Job) -> list[str]:
    package = f"postgresql-{job.to}"
    offered = [line for line in run(["apt-cache", "policy", package]).splitlines() if "Candidate:" in line]
    if offered and "(none)" not in offered[0]:
        return []
    return [f"{job.settings.name}: there is no package {package}. Which Debian has it, and does this host use it?"]


def _room(job: Job, running: int, copies: int) -> list[str]:
    taken = size(job.data(running))
    free = shutil.disk_usage(job.base).free
    needed = copies * taken + job.settings.reserve * repository.MIB
    if free >= needed:
        return []
    return [
        f"{job.settings.name}: the disk has {free / GIB:.1f} GiB free, and {needed / GIB:.1f} GiB are needed: the "
        f"data, {taken / GIB:.1f} GiB, is copied."
    ]


def _whole(job: Job) -> list[str]:
    found = patroni.members(job.settings)
    well = [one for one in found if one.state == ("running" if one.role == "leader" else "streaming")]
    if len(well) == job.members and sum(one.role == "leader" for one in well) == 1:
        return []
    told = ", ".join(f"{one.name} ({one.role}, {one.state})" for one in found)
    return [f"The cluster is not whole: {told}. `patronictl list` says more."]


def _backup(job: Job) -> list[str]:
    try:
        last = repository.backups(run, job.settings)[-1]
    except RestoreError as error:
        return [str(error)]
    hours = (time.time() - last.ended) / 3600
    if hours <= job.backup_hours:
        return []
    return [
        f"The last backup is {hours:.0f} hours old: systemctl start pgbackrest-backup@full.service on the host of the "
        "backups first."
    ]


def _obstacles(job: Job) -> list[str]:
    prepared, logical, spaces = job.server.ask(OBSTACLES)[0]
    found = []
    if prepared:
        found.append(f"There are {prepared} prepared transaction(s), which cannot be taken along: pg_prepared_xacts.")
    if logical:
        found.append(f"There are {logical} logical replication slot(s), which would be lost: pg_replication_slots.")
    if spaces:
        found.append("There are tablespaces, which this operation does not know.")
    return found


def size(directory: Path) -> int:
    """The bytes of the files in a directory, some of which may go meanwhile."""
    found = 0
    for path, _, names in directory.walk():
        for name in names:
            try:
                found += (path / name).lstat().st_size
            except FileNotFoundError:
                continue
    return found
