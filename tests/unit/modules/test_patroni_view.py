"""What a member knows, as a playbook sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.modules import patroni_view

from tests.unit.module_call import call
from tests.unit.played_cluster import PlayedCluster

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.https import Proofs, Server


@pytest.fixture
def played(
    tmp_path: Path, serve: Callable[..., Server], proofs: Proofs, monkeypatch: pytest.MonkeyPatch
) -> PlayedCluster:
    made = PlayedCluster(tmp_path, serve, proofs)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")
    return made


def test_a_member_of_a_cluster_that_is_whole(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    played.pending = {"max_connections": {"old_value": "200", "new_value": "100"}}
    played.says([{"pid": 1, "seconds": 900}])
    said = call(patroni_view, capsys, config=played.config("edc"))
    assert (said["changed"], said["ailments"], said["primary"]) == (False, [], "gs")
    assert said["lowered"] == ["max_connections (200, wanted 100)"]
    assert said["view"]["sessions"] == [{"pid": 1, "seconds": 900}]


def test_a_member_that_does_not_answer(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    config = played.config("edc")
    played.servers["edc"].silent = True
    said = call(patroni_view, capsys, config=config)
    assert said["primary"] == ""
    assert said["msg"] == said["ailments"][0]
    assert said["msg"].startswith("edc: Patroni at ")


def test_a_replica_that_is_behind(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    played.cluster["members"][0]["lag"] = 20
    config = played.config("gs")
    assert call(patroni_view, capsys, config=config)["ailments"] == []
    assert call(patroni_view, capsys, config=config, max_lag=19)["ailments"] == [
        "edc is 20 bytes behind the primary, and may be 19"
    ]


def test_a_member_that_is_away(played: PlayedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(patroni_view, capsys, config=played.config("gs"), members=["edc", "fleming", "gs", "xxl"])
    assert said["msg"].endswith("xxl is away: its host or its Patroni does not run, or does not reach etcd")


def test_a_host_without_patroni(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = call(patroni_view, capsys, config=str(tmp_path / "config.yml"))
    assert said["failed"]
    assert "No such file" in said["msg"]
