"""The real upgrade, step by step, and the way back. What each step needs is seen before it changes anything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from restore_drill import manifest
from restore_drill.programs import wait
from restore_drill.settings import RestoreError
from restore_drill.state import sync

from . import content, controls, making, member, notes

if TYPE_CHECKING:
    from .job import Job

CATCHES_UP = 300
"""Seconds for the replicas to replay what the primary has, once nobody writes."""
PLACE = "SELECT to_json(pg_current_wal_flush_lsn()::text);"
HAVE_IT = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '{place}';"


def begin(job: Job, primary: str) -> None:
    """Note that an upgrade begins; nothing else."""
    version = member.runs(job)
    if version is None:
        raise RestoreError("PostgreSQL does not run here.")
    if version >= job.to:
        raise RestoreError(f"This is PostgreSQL {version} already.")
    identifier = controls.read(job, version, job.data(version)).identifier
    notes.note(job, notes.Note(version, job.to, primary, identifier))


def settle(job: Job) -> None:
    """On the primary, when no client is let in any more: see that the replicas have everything, and note what that is.

    Raises:
        RestoreError: A replica does not catch up.
    """
    known = notes.begun(job)
    found = content.read_all(job.server)
    if known.place and notes.kept(job) == found:
        # Of a run that was interrupted; by now the replicas may be stopped.
        return
    place: str = job.server.ask(f"CHECKPOINT;\n{PLACE}")[0]

    def have_it() -> bool:
        replicas: int = job.server.ask(HAVE_IT.format(place=place))[0]
        return replicas >= job.members - 1

    wait(have_it, CATCHES_UP, f"All replicas have the log up to {place}")
    notes.keep(job, found)
    notes.note(job, replace(known, place=place))


def see_complete(job: Job, place: str) -> None:
    """On the others, once they are stopped: see that they have all of the log up to a place.

    Raises:
        RestoreError: This one has not.
    """
    known = notes.begun(job)
    found = controls.read(job, known.old, job.data(known.old))
    if found.end < controls.place(place):
        raise RestoreError(
            f"{job.settings.name} has not all that the primary had ({found.state}). Start all members again, see the "
            "cluster whole, and run this again: -e way_back=true, then without."
        )


def upgrade(job: Job) -> None:
    """On the one that was the primary, once all members are stopped: make the new version's data, beside the old one's.

    Raises:
        RestoreError: It does not have all there was, or pg_upgrade refuses.
    """
    known = notes.begun(job)
    if job.data(known.new).exists():
        return
    old, new = job.data(known.old), job.unfinished(known.new)
    found = controls.read(job, known.old, old)
    if found.identifier != known.identifier or not known.place:
        raise RestoreError(f"{old} is not what was noted when the upgrade began: {job.work / 'note.json'}.")
    if found.state != controls.CLEAN:
        raise RestoreError(f"{old} is {found.state}, and must have been {controls.CLEAN} in good order.")
    making.remove(new)
    making.make(job, known.old, old, new, job.work)
    new.rename(job.data(known.new))
    sync(new.parent)


def compare(job: Job) -> list[str]:
    """On the new primary, before any client is let in: see that it has what the old one had.

    Raises:
        RestoreError: It has not.
    """
    known = notes.begun(job)
    if known.is_same:
        return []
    before = notes.kept(job)
    manifest.agree(before, content.read_all(job.server))
    making.complete(job, job.server, job.work)
    notes.note(job, replace(known, is_same=True))
    return [f"PostgreSQL {known.new} has what {known.old} had: {content.summary(before)}."]


def finish(job: Job) -> None:
    """Note that it is over, whichever way. The old version's data stays."""
    known = notes.begun(job)
    if known.way == "back":
        making.remove(job.work)
    else:
        notes.note(job, replace(known, is_over=True))


def losses(job: Job) -> list[str]:
    """What has been written since the upgrade, and would be lost on the way back: a sentence for each table.

    Raises:
        RestoreError: Nobody can say.
    """
    known = notes.begun(job)
    if not known.is_same:
        return []
    if member.runs(job) != known.new:
        raise RestoreError(f"PostgreSQL {known.new} does not run, so nobody can say what has been written into it.")
    before, now = notes.kept(job), content.read_all(job.server)
    told = []
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            was, has = (f"{one[name].rows} rows" if name in one else "not there" for one in (before, now))
            told.append(f"{name}: {was} before, {has} now")
    return told


def turn_back(job: Job) -> None:
    """Note that the old version is to come back; from here on, it cannot go on.

    Raises:
        RestoreError: The old data is gone.
    """
    known = notes.begun(job)
    if job.settings.name == known.primary and not (job.data(known.old) / "PG_VERSION").exists():
        raise RestoreError(
            f"{job.settings.name} has no data of PostgreSQL {known.old} any more: there is no way back. A backup from "
            "before the upgrade can be restored: docs/runbooks/restore-postgresql.md"
        )
    notes.note(job, replace(known, way="back"))


def put_back(job: Job) -> None:
    """Once all members are stopped: remove the new version's data.

    Raises:
        RestoreError: A server runs.
    """
    known = notes.begun(job)
    running = member.runs(job)
    if running == known.new or known.way != "back":
        raise RestoreError(f"PostgreSQL {known.new} runs here, or nobody wants to go back.")
    for one in (job.data(known.new), job.unfinished(known.new)):
        making.remove(one)


def forget(job: Job) -> list[str]:
    """Remove the old version's data, and what was noted: there is no way back after this.

    Raises:
        RestoreError: The upgrade is not over, or the new version does not run.
    """
    known = notes.begun(job)
    if not known.is_over or member.runs(job) != known.new:
        raise RestoreError(f"The upgrade to {known.new} is not over here, or PostgreSQL does not run.")
    old = job.data(known.old)
    gib = member.size(old) / member.GIB if old.exists() else 0
    making.remove(old)
    making.remove(job.work)
    return [f"{job.settings.name}: {old} is gone, {gib:.1f} GiB."]
