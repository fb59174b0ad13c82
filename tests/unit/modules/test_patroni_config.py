"""aurore.infra.patroni_config before a Patroni that keeps what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.modules import patroni_config

from tests.unit.https import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.https import Asked, Server

type Run = Callable[..., dict[str, Any]]

WANTED = {"ttl": 20, "loop_wait": 1, "postgresql": {"parameters": {"max_connections": 200, "ssl": "on"}}}
OLD = {"ttl": 30, "postgresql": {"parameters": {"max_connections": 100}}}


class Cluster:
    """What all members have in common."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config

    def __call__(self, asked: Asked) -> Any:
        assert asked.path == "/config"
        if asked.method == "PUT":
            if "Authorization" not in asked.headers:
                raise RefusalError(401, "no auth header received")
            self.config = asked.content
        return self.config


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(OLD)


@pytest.fixture
def server(cluster: Cluster, serve: Callable[..., Server]) -> Server:
    return serve(cluster)


@pytest.fixture
def wanted(server: Server) -> dict[str, Any]:
    return {"address": f"127.0.0.1:{server.port}", "password": "secret", "config": WANTED}


def test_what_differs_is_replaced_once(run: Run, cluster: Cluster, wanted: dict[str, Any]) -> None:
    answer = run(patroni_config, **wanted)
    assert answer["changed"] is True
    assert '"ttl": 30' in answer["diff"]["before"]
    assert '"ttl": 20' in answer["diff"]["after"]
    assert answer["config"] == WANTED
    assert cluster.config == WANTED
    assert run(patroni_config, **wanted)["changed"] is False


def test_what_is_as_wanted_is_only_read(run: Run, cluster: Cluster, server: Server, wanted: dict[str, Any]) -> None:
    cluster.config = WANTED
    answer = run(patroni_config, **wanted)
    assert answer["changed"] is False
    assert answer["diff"]["before"] == answer["diff"]["after"]
    assert [one.method for one in server.asked] == ["GET"]


def test_a_cluster_that_is_paused_stays_so(run: Run, cluster: Cluster, wanted: dict[str, Any]) -> None:
    cluster.config = {**OLD, "pause": True}
    assert run(patroni_config, **wanted)["config"] == {**WANTED, "pause": True}
    assert cluster.config == {**WANTED, "pause": True}
    assert run(patroni_config, **wanted)["changed"] is False


def test_check_mode_foretells_and_touches_nothing(run: Run, cluster: Cluster, wanted: dict[str, Any]) -> None:
    foretold = run(patroni_config, is_check=True, **wanted)
    assert cluster.config == OLD
    done = run(patroni_config, **wanted)
    assert (foretold["changed"], foretold["diff"]) == (done["changed"], done["diff"])


def test_the_password_is_not_in_the_answer(run: Run, wanted: dict[str, Any]) -> None:
    assert "secret" not in repr(run(patroni_config, **wanted))


def test_a_refusal_is_told(run: Run, serve: Callable[..., Server], wanted: dict[str, Any]) -> None:
    def refuse(_: Asked) -> Any:
        raise RefusalError(503, "the cluster has no leader")

    address = {"address": f"127.0.0.1:{serve(refuse).port}"}
    for is_check in (True, False):
        answer = run(patroni_config, is_check=is_check, **wanted | address)
        assert answer["msg"].startswith("patroni_config: Patroni at 127.0.0.1:")
        assert answer["msg"].endswith("refuses GET /config: 503 the cluster has no leader")


@pytest.mark.parametrize("missing", ["Patroni", "certificates"])
def test_before_the_first_run_there_is_nothing_yet(
    run: Run, server: Server, tmp_path: Path, wanted: dict[str, Any], missing: str
) -> None:
    if missing == "Patroni":
        server.stop()
    else:
        wanted["certificate"] = str(tmp_path / "host.crt")
    answer = run(patroni_config, is_check=True, **wanted)
    assert answer["changed"] is True
    assert answer["diff"]["before"] == ""
    assert '"ttl": 20' in answer["diff"]["after"]
    assert run(patroni_config, **wanted)["msg"].startswith("patroni_config: ")
