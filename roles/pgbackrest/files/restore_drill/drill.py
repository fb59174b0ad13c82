"""The rehearsal: restore the latest backup beside the live data, and prove that it holds what the original held.

Two servers can only be compared at the same point of their history. A replica can be stopped at one: for a moment it
replays no log, and in that moment a snapshot is taken of each database. All of them are of that one place of the log.
What they hold is counted while the replica follows again, and a backup is restored up to that place.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import archive, manifest, patroni, repository
from .copy import LONGEST, Copy
from .programs import wait
from .server import Server, quoted
from .settings import RestoreError
from .state import Result, State
from .target import Target

if TYPE_CHECKING:
    from .manifest import Manifest
    from .patroni import Member
    from .programs import Run
    from .settings import Settings

ATTEMPTS = 20
"""How often a moment is looked for in which nothing is locked, and nobody lets the replica go."""
READINGS = 5
"""How often a snapshot is taken again that the primary's changes have cut short."""

# Or somebody has let it go since, and it will never stand: Patroni does so whenever it looks.
ANSWERED = "CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() <> 'pause requested' ELSE true END"
# The place, unless there are locks of the primary's, which a replica holds until it has replayed their end.
UNLOCKED = """
CASE WHEN pg_is_in_recovery() AND NOT EXISTS (
  SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE backend_type = 'startup' AND mode = 'AccessExclusiveLock'
) THEN pg_last_wal_replay_lsn() END
"""
CONFLICT = "conflict with recovery"


@dataclass(frozen=True)
class Held:
    """A replica's content at one place of the log."""

    lsn: str
    timeline: str
    content: Manifest
    seconds: int


def drill(settings: Settings, run: Run, *, here: bool) -> bool:
    """Rehearse, if it is this host's turn or `here` is said. Whether all is well.

    Raises:
        RestoreError: nobody knows whose turn it is.
    """
    state = State(settings)
    with state.only_run():
        turn = settings.name if here else patroni.whose_turn(patroni.members(settings), datetime.now(UTC).date())
        started = time.time()
        state.note("run", {"started": int(started)})
        result = None
        try:
            tidy(settings, run)
            if turn == settings.name:
                result = rehearse(settings, run)
            else:
                say(f"It is the turn of {turn}." if turn else "There is no replica, so it is nobody's turn.")
        except RestoreError as error:
            print(f"restore-drill: {error}", file=sys.stderr)  # noqa: T201 (a command)
            result = Result(int(time.time()), success=False, duration=int(time.time() - started))
        state.publish(result)
        state.forget("run")
        tidy(settings, run)
        return result is None or result.success


def rehearse(settings: Settings, run: Run) -> Result:
    """Restore, compare, check.

    Raises:
        RestoreError: the copy is not what it should be, or could not be made.
    """
    started = time.time()
    known = repository.backups(run, settings)
    repository.see_room(settings.scratch.parent, known[-1], settings.reserve)
    here = Server(run, settings.programs, f"host={settings.socket} user=postgres")
    there = primary_server(settings, run, patroni.primary(patroni.members(settings)))
    held = hold(settings, here, there)
    rows = sum(table.rows for table in held.content.values())
    say(f"{len(held.content)} tables with {rows} rows at {held.lsn}; read within {held.seconds} s.")
    copy = Copy(settings, run, settings.scratch)
    target = Target("lsn", held.lsn, exclusive=True, timeline=held.timeline)
    elsewhere = ["--archive-mode=off", f"--tablespace-map-all={copy.place}/tablespaces"]
    label = copy.restore(target, "pause", elsewhere)
    say(f"Restored {label}.")
    copy.start()
    copy.await_paused()
    place = copy.server.one("pg_last_wal_replay_lsn()")
    if place != held.lsn:
        raise RestoreError(f"The copy stands at {place} rather than at {held.lsn}.")
    with closing(manifest.Reading(copy.server, settings.sample_above, settings.sample_percent, LONGEST)) as reading:
        reading.places()
        manifest.agree(held.content, reading.manifest())
    say("The copy has the same.")
    copy.promote()
    copy.check()
    copy.stop()
    say("It can be written to, and all of its tables and indexes are whole.")
    ended = int(time.time())
    age = ended - next(one.ended for one in known if one.label == label)
    duration = int(ended - started)
    return Result(ended, True, duration, held.seconds, len(held.content), rows, age)


