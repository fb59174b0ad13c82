"""Another member becomes the primary, or it is said why not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.modules import patroni_switchover

from tests.unit.module_call import call
from tests.unit.played_cluster import NAMES, PlayedCluster, member, whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.https import Proofs, Server

NOBODY = {"members": [member(name) for name in NAMES]}


@pytest.fixture
def played(
    tmp_path: Path, serve: Callable[..., Server], proofs: Proofs, monkeypatch: pytest.MonkeyPatch
) -> PlayedCluster:
    made = PlayedCluster(tmp_path, serve, proofs)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")
    return made


def switchovers(played: PlayedCluster) -> list[Any]:
    return [one.content for server in played.servers.values() for one in server.asked if one.path == "/switchover"]


def test_the_primary_hands_its_place_over(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    followed: list[threading.Timer] = []

    def switch(wish: dict[str, str]) -> str:
        # Nobody is the primary for a moment; the old one follows a moment later.
        played.cluster = NOBODY
        threading.Event().wait(0.3)
        played.cluster = whole(wish["candidate"])
        played.cluster["members"][2] |= {"state": "starting"}
        followed.append(threading.Timer(0.2, lambda: played.cluster["members"][2].update(state="streaming")))
        followed[0].start()
        return "Successfully switched over"

    played.switch = switch
    said = call(patroni_switchover, capsys, config=played.config("gs"), to="fleming")
    assert (said["changed"], said["previous"], said["primary"]) == (True, "gs", "fleming"), said
    assert 0.3 <= said["outage"] < 3
    assert switchovers(played) == [{"leader": "gs", "candidate": "fleming"}]
    followed[0].join()


def test_the_replicas_find_out_who_is_first(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    def switch(_: dict[str, str]) -> str:
        played.cluster = whole("edc")
        return "Successfully switched over"

    played.switch = switch
    assert call(patroni_switchover, capsys, config=played.config("gs"))["primary"] == "edc"
    assert switchovers(played) == [{"leader": "gs"}]


def test_a_check_says_who_it_would_be(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    config = played.config("gs")
    said = call(patroni_switchover, capsys, check=True, config=config)
    assert (said["changed"], said["previous"], said["primary"], said["outage"]) == (True, "gs", "edc or fleming", 0)
    assert call(patroni_switchover, capsys, check=True, config=config, to="edc")["primary"] == "edc"
    assert switchovers(played) == []


def test_there_is_nothing_to_do_where_it_is_the_primary(
    played: PlayedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    # Even where another one is not well.
    played.cluster["members"][0]["state"] = "stopped"
    said = call(patroni_switchover, capsys, config=played.config("edc"), to="gs")
    assert (said["changed"], said["previous"], said["primary"]) == (False, "gs", "gs")


def test_it_refuses_with_all_reasons_at_once(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    played.cluster["members"][0]["state"] = "stopped"
    played.cluster["members"][1]["lag"] = 900
    session = {"pid": 7, "user": "forge", "database": "git", "application": "", "is_backup": False}
    played.says([session | {"seconds": 31}])
    config = played.config("gs")
    said = call(patroni_switchover, capsys, config=config, max_lag=800, max_transaction=30)
    assert said["failed"]
    assert said["reasons"] == [
        "edc does not follow the primary: it is stopped",
        "fleming is 900 bytes behind the primary, and may be 800",
        "gs: a transaction of forge in git (without a name) has run for 31 s, and may for 30: await its end, or "
        "SELECT pg_terminate_backend(7)",
    ]
    assert all(reason in said["msg"] for reason in said["reasons"])
    assert switchovers(played) == []


def test_it_refuses_who_cannot_be_the_primary(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(patroni_switchover, capsys, config=played.config("gs"), to="git")
    assert said["reasons"] == ["git is no synchronous replica; these are: edc, fleming"]


def test_it_refuses_where_nobody_knows_what_the_primary_is_doing(
    played: PlayedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(patroni_switchover, capsys, config=played.config("edc"))["reasons"] == [
        "nobody has asked gs what it is doing"
    ]
    played.server_fails("no socket")
    assert call(patroni_switchover, capsys, config=played.config("gs"))["reasons"] == [
        "gs: PostgreSQL does not answer: no socket"
    ]
    config = played.config("gs")
    played.servers["gs"].silent = True
    said = call(patroni_switchover, capsys, config=config)
    assert "does not answer" in said["reasons"][0]


def test_what_patroni_refuses_is_told(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(patroni_switchover, capsys, config=played.config("gs"))
    assert said["failed"]
    assert "412 switchover is not possible: no good candidates have been found" in said["msg"]


@pytest.mark.parametrize(("after", "now"), [(whole("edc"), "edc"), (NOBODY, "nobody")])
def test_another_one_than_wanted_is_told(
    played: PlayedCluster, capsys: pytest.CaptureFixture[str], after: dict[str, Any], now: str
) -> None:
    def switch(_: dict[str, str]) -> str:
        played.cluster = after
        return 'Switched over to "edc" instead of "fleming"'

    played.switch = switch
    said = call(patroni_switchover, capsys, config=played.config("gs"), to="fleming", patience=0)
    assert said["failed"]
    assert f'{now} is the primary, and not fleming: Switched over to "edc" instead' in said["msg"]


def test_who_does_not_follow_is_told(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    def switch(wish: dict[str, str]) -> str:
        played.cluster = whole(wish["candidate"])
        played.cluster["members"][2]["state"] = "start failed"
        return "Successfully switched over"

    played.switch = switch
    said = call(patroni_switchover, capsys, config=played.config("gs"), to="edc", patience=0)
    assert said["failed"]
    assert "edc is the primary, but gs does not follow the primary: it is start failed" in said["msg"]


def test_a_member_that_is_gone_accepts_nothing(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    def switch(wish: dict[str, str]) -> str:
        played.servers["fleming"].silent = True
        played.cluster = whole(wish["candidate"])
        return "Successfully switched over"

    played.switch = switch
    assert call(patroni_switchover, capsys, config=played.config("gs"), to="edc")["primary"] == "edc"


def test_a_host_without_patroni(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(patroni_switchover, capsys, config=str(tmp_path / "config.yml"))
    assert said["failed"]
    assert "No such file" in said["msg"]
