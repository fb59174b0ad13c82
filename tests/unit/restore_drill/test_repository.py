"""What is in the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from restore_drill.repository import Backup, backups, chosen, newest_timeline, see_room
from restore_drill.settings import RestoreError

from .played import backup

if TYPE_CHECKING:
    from .played import Host


def test_the_latest_backup_is_the_last(host: Host) -> None:
    host.backups.insert(0, backup("b", 2000))
    assert [one.label for one in backups(host.run, host.settings)] == ["20261126-020000F", "b"]


def test_a_backup_of_another_version_is_none(host: Host) -> None:
    host.archived[2] = None
    host.backups.append(backup("b", 2000, database=2))
    assert [one.label for one in backups(host.run, host.settings)] == ["b"]


def test_a_repository_without_backups_says_so(host: Host) -> None:
    host.backups = []
    with pytest.raises(RestoreError, match="no valid backups"):
        backups(host.run, host.settings)


def test_after_a_major_upgrade_the_old_histories_do_not_count(host: Host) -> None:
    host.archived = {1: "000000070000000000000099", 2: "000000020000000000000003"}
    assert newest_timeline(host.run, host.settings) == "2"


def test_of_a_version_that_has_archived_nothing_there_is_no_history(host: Host) -> None:
    host.archived[2] = None
    with pytest.raises(RestoreError, match="nothing of the version that runs now"):
        newest_timeline(host.run, host.settings)


def test_which_backup_was_restored() -> None:
    assert chosen("P00   INFO: repo1: restore backup set 20261126-020000F_20261127-020000D\nmore") == (
        "20261126-020000F_20261127-020000D"
    )
    with pytest.raises(RestoreError, match="did not say"):
        chosen("nothing")


def test_a_copy_needs_room(host: Host) -> None:
    see_room(host.directory, Backup("a", 0, 4096), 1)
    with pytest.raises(RestoreError, match="No room for a copy"):
        see_room(host.directory, Backup("a", 0, 2**60), 1)
