"""A cluster that is whole, and each way in which it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.patroni.whole import (
    Limits,
    Sample,
    ailments,
    lowered,
    outage,
    primary,
    successors,
)

from tests.unit.played_cluster import member, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.aurore.infra.plugins.module_utils.patroni.whole import Session, View

LIMITS = Limits(lag=1000, transaction=60)


def view(cluster: Mapping[str, Any] | None = None, *sessions: Session, problems: tuple[str, ...] = ()) -> View:
    return {
        "cluster": whole() if cluster is None else cluster,
        "problems": [*problems],
        "sessions": [*sessions],
        "pending": {},
    }


def session(seconds: float = 0, *, is_backup: bool = False, application: str = "psql") -> Session:
    return {
        "pid": 42,
        "user": "forge",
        "database": "git",
        "application": application,
        "seconds": seconds,
        "is_backup": is_backup,
    }


def found(*members: dict[str, Any], **more: Any) -> list[str]:
    """The ailments of a cluster that every member sees like this."""
    cluster: dict[str, Any] = {"members": [*members] or whole()["members"], **more}
    return ailments({one["name"]: view(cluster) for one in cluster["members"]}, LIMITS)


def test_nothing_is_wrong_with_a_cluster_that_is_whole() -> None:
    assert found() == []
    assert found(member("a", "leader"), member("b", "sync_standby")) == []
    assert found(member("a", "leader"), member("b", lag=1000)) == []


@pytest.mark.parametrize(
    ("members", "more", "says"),
    [
        ([], {"pause": True}, "the cluster is paused: somebody is at work on it (patronictl resume)"),
        (
            [],
            {"scheduled_switchover": {"at": "2026-11-26T20:00:00"}},
            "a switchover is planned for 2026-11-26T20:00:00 (patronictl flush)",
        ),
        ([member("a"), member("b")], {}, "there is no primary"),
        ([member("a", "leader")], {}, "there is no replica"),
        ([member("a", "leader", state="starting"), member("b")], {}, "a, the primary, is starting"),
        (
            [member("a", "leader"), member("b", "replica", state="stopped", lag="unknown")],
            {},
            "b does not follow the primary: it is stopped",
        ),
        ([member("a", "leader"), member("b", lag=1001)], {}, "b is 1001 bytes behind the primary, and may be 1000"),
        (
            [member("a", "leader"), member("b", lag="unknown")],
            {},
            "b is unknown bytes behind the primary, and may be 1000",
        ),
        ([member("a", "leader"), member("b", "replica")], {}, "b is no synchronous replica yet"),
    ],
)
def test_each_ailment_is_told_once(members: list[dict[str, Any]], more: dict[str, Any], says: str) -> None:
    assert found(*members, **more) == [says]


def test_who_is_away_is_told() -> None:
    assert ailments({"gs": view(), "edc": view()}, LIMITS, members=["edc", "fleming", "gs", "xxl"]) == [
        "xxl is away: its host or its Patroni does not run, or does not reach etcd"
    ]
    assert ailments({"gs": view()}, LIMITS, members=["edc", "fleming", "gs"]) == []


def test_all_are_told_at_once() -> None:
    members = [member("a", "leader"), member("b", state="starting"), member("c", lag=5000)]
    assert len(found(*members, pause=True)) == 3


def test_whoever_sees_it_otherwise_is_told() -> None:
    views = {"edc": view(), "gs": view(whole("edc"))}
    assert ailments(views, LIMITS) == [
        "they do not agree on who is the primary: edc says gs, gs says edc",
    ]
    lost = {"edc": view(), "gs": view({"members": [member("edc"), member("gs")]})}
    assert "they do not agree on who is the primary: edc says gs, gs says nobody" in ailments(lost, LIMITS, stops=())


def test_who_does_not_answer_is_told() -> None:
    views = {"gs": view(), "edc": view() | {"cluster": None, "problems": ["Patroni does not answer"]}}
    assert ailments(views, LIMITS) == ["edc: Patroni does not answer"]


def test_a_transaction_counts_on_the_primary_and_on_whoever_is_stopped() -> None:
    views = {"gs": view(None, session(61)), "edc": view(None, session(3600, application=""))}
    on_gs = (
        "gs: a transaction of forge in git (psql) has run for 61 s, and may for 60: await its end, or "
        "SELECT pg_terminate_backend(42)"
    )
    assert ailments(views, LIMITS) == [on_gs]
    assert ailments(views, LIMITS, stops=()) == []
    assert [text[:60] for text in ailments(views, LIMITS, stops=("edc",))] == [
        "edc: a transaction of forge in git (without a name) has run "
    ]
    assert len(ailments(views, LIMITS, stops=("edc", "gs"))) == 2
    assert ailments({"gs": view(None, session(60))}, LIMITS) == []


def test_a_backup_is_not_interrupted() -> None:
    views = {"gs": view(None, session(is_backup=True))}
    assert ailments(views, LIMITS) == ["gs: a backup is being made, which would fail: await its end"]


def test_nobody_is_stopped_who_was_not_asked() -> None:
    assert ailments({"edc": view()}, LIMITS) == ["nobody has asked gs what it is doing"]


def test_the_next_primary_is_a_synchronous_replica() -> None:
    cluster = {"members": [member("a", "leader"), member("c"), member("b"), member("d", "replica")]}
    assert primary(cluster) == "a"
    assert successors(cluster) == ["b", "c"]
    assert successors(cluster, "b") == ["b"]
    for wanted in ("a", "d", "x"):
        with pytest.raises(ValueError, match=f"^{wanted} is no synchronous replica; these are: b, c$"):
            successors(cluster, wanted)


def test_only_what_no_replica_may_have_lower_is_lowered() -> None:
    pending = {
        "max_connections": {"old_value": "200", "new_value": "100"},
        "max_wal_senders": {"old_value": "10", "new_value": "12"},
        "shared_buffers": {"old_value": "2GB", "new_value": "1GB"},
        "max_worker_processes": {"old_value": "8", "new_value": "?"},
    }
    assert lowered(pending) == ["max_connections (200, wanted 100)"]
    assert lowered({}) == []


def test_an_outage_is_between_two_looks_at_which_somebody_accepted() -> None:
    looks = [(0.0, True), (0.1, True), (0.2, False), (0.9, False), (1.2, True), (1.3, True)]
    assert outage([Sample(*look) for look in looks]) == pytest.approx(1.1)
    assert outage([Sample(0, accepting=False)]) == 0
