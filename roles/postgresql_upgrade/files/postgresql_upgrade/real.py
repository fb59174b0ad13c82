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
LET_GO = 300
"""Seconds for the sessions of clients to end; a statement that is at work first undoes what it did."""
CUT = (
    "count(pg_terminate_backend(pid))",
    "FROM pg_stat_activity JOIN pg_roles ON rolname = usename WHERE backend_type = 'client backend' AND NOT rolsuper",
)
PLACE = "SELECT to_json(pg_current_wal_flush_lsn()::text);"
HAVE_IT = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= '{place}';"


def begin(job: Job, primary: str) -> None:
    """Note that an upgrade begins, or that it begins anew since another member is the primary now."""
    version = member.runs(job)
    if version is None:
        raise RestoreError("PostgreSQL does not run here.")
    if version >= job.to:
        raise RestoreError(f"This is PostgreSQL {version} already.")
    identifier = controls.read(job, version, job.data(version)).identifier
    # What the primary of before had half made would take the room for a copy of the present one's.
    making.remove(job.unfinished(job.to))
    notes.note(job, notes.Note(version, job.to, primary, identifier))


def close(job: Job) -> str:
    """On the primary, when no client is let in any more: end what they still do, and say where the log then stands.

    PgBouncer's sessions outlive those of its clients, and a statement that is at work in one would be committed later.

    Raises:
        RestoreError: A session does not end.
    """
    wait(lambda: job.server.one(*CUT) == 0, LET_GO, "All sessions of clients have ended")
    place: str = job.server.ask(f"CHECKPOINT;\n{PLACE}")[0]
    return place


def settle(job: Job) -> None:
    """On the primary, when no client is let in any more: see that the replicas have everything, and note what that is.

    Raises:
        RestoreError: A replica does not catch up.
    """
    known = notes.begun(job)
    place = close(job)
    found = content.read_all(job.server)
    if known.place and notes.kept(job) == found:
        # Of a run that was interrupted; by now the replicas may be stopped.
        return

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


def confirm(job: Job) -> None:
    """On the others, once the new primary has been compared: note it as well, so that they may let clients in."""
    notes.note(job, replace(notes.begun(job), is_same=True))


def finish(job: Job) -> None:
    """Note that it is over, whichever way. The old version's data stays."""
    known = notes.begun(job)
    if known.way == "back":
        forget(job)
    else:
        notes.note(job, replace(known, is_over=True))


def losses(job: Job, place: str) -> list[str]:
    """What has been written since the upgrade, and would be lost on the way back: a sentence for each table.

    Args:
        job: The upgrade.
        place: Where the log of the present primary stands, which may be another member than the first one.

    Raises:
        RestoreError: Nobody can say.
    """
    known = notes.begun(job)
    if member.runs(job) != known.new:
        raise RestoreError(
            f"PostgreSQL {known.new} does not run here, where it is known what there was, so nobody can say what has "
            "been written into it."
        )
    has_it = f"NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= '{place}'"
    wait(lambda: job.server.one(has_it), CATCHES_UP, f"{job.settings.name} has the log up to {place}")
    before, now = notes.kept(job), content.read_all(job.server)
    told = []
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            was, has = (f"{one[name].rows} rows" if name in one else "not there" for one in (before, now))
            told.append(f"{name}: {was} before, {has} now")
    return told


def turn_back(job: Job, primary: str) -> None:
    """Note that the old version is to come back, and whose data; from here on, it cannot go on, and is not over."""
    notes.note(job, replace(notes.begun(job), primary=primary, way="back", is_over=False))


def put_back(job: Job) -> None:
    """Once all members are stopped: remove the new version's data, also where nothing was noted, on a new member.

    Raises:
        RestoreError: A server runs.
    """
    known = notes.noted(job)
    if member.runs(job) == job.to or (known and known.way != "back"):
        raise RestoreError(f"PostgreSQL {job.to} runs here, or nobody wants to go back.")
    _remove(job, job.to)


def discard(job: Job) -> list[str]:
    """Remove the old version's data: there is no way back after this.

    Raises:
        RestoreError: The upgrade is not over, or the new version does not run.
    """
    known = notes.begun(job)
    if not known.is_over or member.runs(job) != known.new:
        raise RestoreError(f"The upgrade to {known.new} is not over here, or PostgreSQL does not run.")
    old = job.data(known.old)
    gib = member.size(old) / member.GIB if old.exists() else 0
    _remove(job, known.old)
    return [f"{job.settings.name}: {old} is gone, {gib:.1f} GiB."]


def forget(job: Job) -> None:
    """Remove what was noted, when nothing else is left to be done."""
    making.remove(job.work)


def _remove(job: Job, version: int) -> None:
    # Data that has its name is complete: others ask it what it is.
    making.remove(job.unfinished(version))
    if job.data(version).exists():
        job.data(version).rename(job.unfinished(version))
    making.remove(job.unfinished(version))
