"""An adoption from end to end, with servers that are played."""

from __future__ import annotations

import fcntl
import os
import re
from typing import TYPE_CHECKING

import pytest
from postgresql_adoption import adoption
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from postgresql_adoption.job import Job
    from postgresql_adoption.report import Copied, Report

    from .played import Servers


def test_a_rehearsal_leaves_nothing(servers: Servers) -> None:
    report = adoption.rehearse(servers.play())
    assert report.copied is not None
    assert (report.copied.what, report.copied.moved) == ("1 tables and sequences with 2 rows, 0 large objects", [])
    assert report.away == 0
    assert not servers.told("old", "ALTER DATABASE")
    assert not servers.told("new", "RENAME")
    assert [text for name, _, text in servers.did() if name == "pg_dump" and "--snapshot=00000003-1" in text]
    restored = next(text for name, _, text in servers.did() if name == "pg_restore")
    assert "--exit-on-error" in restored
    assert "--role=forge" in restored
    assert servers.told("new", "CREATE EXTENSION IF NOT EXISTS")
    assert "adoption_of_forge" in servers.told("new", "DROP DATABASE")[-2]


def test_a_rehearsal_that_fails_leaves_nothing(servers: Servers) -> None:
    servers.rule("pg_restore", "", "!out of disk")
    with pytest.raises(RestoreError, match="pg_restore failed:\n  out of disk"):
        adoption.rehearse(servers.play())
    assert "adoption_of_forge" in servers.told("new", "DROP DATABASE")[-2]


def test_a_sequence_that_goes_on_is_no_difference_in_a_rehearsal(servers: Servers) -> None:
    servers.rule("old", "json_build_array(format('%I.%I'", ["public.tickets", True])
    servers.rule("new", "json_build_array(format('%I.%I'", ["public.tickets", True])
    servers.rule("old", "FROM public.tickets", [1, "42, true"])
    servers.rule("new", "FROM public.tickets", [1, "41, true"])
    report = adoption.rehearse(servers.play())
    assert report.copied is not None
    assert report.copied.moved == ["public.tickets"]
    with pytest.raises(RestoreError, match=r"public.tickets has checksum '41, true' rather than '42, true'"):
        adoption.adopt(servers.play())


def test_an_adoption_takes_the_place_of_what_is_declared(servers: Servers) -> None:
    report = adoption.adopt(servers.play())
    assert report.away > 0
    assert servers.told("old", 'ALTER DATABASE "old_forge" SET default_transaction_read_only = on')
    assert servers.told("new", "COMMENT ON DATABASE")[0].count("adopted from old_forge on git, ") == 1
    assert changes(servers)[-5:] == [
        'ALTER DATABASE "forge" CONNECTION LIMIT 0',
        'ALTER DATABASE "forge" RENAME TO "adoption_replaced_forge"',
        "ROLLBACK",
        'ALTER DATABASE "forge" RENAME TO "adoption_replaced_forge"',
        'ALTER DATABASE "adoption_of_forge" RENAME TO "forge"',
    ]
    assert "adoption_replaced_forge" in servers.told("new", "DROP DATABASE")[-1]


