"""The rehearsal: on a replica, a copy of the cluster is upgraded, started, compared, and removed."""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from restore_drill import manifest
from restore_drill.settings import RestoreError

from . import content, copy, making, member

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .job import Job

STOPS = 15
"""Seconds to stop all members in good order, and again to start the first one."""


class Watch:
    """What took how long."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def over(self, name: str) -> Iterator[None]:
        """Measure what is done meanwhile."""
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


def rehearse(job: Job) -> list[str]:
    """Do it, and say how it went.

    Raises:
        RestoreError: It cannot be done, here or at all; or what comes out is not the same.
    """
    version = member.runs(job)
    if version is None or not job.server.one("pg_is_in_recovery()"):
        raise RestoreError("This member is no replica that runs: rehearse on one.")
    if version >= job.to:
        raise RestoreError(f"This is PostgreSQL {version} already.")
    place = job.base / "upgrade-rehearsal"
    with _alone(job):
        _tidy(job, version, place)
        place.mkdir(mode=0o700)
        try:
            return _rehearse(job, version, place)
        finally:
            _tidy(job, version, place)


def _rehearse(job: Job, version: int, place: Path) -> list[str]:
    watch = Watch()
    old, new = place / "old", place / "new"
    with watch.over("copy"):
        copy.fetch(job, version, old)
    with copy.serving(job, version, old, place) as server, watch.over("read"):
        before = content.read_all(server)
    with watch.over("upgrade"):
        making.make(job, version, old, new, place, **copy.SMALL)
    with copy.serving(job, job.to, new, place) as server:
        with watch.over("analyze"):
            making.complete(job, server, place)
        with watch.over("compare"):
            manifest.agree(before, content.read_all(server))
    return _told(job, version, watch.seconds, content.summary(before))


def _told(job: Job, version: int, seconds: dict[str, float], what: str) -> list[str]:
    away = sum(seconds.values()) + 2 * STOPS
    took = ", ".join(f"{name} {duration:.0f} s" for name, duration in seconds.items())
    return [
        f"The upgrade from {version} to {job.to} works. The same in both: {what}.",
        f"It took: {took}.",
        f"So the services would be away for about {away:.0f} s; {seconds['copy']:.0f} s of them are for the first "
        "replica, without which nothing is acknowledged.",
    ]


@contextmanager
def _alone(job: Job) -> Iterator[None]:
    with job.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RestoreError("Another rehearsal, or an upgrade, is at work here.") from None
        yield


def _tidy(job: Job, version: int, place: Path) -> None:
    for one, data in ((version, place / "old"), (job.to, place / "new")):
        copy.stop(job, one, data)
    making.remove(place)
