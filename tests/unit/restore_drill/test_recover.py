"""The whole cluster is restored, in steps that can be interrupted."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from restore_drill import recover
from restore_drill.settings import RestoreError
from restore_drill.target import Target

from .played import CONTROLS, Killed, backup

if TYPE_CHECKING:
    from pathlib import Path

    from .played import Host

TARGET = Target("time", "2026-11-26 09:00:00.000000+00")


def do(host: Host, target: Target = TARGET) -> Path | None:
    return recover.recover(host.settings, host.run, target)


def restored(host: Host) -> bool:
    return (host.data / "restored").exists()


def test_the_old_data_is_kept_beside(host: Host) -> None:
    aside = do(host)
    assert aside
    assert (aside / "PG_VERSION").exists()
    assert restored(host)
    assert not (host.data / "postmaster.pid").exists()
    assert host.ran("ALTER SYSTEM RESET recovery_target_time")
    starts = [line for line in host.said if "pg_ctl start" in line]
    assert all("archive_mode=off" in line for line in starts)
    # On the way it has more connections than any cluster, at the end what it had.
    assert ["max_wal_senders=32" in line for line in starts] == [True, False]
    assert ["max_connections=720" in line for line in starts] == [True, True]


def test_there_may_be_no_old_data(host: Host) -> None:
    shutil.rmtree(host.data)
    assert do(host) is None
    assert restored(host)


@pytest.mark.parametrize("moment", [" restore", "pg_ctl start", "ALTER SYSTEM", "pg_ctl stop"])
def test_a_run_that_was_interrupted_is_completed_by_the_next(host: Host, moment: str) -> None:
    host.dies = moment
    with pytest.raises(Killed):
        do(host)
    host.dies = ""
    # A history that came from another run may be in the archive meanwhile.
    host.archived[1] = "0000000B0000000000000042"
    aside = do(host)
    assert aside
    restores = [line for line in host.said if line.endswith(" restore ")]
    assert restores
    assert all("--target-timeline=10" in line for line in restores)
    assert (aside / "PG_VERSION").exists()
    assert restored(host)
    # And once more: it changes nothing.
    said = len(host.said)
    assert do(host) == aside
    assert [line for line in host.said[said:] if "pg_controldata" not in line] == []
    recover.done(host.settings)
    assert do(host) != aside


def test_a_run_that_was_interrupted_before_the_data_was_moved(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_self: object, _to: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.rename", killed)
        patched.setattr("restore_drill.state.State.note", lambda *_: None)
        with pytest.raises(Killed):
            do(host)
    assert do(host)


def test_a_point_that_cannot_be_reached_leaves_the_old_data(host: Host) -> None:
    host.fails["pg_ctl start"] = "recovery ended before configured recovery target was reached"
    with pytest.raises(RestoreError, match=r"recovery ended(.|\n)*restore-drill abandon"):
        do(host)
    with pytest.raises(RestoreError, match="Another restore is half done"):
        do(host, Target("default"))
    host.fails.clear()
    aside = recover.abandon(host.settings, host.run)
    assert aside
    assert not aside.exists()
    assert (host.data / "PG_VERSION").exists()
    assert not restored(host)
    with pytest.raises(RestoreError, match="No restore is half done"):
        recover.abandon(host.settings, host.run)
    assert do(host, Target("default"))


def test_what_the_cluster_works_with_cannot_be_abandoned(host: Host) -> None:
    recover.hand_over(host.settings)
    aside = do(host)
    recover.hand_over(host.settings)
    with pytest.raises(RestoreError, match="has worked with the restored data"):
        recover.abandon(host.settings, host.run)
    assert restored(host)
    assert do(host) == aside


def test_once_the_cluster_works_with_one_another_may_begin(host: Host) -> None:
    first = do(host)
    recover.hand_over(host.settings)
    assert recover.status(host.settings, host.run, TARGET)["begun"]["handed_over"] is True
    later = Target("default")
    told = recover.status(host.settings, host.run, later)
    assert (told["begun"], told["obstacle"]) == (None, "")
    second = do(host, later)
    assert second
    assert second != first
    assert restored(host)
    # From here on it is the one that is half done.
    assert "Another restore is half done here" in recover.status(host.settings, host.run, TARGET)["obstacle"]


def test_what_others_have_worked_with_since_is_restored_anew(host: Host) -> None:
    """Somebody has started Patroni, which made a replica of the old history of it."""
    aside = do(host)
    assert aside
    (host.data / "worked").touch()
    host.controls = CONTROLS.replace("0/4000028", "0/5000028")
    assert do(host) == aside
    assert restored(host)
    assert not (host.data / "worked").exists()
    assert (aside / "PG_VERSION").exists()
    # Where the cluster works with it, that is as it should be.
    recover.hand_over(host.settings)
    (host.data / "worked").touch()
    host.controls = CONTROLS
    assert do(host) == aside
    assert (host.data / "worked").exists()


def test_how_far_the_others_are_is_noted(host: Host) -> None:
    do(host)
    recover.hand_over(host.settings)
    assert recover.status(host.settings, host.run, TARGET)["begun"]["cleared"] is False
    recover.cleared(host.settings)
    assert recover.status(host.settings, host.run, TARGET)["begun"]["cleared"] is True


@pytest.mark.parametrize(
    ("moment", "label", "obstacle"),
    [
        ("1970-01-01 00:16:39.000000+00", "", "before the end of the first backup (1970-01-01 00:16:40Z)"),
        ("1970-01-01 00:33:19.000000+00", "later", "before the end of that backup (1970-01-01 00:33:20Z)"),
        ("2999-01-01 00:00:00.000000+00", "", "yet to come"),
    ],
)
def test_a_moment_without_a_way_to_it_is_told_before_anything_stops(
    host: Host, moment: str, label: str, obstacle: str
) -> None:
    host.backups.append(backup("later", 2000))
    assert obstacle in recover.status(host.settings, host.run, Target("time", moment), label)["obstacle"]
    assert recover.status(host.settings, host.run, Target("name", "before"), label)["obstacle"] == ""


def test_members_that_all_follow_are_known(host: Host) -> None:
    recover.followed(host.settings)
    aside = do(host)
    recover.hand_over(host.settings)
    recover.followed(host.settings)
    assert datetime.fromisoformat(recover.status(host.settings, host.run, TARGET)["begun"]["followed"])
    assert recover.done(host.settings) == aside
    assert recover.done(host.settings) is None
    assert recover.status(host.settings, host.run, TARGET)["begun"] is None


def test_a_restore_that_had_nothing_to_keep_is_abandoned(host: Host) -> None:
    shutil.rmtree(host.data)
    host.dies = "pg_ctl start"
    with pytest.raises(Killed):
        do(host)
    assert recover.abandon(host.settings, host.run) is None


def test_data_in_use_is_left_alone(host: Host) -> None:
    (host.data / "postmaster.pid").write_text("1\n")
    with pytest.raises(RestoreError, match="stop Patroni"):
        do(host)
    assert (host.data / "PG_VERSION").exists()


def test_without_room_nothing_is_moved(host: Host) -> None:
    host.backups[0]["info"] = {"size": 2**60}
    with pytest.raises(RestoreError, match="No room"):
        do(host)
    assert (host.data / "PG_VERSION").exists()
    host.backups[0]["info"] = {"size": 1}
    assert do(host)


def test_what_a_restore_would_do(host: Host) -> None:
    told = recover.status(host.settings, host.run, TARGET)
    assert told["begun"] is None
    assert told["backups"] == [{"label": "20261126-020000F", "ended": "1970-01-01 00:16:40Z"}]
    assert told["size"] == 4096
    assert told["aside"] == []
    aside = do(host)
    told = recover.status(host.settings, host.run, TARGET)
    assert "Latest checkpoint location:           0/4000028" in told["begun"]["recovered"]
    assert told["aside"] == [str(aside)]


def test_a_backup_to_begin_with(host: Host) -> None:
    assert recover.recover(host.settings, host.run, TARGET, "20261125-020000F")
    assert host.ran("--set=20261125-020000F")