@pytest.fixture
def _written(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something is made in the database that is declared while the old one is copied."""

    def copied(job: Job, *, went_on: bool) -> Copied:
        servers.survey("new", objects=["public.issue"])
        return copied_(job, went_on=went_on)

    copied_ = adoption._copied
    monkeypatch.setattr(adoption, "_copied", copied)


@pytest.mark.usefixtures("_written")
def test_what_is_written_during_the_copy_is_not_replaced(servers: Servers) -> None:
    servers.rule("new", "SELECT datconnlimit", 20)
    with pytest.raises(RestoreError) as refusal:
        adoption.adopt(servers.play())
    said = str(refusal.value)
    assert "forge is not empty: it has public.issue. If all of that may go for good, say -e replace=forge." in said
    assert "That came while old_forge was copied" in said
    assert "-e way_back=true" in said
    # Nobody could come in after it was looked at once more, and everybody can again.
    assert changes(servers)[-4:] == [
        'ALTER DATABASE "forge" CONNECTION LIMIT 0',
        'ALTER DATABASE "forge" RENAME TO "adoption_replaced_forge"',
        "ROLLBACK",
        'ALTER DATABASE "forge" CONNECTION LIMIT 20',
    ]
    shut, looked = position(servers, "LIMIT 0"), position(servers, "WITH extras")
    assert shut < position(servers, "pg_terminate_backend") < position(servers, "ROLLBACK") < looked


@pytest.mark.usefixtures("_written")
def test_what_somebody_has_agreed_to_is_replaced(servers: Servers) -> None:
    adoption.adopt(servers.having(replace=True))
    assert 'ALTER DATABASE "adoption_of_forge" RENAME TO "forge"' in changes(servers)


def test_those_who_stay_connected_keep_it(servers: Servers) -> None:
    servers.rule("new", "RENAME", "!is being accessed by other users")
    with pytest.raises(RestoreError, match="is being accessed by other users"):
        adoption.adopt(servers.play())
    assert changes(servers)[-1] == 'ALTER DATABASE "forge" CONNECTION LIMIT -1'


@pytest.mark.parametrize("way", [adoption.rehearse, adoption.adopt, adoption.way_back])
def test_what_an_interrupted_one_has_shut_is_opened(servers: Servers, way: Callable[[Job], Report]) -> None:
    servers.rule("new", "datconnlimit = 0", 1)
    way(servers.play())
    opened = position(servers, 'DATABASE "forge" CONNECTION LIMIT -1', last=False)
    assert opened < position(servers, 'DROP DATABASE IF EXISTS "adoption_of_forge"', last=False)


def changes(servers: Servers) -> list[str]:
    """The statements that rename the databases here, or let clients in."""
    told = [text.partition("' ")[2] for name, where, text in servers.did() if (name, where) == ("psql", "new")]
    return [one for one in told if one.startswith("ALTER DATABASE") or one == "ROLLBACK"]


def position(servers: Servers, part: str, *, last: bool = True) -> int:
    """When the server here was told such words, for the last or the first time."""
    found = [place for place, (_, where, text) in enumerate(servers.did()) if where == "new" and part in text]
    return found[-1 if last else 0]


def test_what_was_adopted_is_not_replaced_by_the_same_words(servers: Servers) -> None:
    servers.survey("new", objects=["public.issue"], comment="adopted from old_forge on git, 2026-01-01")
    with pytest.raises(RestoreError, match="forge is adopted from old_forge on git, 2026-01-01 already"):
        adoption.adopt(servers.having(replace=True))
    assert not servers.told("old", "default_transaction_read_only = on")
    assert "pg_dump" not in {name for name, _, _ in servers.did()}


def test_what_was_adopted_is_not_adopted_twice(servers: Servers) -> None:
    servers.survey("new", objects=["public.issue"], comment="adopted from old_forge on git, 2026-01-01")
    report = adoption.adopt(servers.play())
    assert report.notes == ["forge is adopted from old_forge on git, 2026-01-01 already: nothing was copied."]
    assert not report.changed("adopt")
    # What it has replaced may still be there, if nothing else.
    assert "adoption_replaced_forge" in servers.told("new", "DROP DATABASE")[-1]
    assert not servers.told("old", "default_transaction_read_only = on")


def test_an_adoption_is_done_though_what_it_replaced_stays(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    def clear(job: Job) -> None:
        if servers.told("new", "RENAME"):
            raise RestoreError("out of disk")
        clear_(job)

    clear_ = adoption._clear
    monkeypatch.setattr(adoption, "_clear", clear)
    with pytest.raises(RestoreError) as refusal:
        adoption.adopt(servers.play())
    assert "out of disk\nforge is adopted all the same: connect the service." in str(refusal.value)
    assert "way_back" not in str(refusal.value)


def test_those_who_are_connected_hang_up_first(servers: Servers) -> None:
    servers.rule("old", "backend_start", "!they are still there")
    with pytest.raises(RestoreError, match="they are still there"):
        adoption.adopt(servers.play())
    assert servers.told("old", "pg_terminate_backend")
    assert "pg_dump" not in {name for name, _, _ in servers.did()}


def test_what_differs_changes_nothing_here(servers: Servers) -> None:
    servers.rule("old", "FROM ONLY public.issue", [3, "9"])
    with pytest.raises(RestoreError) as refusal:
        adoption.adopt(servers.play())
    assert "public.issue has rows 2 rather than 3" in str(refusal.value)
    assert "-e way_back=true" in str(refusal.value)
    assert not servers.told("new", "RENAME")


def test_the_old_database_takes_writes_again(servers: Servers) -> None:
    assert adoption.way_back(servers.play()).copied is None
    assert servers.told("old", "RESET default_transaction_read_only")
    assert servers.told("old", "pg_terminate_backend")


@pytest.mark.parametrize(("origin", "marked"), [("git", ["adopted from old_forge on git, 2026-01-01"]), ("other", [])])
def test_what_was_given_back_is_marked(servers: Servers, origin: str, marked: list[str]) -> None:
    servers.rule("new", "SELECT to_json(shobj_description", f'"adopted from old_forge on {origin}, 2026-01-01"')
    adoption.way_back(servers.job)
    told = " ".join(servers.told("new", "COMMENT ON DATABASE"))
    assert re.findall(r"given back [\d-]{10}, (.*)'", told) == marked


def test_one_at_a_time(servers: Servers) -> None:
    job = servers.play()
    other = os.open(job.there, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(RestoreError, match="Another adoption is at work"):
        adoption.rehearse(job)
    os.close(other)


def test_names_are_quoted() -> None:
    assert adoption.name('a"b') == '"a""b"'
