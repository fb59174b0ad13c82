"""The rehearsal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from restore_drill import drill, patroni
from restore_drill.settings import RestoreError
from restore_drill.state import State

from .played import LSN, Killed

if TYPE_CHECKING:
    from .played import Host

MEMBERS = [
    patroni.Member("p", "leader", "running", "192.0.2.9", 5432),
    patroni.Member("a", "quorum_standby", "streaming", "192.0.2.1", 5432),
]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patroni is played, and nobody sleeps."""
    monkeypatch.setattr(drill.patroni, "members", lambda _settings: MEMBERS)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


def rehearsed(host: Host, **options: Any) -> bool:
    return drill.drill(host.settings, host.run, here=options.get("here", False))


def test_a_copy_that_has_the_same_is_a_success(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert rehearsed(host)
    told = host.metrics()
    assert (told["success"], told["tables"], told["rows"]) == (1, 1, 2)
    assert told["last_success_timestamp_seconds"] == told["last_run_timestamp_seconds"]
    assert "The copy has the same." in capsys.readouterr().out
    assert not host.settings.scratch.exists()
    assert State(host.settings).noted("run") is None
    restored = next(line for line in host.said if "pgbackrest" in line and " restore" in line)
    assert f"--type=lsn --target={LSN} --target-action=pause --target-exclusive --target-timeline=3" in restored
    assert "--archive-mode=off" in restored
    assert host.ran("pg_amcheck")
    assert host.ran("host='192.0.2.9' port='5432' user='rewind' sslmode='verify-full'")


def test_it_may_be_another_hosts_turn(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    other = patroni.Member("z", "quorum_standby", "streaming", "192.0.2.2", 5432)
    monkeypatch.setattr(drill.patroni, "members", lambda _settings: [MEMBERS[0], other])
    assert rehearsed(host)
    assert not host.ran("pgbackrest")
    assert "success" not in host.metrics()
    assert rehearsed(host, here=True)
    assert host.metrics()["success"] == 1


def test_it_may_be_nobodys_turn(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drill.patroni, "members", lambda _settings: MEMBERS[:1])
    assert rehearsed(host)
    assert "nobody's turn" in capsys.readouterr().out


def failed(host: Host, capsys: pytest.CaptureFixture[str]) -> str:
    """Rehearse, and see that monitoring is told of the failure; what is said of it."""
    assert not rehearsed(host)
    assert host.metrics()["success"] == 0
    assert host.metrics()["last_success_timestamp_seconds"] == 0
    assert not host.settings.scratch.exists()
    return capsys.readouterr().err


def test_a_copy_that_differs(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.answers("copy", {"ready": LSN}, {"name": "public.issue", "rows": 1, "sum": "6", "sampled": False})
    assert "forge: public.issue has rows 1 rather than 2" in failed(host, capsys)


def test_a_backup_that_cannot_be_restored(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.fails["pgbackrest --stanza=aurore --log-level-console=info"] = "ERROR: [027]: checksum mismatch"
    assert "checksum mismatch" in failed(host, capsys)


def test_a_damaged_index(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.fails["pg_amcheck"] = "item order invariant violated"
    assert "invariant violated" in failed(host, capsys)


def test_a_log_that_does_not_arrive(
    host: Host, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    host.value("last_archived_wal", None)
    monkeypatch.setattr(drill.archive, "ARCHIVED_WITHIN", 0)
    assert "arrives in the archive: not within" in failed(host, capsys)


def test_a_copy_that_stands_elsewhere(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.value("json_build_array(pg_last_wal_replay_lsn())", "0/9")
    assert "stands at 0/9 rather than at 0/3000060" in failed(host, capsys)


def test_this_member_may_be_no_replica(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.value("received_tli", None)
    assert "no replica that follows" in failed(host, capsys)


def test_a_moment_is_looked_for(host: Host) -> None:
    """Tables are locked first, then somebody lets the replica go, then all is well."""
    seen = iter([None, LSN, "0/3000100"])
    host.value("pg_locks", lambda: next(seen, LSN))
    assert rehearsed(host)
    assert sum("pg_wal_replay_pause()" in line for line in host.said) == 3
    assert sum("pg_wal_replay_resume()" in line for line in host.said) == 3


def test_there_may_be_no_moment(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.value("pg_locks", None)
    assert "no moment" in failed(host, capsys)
    assert host.said[-1].count("pg_wal_replay_resume") == 1


def test_a_snapshot_that_is_cut_short_is_taken_again(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.answers("live", {"ready": LSN}, "!ERROR: canceling statement due to conflict with recovery")
    assert "cut each snapshot short" in failed(host, capsys)
    assert sum("pg_wal_replay_pause()" in line for line in host.said) == drill.READINGS


def test_a_script_that_fails_for_another_reason_is_not_repeated(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.answers("live", {"ready": LSN}, "!ERROR: invalid page in block 7")
    assert "invalid page" in failed(host, capsys)
    assert sum("pg_wal_replay_pause()" in line for line in host.said) == 1


def test_a_run_that_is_killed_has_failed_and_hinders_nobody(host: Host) -> None:
    host.dies = "pg_amcheck"
    with pytest.raises(Killed):
        rehearsed(host)
    assert host.settings.scratch.exists()
    host.dies = ""
    drill.cleanup(host.settings, host.run)
    assert host.metrics()["success"] == 0
    assert not host.settings.scratch.exists()
    assert rehearsed(host)
    drill.cleanup(host.settings, host.run)
    assert host.metrics()["success"] == 1


def test_what_cannot_be_removed_is_told(host: Host) -> None:
    host.dies = "pg_amcheck"
    with pytest.raises(Killed):
        rehearsed(host)
    host.fails["pg_ctl stop"] = "it does not stop"
    with pytest.raises(RestoreError, match="does not stop"):
        drill.cleanup(host.settings, host.run)
    assert host.metrics()["success"] == 0
