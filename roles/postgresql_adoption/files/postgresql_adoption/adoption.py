"""The ways of an adoption: rehearsed, real, and back.

The copy is made in a database of its own, compared, and only then takes the place of the one that is declared: both
are renamed at once. So an adoption that was interrupted before has changed nothing here, and the next one begins anew;
after one that was interrupted later, the next one says that it is done. The comment on the database tells which.
"""

from __future__ import annotations

import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from restore_drill import manifest
from restore_drill.programs import run, wait
from restore_drill.settings import RestoreError

from . import content, copying, preview
from .report import Copied, Report
from .survey import literal, occupied, survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restore_drill.manifest import Manifest
    from restore_drill.server import Server

    from .job import Job
    from .survey import Survey

HANGS_UP = 60
"""Seconds for those to go who were told to."""

CREATE = """
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING %L LOCALE_PROVIDER %s LC_COLLATE %L LC_CTYPE %L',
              {copy}, pg_get_userbyid(datdba), pg_encoding_to_char(encoding),
              CASE datlocprovider WHEN 'b' THEN 'builtin' WHEN 'i' THEN 'icu' ELSE 'libc' END, datcollate, datctype)
       || CASE datlocprovider WHEN 'b' THEN format(' BUILTIN_LOCALE %L', datlocale)
                              WHEN 'i' THEN format(' ICU_LOCALE %L', datlocale) ELSE '' END
FROM pg_database WHERE datname = {database} \\gexec
"""
# Who may connect is as for the database whose place it takes.
ADMIT = """
REVOKE ALL ON DATABASE {copy_name} FROM PUBLIC;
SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, {copy},
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
FROM pg_database, aclexplode(datacl) WHERE datname = {database} \\gexec
"""
HANG_UP = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = {database} AND backend_type = 'client backend' AND pid <> pg_backend_pid();
"""
SINCE_BEFORE = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = {database} AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND backend_start < {moment};
"""
LIMIT = "SELECT datconnlimit FROM pg_database WHERE datname = {database};"
# An adoption shuts the database that is declared when it has a copy, and only then.
SHUT = """
SELECT count(*) FROM pg_database
WHERE datname = {database} AND datconnlimit = 0 AND EXISTS (SELECT FROM pg_database WHERE datname = {copy});
"""


def rehearse(job: Job) -> Report:
    """Copy and compare, while the old database goes on; nothing of it remains.

    Raises:
        RestoreError: It cannot be adopted, or the copy is not the same.
    """
    with _alone(job):
        _clear(job)
        told = preview.rehearse(job)
        try:
            return replace(told, copied=_copied(job, went_on=True))
        finally:
            _clear(job)


def adopt(job: Job) -> Report:
    """Have the old database take no more writes, copy, compare, and let the copy take its place.

    Where that has been done, it stays: also by a run whose last words nobody has heard.

    Raises:
        RestoreError: It cannot be adopted, or the copy is not the same; then the old database stays as it is.
    """
    with _alone(job):
        _clear(job)
        if said := preview.done(job):
            return Report([f"{said}: nothing was copied."])
        told = preview.rehearse(job)
        started = time.monotonic()
        _freeze(job)
        try:
            copied = _copied(job, went_on=False)
            _take_place(job)
        except RestoreError as error:
            raise RestoreError(
                f"{error}\n{job.source} on {job.origin} takes no writes now. Run it again: it begins anew, or says "
                "that it is done. Or give the old database back to its service: -e way_back=true"
            ) from None
        try:
            _clear(job)
        except RestoreError as error:
            raise RestoreError(
                f"{error}\n{job.database} is adopted all the same: connect the service. Only what it has replaced is "
                f"still there, as {job.replaced}: run it again, which removes that, and says that it is done."
            ) from None
        return replace(told, copied=copied, away=time.monotonic() - started)


def way_back(job: Job) -> Report:
    """Let the old database take writes again. What was adopted stays, and is no longer the same from now on.

    It is marked as such, so that another adoption may replace it.
    """
    with _alone(job):
        job.old.ask(f"ALTER DATABASE {name(job.source)} RESET default_transaction_read_only;")
        # Those who are connected would go on as they are.
        job.old.ask(HANG_UP.format(database=literal(job.source)))
        if mark := preview.mark(job):
            given_back = literal(f"given back {time.strftime('%Y-%m-%d')}, {mark}")
            job.new.ask(f"COMMENT ON DATABASE {name(job.database)} IS {given_back};")
        _clear(job)
        return Report()


def name(text: str) -> str:
    """A name in SQL."""
    return '"' + text.replace('"', '""') + '"'


