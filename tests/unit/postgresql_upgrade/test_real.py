"""The steps of the real upgrade, and of the way back, each of which can be done twice."""

from __future__ import annotations

import fcntl
import json
import threading
from typing import TYPE_CHECKING

import pytest
from postgresql_upgrade import __main__ as command
from postgresql_upgrade import job, making, notes, real
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from pathlib import Path

    from postgresql_upgrade.job import Job

    from .played import Member


@pytest.fixture
def begun(member_: Member) -> Member:
    """The primary, on which an upgrade has begun."""
    member_.leads()
    real.begin(member_.job, "b")
    return member_


@pytest.fixture
def stopped(begun: Member) -> Member:
    """The same, stopped after what it has was noted."""
    real.settle(begun.job)
    begun.stops()
    return begun


def killed(path: Path) -> None:
    """Be killed while something is removed."""
    if path.exists():
        raise KeyboardInterrupt


def make(job: Job, _version: int, _old: Path, new: Path, _place: Path) -> None:
    """Make data, for pg_upgrade."""
    (new / "global").mkdir(parents=True)
    (new / "PG_VERSION").write_text(f"{job.to}\n")
    (new / "global/pg_control").touch()


@pytest.fixture
def made(stopped: Member, monkeypatch: pytest.MonkeyPatch) -> Member:
    """The same, with the new version's data, which runs."""
    monkeypatch.setattr(making, "make", make)
    real.upgrade(stopped.job)
    stopped.runs(18)
    return stopped


def test_it_begins_only_where_it_can(member_: Member) -> None:
    with pytest.raises(RestoreError, match="This is PostgreSQL 17 already"):
        real.begin(member_.having(to=17), "b")
    member_.stops()
    with pytest.raises(RestoreError, match="does not run here"):
        real.begin(member_.having(to=18), "b")


def test_it_begins_anew_when_another_member_is_the_primary(stopped: Member) -> None:
    stopped.job.unfinished(18).mkdir(parents=True)
    stopped.runs(17)
    real.begin(stopped.job, "a")
    assert (notes.begun(stopped.job).primary, notes.begun(stopped.job).place) == ("a", "")
    assert not stopped.job.unfinished(18).exists()


