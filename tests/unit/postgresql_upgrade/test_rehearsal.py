"""A rehearsal, with programs that are played."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest
from postgresql_upgrade import copy, making, rehearsal
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from pathlib import Path

    from .played import Member


@pytest.fixture(autouse=True)
def _copies_are_primaries(member_: Member) -> None:
    # The live server is a replica; the copies' socket is elsewhere.
    member_.rule("psql", "dbname='postgres' SELECT json_build_array(pg_is_in_recovery())", [True])


@pytest.fixture
def played(member_: Member, monkeypatch: pytest.MonkeyPatch) -> Member:
    """A member whose copies take writes at once."""
    monkeypatch.setattr(copy, "wait", lambda *_: True)
    return member_


def test_a_rehearsal_leaves_nothing(played: Member) -> None:
    said = rehearsal.rehearse(played.job)
    assert said[0] == (
        "The upgrade from 17 to 18 works. The same in both: 1 tables and sequences with 2 rows, 0 large objects."
    )
    assert said[1].startswith("It took: copy ")
    assert "So the services would be away for about 3" in said[2]
    assert [path.name for path in played.base.iterdir()] == ["17"]
    assert "--username=replicator" in played.did("pg_basebackup")[0]
    assert [word for line in played.did("pg_ctl") for word in line.split() if word in ("start", "stop")] == [
        *("start", "stop", "start", "stop")
    ]
    assert [words.endswith("--check") for words in played.did("pg_upgrade")] == [True, False]


def test_what_pg_upgrade_is_told(played: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(making, "run", lambda argv, **_: told.append(" ".join(argv)) or "")
    played.rule("cp", "", "!no")
    controls = making.controls.Controls("7", "shut down", 0, 1, has_checksums=False, segment=16)
    monkeypatch.setattr(making.controls, "read", lambda *_: controls)
    (played.root / "new").mkdir()
    making.make(played.job, 17, played.root / "old", played.root / "new", played.root / "place", shared_buffers="64MB")
    initdb, _, check, upgrade = told
    assert "--no-data-checksums" in initdb
    assert "--wal-segsize=16" in initdb
    assert check == f"{upgrade} --check"
    assert "--clone" in upgrade
    assert "-c archive_mode='off'" in upgrade
    assert "-c shared_buffers='64MB'" in upgrade
    assert f"--chdir={played.root / 'place'}" in upgrade


def test_a_file_system_that_does_not_clone(played: Member) -> None:
    played.rule("cp", "", "!Operation not supported")
    (played.root / "new").mkdir()
    assert not making._clones(played.root, played.root / "new")


def test_what_pg_upgrade_finds_wrong(played: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    new = played.root / "new"
    reasons = new / "pg_upgrade_output.d/20261126T100000/tables_using_regcollation.txt"

    def refuse(argv: list[str], **_: object) -> str:
        if argv[2].endswith("/pg_upgrade"):
            reasons.parent.mkdir(parents=True)
            reasons.write_text("In database: forge\n  public.issue.name\n")
            raise RestoreError("pg_upgrade failed:\n  Your installation contains such columns")
        return ""

    monkeypatch.setattr(making, "run", refuse)
    controls = making.controls.Controls("7", "shut down", 0, 1, has_checksums=True, segment=16)
    monkeypatch.setattr(making.controls, "read", lambda *_: controls)
    monkeypatch.setattr(making, "_clones", lambda *_: False)
    with pytest.raises(RestoreError) as refusal:
        making.make(played.job, 17, played.root / "old", new, played.root / "place")
    assert "such columns\ntables_using_regcollation.txt:\n  In database: forge\n" in str(refusal.value)


def test_what_is_left_to_do(played: Member) -> None:
    (played.root / "update_extensions.sql").touch()
    making.complete(played.job, played.job.server, played.root)
    assert "update_extensions.sql" in played.did("psql")[0]
    assert "--missing-stats-only" in played.did("vacuumdb")[0]
    making.complete(played.having(to=17), played.job.server, played.root / "nothing")
    assert "--missing-stats-only" not in played.did("vacuumdb")[1]


def test_a_difference_is_a_failure(played: Member) -> None:
    counts = played.root / "counts"
    counts.touch()
    played.rule("psql", "FROM ONLY public.issue", [2, "7"])
    read = rehearsal.content.read_all
    answers = iter([read(played.job.server), {}])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsal.content, "read_all", lambda _: next(answers))
        with pytest.raises(RestoreError, match=r"forge: public.issue is missing"):
            rehearsal.rehearse(played.job)
    assert [path.name for path in played.base.iterdir()] == ["17"]


def test_a_copy_that_does_not_start(played: Member) -> None:
    place = played.root / "place"
    place.mkdir()
    (place / "17.log").write_text("FATAL: out of memory\n")
    played.rule("pg_ctl", "start", "!could not start")
    with (
        pytest.raises(RestoreError, match="out of memory"),
        copy.serving(played.job, 17, played.job.data(17), place),
    ):
        pass


def test_a_copy_that_was_left_behind(played: Member) -> None:
    left = played.root / "left"
    left.mkdir()
    copy.stop(played.job, 17, left)
    assert played.did("pg_ctl") == []
    (left / "postmaster.pid").touch()
    played.rule("pg_ctl", "stop", "!no such process")
    copy.stop(played.job, 17, left)
    assert "--mode=immediate" in played.did("pg_ctl")[0]


def test_where_it_cannot_be_rehearsed(played: Member) -> None:
    with pytest.raises(RestoreError, match="This is PostgreSQL 17 already"):
        rehearsal.rehearse(played.having(to=17))
    played.having(to=18)
    played.leads()
    with pytest.raises(RestoreError, match="no replica that runs"):
        rehearsal.rehearse(played.job)


def test_one_at_a_time(played: Member) -> None:
    with played.job.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RestoreError, match="Another rehearsal, or an upgrade, is at work here"):
            rehearsal.rehearse(played.job)


def test_nothing_to_remove(tmp_path: Path) -> None:
    making.remove(tmp_path / "nothing")
