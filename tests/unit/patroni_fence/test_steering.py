"""etcd's leadership goes away from the primary's host, once."""

from __future__ import annotations

from typing import Any

import pytest
from patroni_fence.etcd import EtcdUnavailableError
from patroni_fence.steering import steer

from .memory import Client, Memory, etcds

ADDRESSES = ("192.0.2.1", "192.0.2.2", "192.0.2.3")


@pytest.fixture
def etcd() -> Memory:
    return Memory(members=[*etcds(*ADDRESSES)])


def at(etcd: Memory, number: int) -> Client:
    return Client(etcd, [(ADDRESSES[number], 2379)])


def moves(etcd: Memory) -> list[Any]:
    return [what for kind, what in etcd.changes if kind == "transfer"]


def test_it_goes_to_another_member_and_stays_there(etcd: Memory) -> None:
    assert steer(at(etcd, 0))
    assert moves(etcd) == ["101"]
    assert not steer(at(etcd, 0))
    assert moves(etcd) == ["101"]


def test_who_does_not_have_it_does_not_move_it(etcd: Memory) -> None:
    assert not steer(at(etcd, 1))
    assert moves(etcd) == []


def test_it_goes_to_one_that_takes_it(etcd: Memory) -> None:
    etcd.unwilling = {"101"}
    assert steer(at(etcd, 0))
    assert moves(etcd) == ["102"]


def test_it_does_not_go_to_a_learner(etcd: Memory) -> None:
    etcd.members[1]["isLearner"] = True
    assert steer(at(etcd, 0))
    assert moves(etcd) == ["102"]


def test_when_nobody_takes_it_it_stays(etcd: Memory, caplog: pytest.LogCaptureFixture) -> None:
    etcd.unwilling = {"101", "102"}
    with caplog.at_level("INFO"):
        assert not steer(at(etcd, 0))
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "etcd's leadership does not go to etcd-1",
        "etcd's leadership does not go to etcd-2",
    ]


def test_while_etcd_has_no_leader_there_is_nothing_to_move(etcd: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(etcd, "_maintenance_status", lambda _: {})
    assert not steer(at(etcd, 0))


def test_an_etcd_that_is_away_is_told(etcd: Memory) -> None:
    etcd.is_away = True
    with pytest.raises(EtcdUnavailableError):
        steer(at(etcd, 0))
