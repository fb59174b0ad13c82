"""What a member has, and what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from postgresql_upgrade import controls, member, notes, real
from restore_drill.settings import RestoreError

from .played import cluster, room

if TYPE_CHECKING:
    from pathlib import Path

    from .played import Member

WHOLE = (("a", "leader", "running"), ("b", "quorum_standby", "streaming"))


def test_what_a_member_has(member_: Member) -> None:
    state = member.state(member_.job)
    assert state == {
        "name": "b",
        "clusters": {
            "17": {
                "identifier": "7",
                "state": "shut down in recovery",
                "end": 0x30000D8,
                "timeline": 2,
                "has_checksums": True,
                "segment": 16,
            }
        },
        "runs": 17,
        "leads": False,
        "note": None,
    }


def test_a_primary_says_so_before_it_answers(member_: Member) -> None:
    member_.rule("psql", "", "!the database system is starting up")
    member_.controls("in archive recovery")
    assert (member.state(member_.job)["runs"], member.state(member_.job)["leads"]) == (17, False)
    member_.controls("in production")
    assert (member.state(member_.job)["runs"], member.state(member_.job)["leads"]) == (17, True)


def test_a_copy_that_is_being_made_is_not_counted(member_: Member) -> None:
    member_.has(18)
    (member_.job.data(18) / "global/pg_control").unlink()
    assert [*member.state(member_.job)["clusters"]] == ["17"]


def test_what_it_has_noted(member_: Member) -> None:
    real.begin(member_.job, "a")
    member_.stops()
    state = member.state(member_.job)
    assert (state["runs"], state["leads"]) == (None, False)
    assert state["note"] == {
        "old": 17,
        "new": 18,
        "primary": "a",
        "identifier": "7",
        "way": "there",
        "place": "",
        "is_same": False,
        "is_over": False,
    }


def test_a_primary_has_what_its_last_checkpoint_has(member_: Member) -> None:
    member_.controls("shut down")
    assert controls.read(member_.job, 17, member_.job.data(17)).timeline == 1


def test_one_that_was_killed_does_not_run(member_: Member) -> None:
    member_.rule("pg_ctl", "status", "!no server running")
    assert member.runs(member_.job) is None


def test_data_that_says_nothing_of_itself(member_: Member) -> None:
    member_.rule("pg_controldata", "", "pg_control version number: 1700")
    with pytest.raises(RestoreError, match="does not say 'Database system identifier'"):
        controls.read(member_.job, 17, member_.job.data(17))


def test_nothing_stands_in_the_way(member_: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster(monkeypatch, *WHOLE)
    assert member.problems(member_.job, 2) == []
    member_.leads()
    assert member.problems(member_.job, 1) == []


def test_what_stands_in_the_way_of_all_members(member_: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    member_.rule("apt-cache", "", "postgresql-18:\n  Candidate: (none)")
    room(monkeypatch, 1000)
    packages, space = member.problems(member_.job, 1)
    assert packages == "b: there is no package postgresql-18. Which Debian has it, and does this host use it?"
    assert space.startswith("b: the disk has 0.0 GiB free, and 0.0 GiB are needed: the data, 0.0 GiB, is copied.")
    member_.rule("apt-cache", "", "")
    assert len(member.problems(member_.job, 1)) == 2
    member_.stops()
    assert member.problems(member_.job, 1) == ["b: PostgreSQL does not run."]


def test_what_stands_in_the_way_of_the_primary(member_: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    member_.leads()
    member_.rule("psql", "pg_prepared_xacts", [1, 2, 3])
    cluster(monkeypatch, ("a", "replica", "starting"), ("b", "leader", "running"), age=30 * 3600)
    whole, backup, prepared, logical, spaces = member.problems(member_.job, 1)
    assert whole.startswith("The cluster is not whole: a (replica, starting), b (leader, running).")
    assert backup.startswith("The last backup is 30 hours old: systemctl start pgbackrest-backup@full.service")
    assert "1 prepared transaction(s)" in prepared
    assert "2 logical replication slot(s)" in logical
    assert "tablespaces" in spaces


def test_no_backup(member_: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    member_.leads()
    monkeypatch.setattr(member.patroni, "members", lambda _: [])
    member_.rule("pgbackrest", "", [{"status": {"message": "no valid backups"}}])
    monkeypatch.setattr(member, "run", lambda *_, **__: '[{"status": {"message": "no valid backups"}}]')
    assert member._backup(member_.job) == ["The repository has no backup of aurore: no valid backups."]


def test_files_that_go_while_they_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("xyz")
    monkeypatch.setattr(type(tmp_path), "walk", lambda self: [(self, [], ["a", "gone"])])
    assert member.size(tmp_path) == 3


def test_places_can_be_compared() -> None:
    assert controls.place("1/0") > controls.place("0/FFFFFFFF")


def test_what_was_in_the_cluster_is_known_again(member_: Member) -> None:
    with pytest.raises(RestoreError, match="No upgrade to 18 has begun here"):
        notes.begun(member_.job)
    real.begin(member_.job, "a")
    assert notes.begun(member_.job).primary == "a"
    with pytest.raises(RestoreError, match="No upgrade to 19 has begun here"):
        notes.begun(member_.having(to=19))