@contextmanager
def _alone(job: Job) -> Iterator[None]:
    """One adoption at a time."""
    place = os.open(job.there, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise RestoreError("Another adoption is at work. One that was interrupted needs a moment to end.") from None
    finally:
        os.close(place)


def _clear(job: Job) -> None:
    """Remove what adoptions leave that were interrupted, and open what they have shut."""
    if job.new.ask(SHUT.format(database=literal(job.database), copy=literal(job.copy)))[0]:
        _limit(job, -1)
    for one in (job.copy, job.replaced):
        job.new.ask(f"DROP DATABASE IF EXISTS {name(one)} WITH (FORCE);")


def _freeze(job: Job) -> None:
    """Have the old database take no writes, also from those who are connected."""
    source = literal(job.source)
    moment = job.old.ask(
        f"ALTER DATABASE {name(job.source)} SET default_transaction_read_only = on;\n"
        "SELECT to_json(clock_timestamp()::text);"
    )[0]

    def gone() -> bool:
        job.old.ask(HANG_UP.format(database=source))
        left: int = job.old.ask(SINCE_BEFORE.format(database=source, moment=literal(moment)))[0]
        return left == 0

    wait(gone, HANGS_UP, f"The clients of {job.source} hang up")


def _copied(job: Job, *, went_on: bool) -> Copied:
    """Copy, analyze and compare. `went_on`: whether the old database took writes meanwhile.

    One that went on is compared as it was when it was copied; one that did not must still be the same.
    """
    here = survey(job.new, job.database)
    assert here
    started = time.monotonic()
    with copying.Snapshot(job.old, job.source) as snapshot:
        _create(job, here)
        copying.copy(job.old, job.source, snapshot.name, job.new, job.copy, here["owner"])
        copied = time.monotonic()
        _analyze(job.new, job.copy)
        with ThreadPoolExecutor(2) as both:
            there = both.submit(content.read, job.old, job.source, snapshot.name if went_on else None)
            new = both.submit(content.read, job.new, job.copy).result()
            old = there.result()
    moved = _moved(job, old, new) if went_on else []
    manifest.agree(old, new)
    return Copied(content.summary(old), moved, copied - started, time.monotonic() - copied)


def _moved(job: Job, old: Manifest, new: Manifest) -> list[str]:
    """Take out the sequences that went on; no snapshot keeps one."""
    moved = sorted(one for one in content.sequences(job.new, job.copy) if one in old and old[one] != new[one])
    for one in moved:
        del old[one], new[one]
    return moved


def _create(job: Job, here: Survey) -> None:
    """A database like the one that is declared, and as empty."""
    job.new.ask(CREATE.format(copy=literal(job.copy), database=literal(job.database)))
    extensions = "\n".join(
        f"CREATE EXTENSION IF NOT EXISTS {name(one)} SCHEMA {name(schema)} CASCADE;"
        for one, schema in here["extensions"].items()
    )
    job.new.ask(extensions, job.copy)


def _analyze(server: Server, database: str) -> None:
    run(
        [
            f"{server.programs}/vacuumdb",
            "--quiet",
            "--analyze-only",
            f"--dbname={server.connection} dbname='{database}'",
        ]
    )


def _take_place(job: Job) -> None:
    """Rename both, unless something was written into the one that is declared since it was looked at.

    Raises:
        RestoreError: It has what nobody has agreed to lose, or somebody stays connected; then it keeps its name.
    """
    database, copy = literal(job.database), literal(job.copy)
    job.new.ask(ADMIT.format(copy=copy, copy_name=name(job.copy), database=database))
    said = literal(f"{job.mark}{time.strftime('%Y-%m-%d')}")
    job.new.ask(f"COMMENT ON DATABASE {name(job.copy)} IS {said};")
    away = f"BEGIN;\nALTER DATABASE {name(job.database)} RENAME TO {name(job.replaced)};"
    with _shut(job):
        # It waits for those to be gone who were still coming in.
        job.new.ask(f"{away}\nROLLBACK;")
        here = survey(job.new, job.database)
        if here and (found := occupied(job, here)):
            raise RestoreError(
                f"{found} That came while {job.source} was copied: something uses {job.database} already."
            )
        job.new.ask(f"{away}\nALTER DATABASE {name(job.copy)} RENAME TO {name(job.database)};\nCOMMIT;")


@contextmanager
def _shut(job: Job) -> Iterator[None]:
    """Let nobody but superusers into the database here, and have those go who are in. One that stays is open again."""
    limit: int = job.new.ask(LIMIT.format(database=literal(job.database)))[0]
    _limit(job, 0)

    def gone() -> bool:
        left: list[int] = [job.new.ask(HANG_UP.format(database=literal(one)))[0] for one in (job.database, job.copy)]
        return not any(left)

    try:
        wait(gone, HANGS_UP, f"The clients of {job.database} hang up")
        yield
    except RestoreError:
        # Where that fails as well, it is `_clear` that does it.
        with suppress(RestoreError):
            _limit(job, limit)
        raise


def _limit(job: Job, clients: int) -> None:
    job.new.ask(f"ALTER DATABASE {name(job.database)} CONNECTION LIMIT {clients};")
