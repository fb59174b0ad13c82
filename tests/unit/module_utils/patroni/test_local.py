"""A member is asked by its own configuration."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.patroni.local import read
from ansible_collections.aurore.infra.plugins.module_utils.patroni.rest import PatroniError

from tests.unit.played_cluster import PlayedCluster, whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.https import Proofs, Server


@pytest.fixture
def played(tmp_path: Path, serve: Callable[..., Server], proofs: Proofs) -> PlayedCluster:
    return PlayedCluster(tmp_path, serve, proofs)


def silent(_: list[str]) -> tuple[int, str, str]:
    return 0, "[]\n", ""


def test_all_of_it(played: PlayedCluster) -> None:
    played.pending = {"max_connections": {"old_value": "100", "new_value": "200"}}
    asked: list[str] = []

    def psql(argv: list[str]) -> tuple[int, str, str]:
        asked.extend(argv)
        return 0, '[{"pid": 42, "seconds": 3.5}]\n', ""

    view = read(played.config("edc")).view(psql)
    assert view["cluster"] is not None
    assert [one["name"] for one in view["cluster"]["members"]] == ["edc", "fleming", "gs"]
    assert view["pending"] == played.pending
    assert view["sessions"] == [{"pid": 42, "seconds": 3.5}]
    assert view["problems"] == []
    assert asked[:5] == ["runuser", "-u", "postgres", "--", "/usr/lib/postgresql/17/bin/psql"]
    login = base64.b64encode(b"patroni:secret").decode()
    assert {one.headers["Authorization"] for one in played.servers["edc"].asked} == {f"Basic {login}"}


def test_whatever_does_not_answer_is_told(played: PlayedCluster) -> None:
    config = played.config("edc")
    played.servers["edc"].silent = True
    played.etcd = (503, '{"health":"false","reason":"RAFT NO LEADER"}')
    view = read(config).view(lambda _: (2, "", "psql: error: no socket\n"))
    assert view["cluster"] is None
    patroni, postgresql, etcd = view["problems"]
    assert "does not answer" in patroni
    assert postgresql == "PostgreSQL does not answer: psql: error: no socket"
    assert etcd == 'etcd is not well: {"health":"false","reason":"RAFT NO LEADER"}'
    played.etcd_server.silent = True
    assert read(config).etcd_problem().startswith("etcd does not answer: ")


def test_a_host_without_etcd_is_not_asked_for_it(played: PlayedCluster) -> None:
    played.cluster = whole("edc")
    assert read(played.config("edc", has_etcd=False)).view(silent)["problems"] == []
    assert played.etcd_server.asked == []


def test_a_host_without_patroni_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(str(tmp_path / "config.yml"))


def test_a_server_that_says_no_more_than_that_it_failed(played: PlayedCluster) -> None:
    with pytest.raises(PatroniError, match="PostgreSQL does not answer: gone"):
        read(played.config("gs")).sessions(lambda _: (1, "", "gone"))