def test_the_replicas_must_have_everything(begun: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    real.settle(begun.job)
    assert notes.begun(begun.job).place == "0/30000D8"
    assert set(notes.kept(begun.job)) == {"forge: public.issue", "forge: (large objects)"}
    assert "replay_lsn >= '0/30000D8'" in begun.did("psql")[-1] + "".join(begun.did("psql"))
    monkeypatch.setattr(real, "CATCHES_UP", 0)
    begun.rule("psql", "pg_stat_replication", 0)
    # Nothing was written since: they had it, and may be stopped by now.
    real.settle(begun.job)
    begun.rule("psql", "FROM ONLY public.issue", [3, "8"])
    with pytest.raises(RestoreError, match="All replicas have the log up to 0/30000D8: not within 0 seconds"):
        real.settle(begun.job)


def test_what_clients_still_do_is_ended_before_anybody_looks(begun: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    real.settle(begun.job)
    said = begun.did("psql")
    ended = next(n for n, sql in enumerate(said) if "pg_terminate_backend" in sql)
    assert "NOT rolsuper" in said[ended]
    assert ended < next(n for n, sql in enumerate(said) if "FROM ONLY public.issue" in sql)
    monkeypatch.setattr(real, "LET_GO", 0)
    begun.rule("psql", "pg_terminate_backend", [1])
    with pytest.raises(RestoreError, match="All sessions of clients have ended: not within 0 seconds"):
        real.close(begun.job)


def test_a_replica_that_was_stopped_too_early(begun: Member) -> None:
    begun.controls("shut down in recovery", end="0/30000D8")
    real.see_complete(begun.job, "0/30000D8")
    with pytest.raises(RestoreError, match=r"b has not all that the primary had \(shut down in recovery\)"):
        real.see_complete(begun.job, "0/30000D9")


def test_the_new_data_has_its_name_once_it_is_complete(stopped: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped.job.unfinished(18).mkdir(parents=True)
    (stopped.job.unfinished(18) / "half").touch()
    monkeypatch.setattr(making, "make", make)
    real.upgrade(stopped.job)
    assert stopped.job.versions() == [17, 18]
    assert not (stopped.job.data(18) / "half").exists()
    # Again: it is there.
    stopped.controls("in production")
    real.upgrade(stopped.job)


@pytest.mark.parametrize(
    ("state", "identifier", "said"),
    [
        ("in production", "7", "is in production, and must have been shut down"),
        ("shut down", "8", "is not what was noted"),
    ],
)
def test_data_that_must_not_be_upgraded(stopped: Member, state: str, identifier: str, said: str) -> None:
    stopped.controls(state, identifier)
    with pytest.raises(RestoreError, match=said):
        real.upgrade(stopped.job)


def test_what_was_not_noted_is_not_upgraded(begun: Member) -> None:
    begun.stops()
    with pytest.raises(RestoreError, match="is not what was noted"):
        real.upgrade(begun.job)


def test_both_have_the_same(made: Member) -> None:
    said = real.compare(made.job)
    assert said == ["PostgreSQL 18 has what 17 had: 1 tables and sequences with 2 rows, 0 large objects."]
    assert made.did("vacuumdb")
    # From now on clients may write.
    made.rule("psql", "FROM ONLY public.issue", [3, "8"])
    assert real.compare(made.job) == []


def test_the_others_note_that_they_have_the_same(begun: Member) -> None:
    real.confirm(begun.job)
    real.confirm(begun.job)
    assert notes.begun(begun.job).is_same


def test_a_difference_is_a_failure(made: Member) -> None:
    made.rule("psql", "FROM ONLY public.issue", [3, "8"])
    with pytest.raises(RestoreError, match=r"public.issue has rows 3 rather than 2"):
        real.compare(made.job)


def test_what_would_be_lost(made: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    real.compare(made.job)
    real.finish(made.job)
    assert real.losses(made.job, real.close(made.job)) == []
    made.rule("psql", "FROM ONLY public.issue", [3, "8"])
    made.rule("psql", "json_build_array(format('%I.%I'", '["public.issue", false]\n["public.new", false]')
    made.rule("psql", "FROM ONLY public.new", [1, "1"])
    assert real.losses(made.job, "0/0") == [
        "forge: public.issue: 2 rows before, 3 rows now",
        "forge: public.new: not there before, 1 rows now",
    ]
    # Another member may be the primary by now.
    monkeypatch.setattr(real, "CATCHES_UP", 0)
    made.rule("psql", "NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= '0/4000000'", [False])
    with pytest.raises(RestoreError, match="b has the log up to 0/4000000: not within 0 seconds"):
        real.losses(made.job, "0/4000000")
    made.stops(18)
    with pytest.raises(RestoreError, match="PostgreSQL 18 does not run here, where it is known what there was"):
        real.losses(made.job, "0/0")


def test_the_way_back(made: Member) -> None:
    real.compare(made.job)
    real.finish(made.job)
    with pytest.raises(RestoreError, match="or nobody wants to go back"):
        real.put_back(made.job)
    real.turn_back(made.job, "b")
    # The next run completes what was interrupted here.
    assert (notes.begun(made.job).way, notes.begun(made.job).is_over) == ("back", False)
    with pytest.raises(RestoreError, match="PostgreSQL 18 runs here"):
        real.put_back(made.job)
    made.stops(18)
    real.put_back(made.job)
    real.put_back(made.job)
    assert made.job.versions() == [17]
    # Before anybody has stopped it, another one may have become the primary.
    real.turn_back(made.job, "a")
    assert notes.begun(made.job).primary == "a"
    real.finish(made.job)
    assert not made.job.work.exists()


def test_a_member_that_is_new_since_loses_the_new_data_too(made: Member) -> None:
    making.remove(made.job.data(17))
    real.forget(made.job)
    with pytest.raises(RestoreError, match="PostgreSQL 18 runs here"):
        real.put_back(made.job)
    made.stops(18)
    real.put_back(made.job)
    assert made.job.versions() == []


def test_data_that_is_half_removed_has_not_its_name(made: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    real.turn_back(made.job, "b")
    made.stops(18)
    with monkeypatch.context() as patch:
        patch.setattr(making.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            real.put_back(made.job)
    # Nobody asks it what it is any more.
    assert made.job.versions() == [17]
    real.put_back(made.job)
    assert not made.job.unfinished(18).exists()


def test_the_old_data_goes_when_somebody_says_so(made: Member) -> None:
    with pytest.raises(RestoreError, match="The upgrade to 18 is not over here"):
        real.discard(made.job)
    real.compare(made.job)
    real.finish(made.job)
    assert real.discard(made.job) == [f"b: {made.job.data(17)} is gone, 0.0 GiB."]
    assert made.job.versions() == [18]
    # Its packages go next, and the next run has to know of which version they are.
    assert real.discard(made.job) == [f"b: {made.job.data(17)} is gone, 0.0 GiB."]
    assert notes.begun(made.job).old == 17
    real.forget(made.job)
    assert notes.noted(made.job) is None


GIVEN = '{"to": 18, "members": 2, "backup_hours": 26, "processes": 2}'


def test_what_ansible_says_and_hears(
    member_: Member, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "read_settings", lambda: member_.job.settings)
    monkeypatch.setattr(command.job, "read", lambda *_: member_.job)
    assert command.main("state", GIVEN) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 17
    assert command.main("begin", GIVEN, "a") == 0
    assert capsys.readouterr().out == "null\n"
    assert notes.begun(member_.job).primary == "a"
    member_.stops()
    assert command.main("problems", GIVEN, "2") == 0
    assert json.loads(capsys.readouterr().out) == ["b: PostgreSQL does not run."]
    assert command.main("rehearse", GIVEN) == 1
    assert capsys.readouterr().err == "This member is no replica that runs: rehearse on one.\n"


def test_where_an_upgrade_stands_is_asked_when_no_step_is_at_work(
    begun: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "read_settings", lambda: begun.job.settings)
    monkeypatch.setattr(command.job, "read", lambda *_: begun.job)
    asked = threading.Thread(target=command.main, args=("state", GIVEN))
    with begun.job.lock.open("w") as step:
        fcntl.flock(step, fcntl.LOCK_EX)
        asked.start()
        asked.join(0.3)
        assert asked.is_alive()
    asked.join(10)
    assert not asked.is_alive()


@pytest.mark.parametrize("text", ["{}", "[", GIVEN.replace("18", '"x"')])
def test_a_job_that_cannot_be_read(member_: Member, text: str) -> None:
    with pytest.raises(RestoreError, match="The job is not as Ansible writes it"):
        job.read(text, member_.job.settings)
