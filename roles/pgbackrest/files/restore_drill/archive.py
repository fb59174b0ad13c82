"""The way of a primary's log into the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .programs import wait
from .server import Server

if TYPE_CHECKING:
    from .programs import Run
    from .settings import Settings

ARCHIVED_WITHIN = 300
"""Seconds until what the primary has written is in the archive."""
POINT = "pg_create_restore_point('restore-drill')"
TRANSACTION = "pg_current_xact_id()"


def reach(primary: Server, mark: str = POINT) -> None:
    """Have the primary write something more, and wait until that is in the archive.

    Raises:
        RestoreError: it does not come there.
    """
    primary.one(mark)
    segment = primary.one("pg_walfile_name(pg_switch_wal())")

    def archived() -> bool:
        last = primary.one("last_archived_wal", "FROM pg_stat_archiver")
        return last is not None and last[:24] >= segment

    wait(archived, ARCHIVED_WITHIN, f"{segment} arrives in the archive")


def reach_now(settings: Settings, run: Run) -> None:
    """Have the archive hold a transaction that is later than now, if the live server here is the primary.

    A restore to a time needs one: by it, PostgreSQL sees that it has come far enough.
    """
    here = Server(run, settings.programs, f"host={settings.socket} user=postgres")
    if not here.one("pg_is_in_recovery()"):
        reach(here, TRANSACTION)