def primary_server(settings: Settings, run: Run, leader: Member) -> Server:
    """The primary, as the user who may end a segment of the log."""
    files = settings.certificates
    words = {
        "host": leader.host,
        "port": str(leader.port),
        "user": "rewind",
        "sslmode": "verify-full",
        "sslrootcert": files["authority"],
        "sslcert": files["certificate"],
        "sslkey": files["key"],
    }
    return Server(run, settings.programs, " ".join(f"{name}={quoted(value)}" for name, value in words.items()))


def hold(settings: Settings, here: Server, there: Server) -> Held:
    """Write down what this replica has at one place of the log, and see that the archive has that place.

    Raises:
        RestoreError: it is no replica, no snapshot holds, or the log does not arrive in the archive.
    """
    timeline = here.one("(SELECT received_tli FROM pg_stat_wal_receiver WHERE status = 'streaming')")
    if timeline is None:
        raise RestoreError("This member is no replica that follows.")
    lsn, content, seconds = snapshot(settings, here)
    # So that there is something in the archive beyond where the replica stood.
    archive.reach(there)
    return Held(lsn, str(timeline), content, seconds)


def snapshot(settings: Settings, here: Server) -> tuple[str, Manifest, int]:
    """A place of the log, all that the replica has there, and how long that took.

    Raises:
        RestoreError: the primary's changes have cut it short each time.
    """
    for _ in range(READINGS):
        started = time.monotonic()
        try:
            lsn, reading = standing(settings, here)
            with closing(reading):
                return lsn, reading.manifest(), round(time.monotonic() - started)
        except RestoreError as error:
            if CONFLICT not in str(error):
                raise
            say("The primary's changes have cut a snapshot short.")
    raise RestoreError("The primary's changes have cut each snapshot short: see max_standby_streaming_delay.")


def standing(settings: Settings, here: Server) -> tuple[str, manifest.Reading]:
    """Begin to read at a place of the log. The replica stands there for a moment.

    Raises:
        RestoreError: there is no such moment: tables are locked, or somebody lets the replica go. Patroni does, at
            each of its looks, so what a killed run has left does not last.
    """
    for _ in range(ATTEMPTS):
        here.one("pg_wal_replay_pause()::text")
        try:
            wait(lambda: here.one(ANSWERED), 60, "The replica stands", 0.05)
            lsn = here.one(UNLOCKED)
            reading = lsn and _read(settings, here, lsn)
        finally:
            here.one("CASE WHEN pg_is_in_recovery() THEN pg_wal_replay_resume()::text END")
        if lsn and reading:
            return lsn, reading
        time.sleep(0.3)
    raise RestoreError("There was no moment in which the replica stood and no table was locked.")


def _read(settings: Settings, here: Server, lsn: str) -> manifest.Reading | None:
    """A reading in which each snapshot is of this place."""
    reading = manifest.Reading(here, settings.sample_above, settings.sample_percent, settings.read_max)
    with ExitStack() as unfinished:
        unfinished.callback(reading.close)
        # Two things can be wrong, and one tells of both: whoever lets it go has it replay at least one more record.
        if reading.places() == {lsn} and here.one(UNLOCKED) == lsn:
            unfinished.pop_all()
            return reading
    return None


def tidy(settings: Settings, run: Run) -> None:
    """Remove what a run has left that could not end by itself."""
    Copy(settings, run, settings.scratch).remove()


def cleanup(settings: Settings, run: Run) -> None:
    """After a rehearsal, however it has ended."""
    state = State(settings)
    with state.only_run():
        left = state.noted("run")
        if left:
            now = int(time.time())
            state.publish(Result(now, success=False, duration=now - int(left["started"])))
        tidy(settings, run)
        state.forget("run")


def say(what: str) -> None:
    """Tell the journal."""
    print(what, flush=True)  # noqa: T201 (a command)
