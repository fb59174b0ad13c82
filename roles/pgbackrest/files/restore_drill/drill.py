"""The rehearsal: restore the latest backup beside the live data, and prove that it holds what the original held.

Two servers can only be compared at the same point of their history. A replica can be held at one: it stops replaying
the log, and then shows just what the log holds up to there, in all databases, while the primary goes on. What it has is
written down, it follows again, and a backup is restored up to that same place of the log.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import manifest, patroni, repository
from .copy import Copy
from .programs import wait
from .server import Server, quoted
from .settings import RestoreError
from .state import Result, State
from .target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .manifest import Manifest
    from .patroni import Member
    from .programs import Run
    from .settings import Settings

ARCHIVED_WITHIN = 300
"""Seconds until what the primary has written is in the archive."""
ATTEMPTS = 20
"""How often a place is looked for where nothing is locked."""

PAUSED = "SELECT to_json(pg_get_wal_replay_pause_state() = 'paused');"
# The primary's, which a replica holds until it has replayed their end.
LOCKS = """
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE backend_type = 'startup' AND mode = 'AccessExclusiveLock';
"""


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
        if here:
            turn: str | None = settings.name
        else:
            turn = patroni.whose_turn(patroni.members(settings), datetime.now(UTC).date())
        if turn != settings.name:
            say(f"It is the turn of {turn}." if turn else "There is no replica, so it is nobody's turn.")
            tidy(settings, run)
            state.publish(None)
            return True
        started = time.time()
        state.note("run", {"started": int(started)} | (state.noted("run") or {"held": False}))
        try:
            tidy(settings, run)
            result = rehearse(settings, run, state)
            tidy(settings, run)
        except RestoreError as error:
            print(f"restore-drill: {error}", file=sys.stderr)  # noqa: T201 (a command)
            result = Result(int(time.time()), success=False, duration=int(time.time() - started))
        state.publish(result)
        if result.success:
            state.forget("run")
        return result.success


def rehearse(settings: Settings, run: Run, state: State) -> Result:
    """Restore, compare, check.

    Raises:
        RestoreError: the copy is not what it should be, or could not be made.
    """
    started = time.time()
    known = repository.backups(run, settings)
    repository.see_room(settings.scratch.parent, known[-1], settings.reserve)
    here = Server(run, settings.programs, f"host={settings.socket} user=postgres")
    there = primary_server(settings, run, patroni.primary(patroni.members(settings)))
    held = hold(settings, state, here, there)
    rows = sum(table.rows for table in held.content.values())
    say(f"{len(held.content)} tables with {rows} rows at {held.lsn}; the replica stood for {held.seconds} s.")
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
    percent = settings.sample_percent
    manifest.agree(held.content, manifest.read(copy.server, settings.sample_above, percent, 4 * 3600))
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


def hold(settings: Settings, state: State, here: Server, there: Server) -> Held:
    """Hold this replica at one place of the log, write down what it has, and see that the archive has that place.

    Raises:
        RestoreError: it is no replica, it was let go meanwhile, or the log does not arrive in the archive.
    """
    timeline = here.ask("SELECT to_json(received_tli) FROM pg_stat_wal_receiver WHERE status = 'streaming';")
    if not timeline:
        raise RestoreError("This member is no replica that follows.")
    started = time.monotonic()
    with standing(state, here) as lsn:
        # The primary goes on, beyond where this replica stands: so there is something after it in the archive.
        there.one("pg_create_restore_point('restore-drill')")
        segment = there.one("pg_walfile_name(pg_switch_wal())")
        content = manifest.read(here, settings.sample_above, settings.sample_percent, settings.hold_max)
        if here.one("CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END") != lsn:
            raise RestoreError("The replica was let go while its tables were read.")
    seconds = round(time.monotonic() - started)

    def archived() -> bool:
        last = there.ask("SELECT to_json(last_archived_wal) FROM pg_stat_archiver;")[0]
        return last is not None and last[8:24] >= segment[8:24]

    wait(archived, ARCHIVED_WITHIN, f"{segment} arrives in the archive")
    return Held(lsn, str(timeline[0]), content, seconds)


@contextmanager
def standing(state: State, here: Server) -> Iterator[str]:
    """Have the replica stand at a place where no lock of the primary's keeps tables from being read; its place."""
    state.note("run", {"started": int(time.time()), "held": True})
    try:
        for _ in range(ATTEMPTS):
            here.ask("SELECT to_json(pg_wal_replay_pause()::text);")
            wait(lambda: here.ask(PAUSED)[0], 60, "The replica stands", 0.1)
            if not here.ask(LOCKS)[0]:
                yield here.one("pg_last_wal_replay_lsn()")
                return
            here.ask("SELECT to_json(pg_wal_replay_resume()::text);")
            time.sleep(1)
        raise RestoreError("Tables are locked all the time; nothing was read.")
    finally:
        let_go(state, here)


def let_go(state: State, here: Server) -> None:
    """Have the replica follow again."""
    here.ask("SELECT to_json(pg_wal_replay_resume()::text) WHERE pg_is_in_recovery();")
    state.note("run", {"started": int(time.time()), "held": False})


def tidy(settings: Settings, run: Run) -> None:
    """Remove what a run has left that could not end by itself, and have the replica follow again."""
    state = State(settings)
    Copy(settings, run, settings.scratch).remove()
    left = state.noted("run")
    if left and left["held"]:
        let_go(state, Server(run, settings.programs, f"host={settings.socket} user=postgres"))


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
