"""Who is who, and whose turn it is."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from restore_drill.patroni import Member, members, parse, primary, whose_turn
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from .played import Host

DAY = date(2026, 11, 26)


def member(name: str, role: str = "quorum_standby", state: str = "streaming") -> Member:
    return Member(name, role, state, "192.0.2.1", 5432)


def test_what_patroni_answers() -> None:
    one = {"name": "a", "role": "leader", "state": "running", "host": "192.0.2.1", "port": 5432, "timeline": 3}
    found = parse({"members": [one, {"name": "b", "role": "replica", "state": "starting"}]})
    assert found == [Member("a", "leader", "running", "192.0.2.1", 5432)]
    assert primary(found).name == "a"


def test_each_replica_has_its_day() -> None:
    found = [member("c"), member("a", "leader", "running"), member("b")]
    assert {whose_turn(found, DAY), whose_turn(found, DAY + timedelta(days=1))} == {"b", "c"}


def test_whoever_asks_gets_the_same_answer() -> None:
    assert whose_turn([member("b"), member("c")], DAY) == whose_turn([member("c"), member("b")], DAY)


def test_it_is_nobodys_turn_without_a_replica_that_follows() -> None:
    assert whose_turn([member("a", "leader", "running"), member("b", state="stopped")], DAY) is None


def test_there_may_be_no_primary() -> None:
    with pytest.raises(RestoreError, match="no primary"):
        primary([member("a"), member("b", "leader", "stopped")])


def test_patroni_may_not_answer(host: Host) -> None:
    with pytest.raises(RestoreError, match="who is who"):
        members(host.settings)
