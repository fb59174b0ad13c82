"""What runs leave for those that follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from restore_drill.settings import RestoreError, read_settings
from restore_drill.state import Result, State

if TYPE_CHECKING:
    from .played import Host

GOOD = Result(ended=5000, success=True, duration=7, snapshot=1, tables=136, rows=42, backup_age=3600)
BAD = Result(ended=6000, success=False, duration=2)


def test_a_success_is_told_with_its_figures(host: Host) -> None:
    State(host.settings).publish(GOOD)
    assert host.metrics() == {
        "last_success_timestamp_seconds": 5000,
        "last_run_timestamp_seconds": 5000,
        "success": 1,
        "duration_seconds": 7,
        "snapshot_seconds": 1,
        "tables": 136,
        "rows": 42,
        "backup_age_seconds": 3600,
    }
    assert (host.directory / "metrics/postgresql-restore.prom").stat().st_mode & 0o777 == 0o644


def test_a_failure_does_not_make_the_last_success_newer(host: Host) -> None:
    State(host.settings).publish(GOOD)
    State(host.settings).publish(BAD)
    told = host.metrics()
    assert told["success"] == 0
    assert told["last_success_timestamp_seconds"] == 5000
    assert told["last_run_timestamp_seconds"] == 6000
    assert "rows" not in told


def test_whose_turn_it_was_not_tells_its_last_success_alone(host: Host) -> None:
    State(host.settings).publish(None)
    assert host.metrics() == {"last_success_timestamp_seconds": 0}
    State(host.settings).publish(GOOD)
    State(host.settings).publish(None)
    assert host.metrics() == {"last_success_timestamp_seconds": 5000}


def test_one_run_at_a_time(host: Host) -> None:
    with (
        State(host.settings).only_run(),
        pytest.raises(RestoreError, match="Another run on this host ends: not within 0"),
        State(host.settings).only_run(),
    ):
        pass


def test_notes(host: Host) -> None:
    state = State(host.settings)
    assert state.noted("run") is None
    state.note("run", {"started": 1})
    assert state.noted("run") == {"started": 1}
    state.forget("run")
    state.forget("run")
    assert state.noted("run") is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read"), ("{}", "has no 'stanza'"), ("[]", "not as Ansible"), ("{", "not as Ansible")],
)
def test_settings_that_cannot_be_used(host: Host, content: str | None, problem: str) -> None:
    path = host.directory / "other.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RestoreError, match=problem):
        read_settings(path)
