"""Whether a member may begin anew."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.patroni.removal import obstacles


def view(**members: str) -> list[dict[str, Any]]:
    """The members as Patroni shows them: role and state of each."""
    found = ((name, *words.split()) for name, words in members.items())
    return [{"name": name, "role": role, "state": state} for name, role, state in found]


SOUND = view(north="leader running", south="quorum_standby streaming", east="quorum_standby streaming")


def test_a_replica_may_go() -> None:
    assert obstacles([SOUND, SOUND], "east") == []


def test_a_replica_that_is_broken_may_go() -> None:
    broken = view(north="leader running", south="quorum_standby streaming", east="replica stopped")
    assert obstacles([broken], "east") == []


def test_the_primary_stays() -> None:
    assert obstacles([SOUND, SOUND], "north") == [
        "none of the others is the primary: there is nothing to copy north from",
        "north is the primary: playbooks/operations/switchover_postgresql.yml first, or await the failover",
    ]


def test_without_a_primary_nobody_goes() -> None:
    headless = view(north="replica running", south="replica running", east="replica running")
    assert obstacles([headless], "east") == [
        "none of the others is the primary: there is nothing to copy east from",
        "north is replica, running: with east gone as well, nothing could be written",
        "south is replica, running: with east gone as well, nothing could be written",
    ]


@pytest.mark.parametrize("south", ["replica stopped", "replica running", "replica streaming"])
def test_the_last_replica_that_works_stays(south: str) -> None:
    torn = view(north="leader running", south=south, east="quorum_standby streaming")
    said = f"south is {south.replace(' ', ', ')}: with east gone as well, nothing could be written"
    assert obstacles([SOUND, torn], "east") == [said]


def test_a_primary_that_does_not_run_is_not_enough() -> None:
    torn = view(north="leader starting", south="quorum_standby streaming", east="quorum_standby streaming")
    assert obstacles([torn], "east") == ["north is leader, starting: with east gone as well, nothing could be written"]
