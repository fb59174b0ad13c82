"""aurore.infra.patroni_state on a directory, before an etcd on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import decode, encode
from ansible_collections.aurore.infra.plugins.modules import patroni_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.conftest import Systemctl
    from tests.unit.https import Asked, Server

type Run = Callable[..., dict[str, Any]]

IDENTIFIER = "7300000000000000001"
SHOWN = f"pg_control version number:            1700\\nDatabase system identifier:           {IDENTIFIER}\\n"


class Etcd:
    """Knows one key."""

    def __init__(self) -> None:
        self.initialize: str | None = None

    def __call__(self, asked: Asked) -> Any:
        if asked.path == "/v3/auth/authenticate":
            assert asked.content == {"name": "patroni", "password": "secret"}
            return {"token": "token"}
        assert (asked.path, asked.headers["Authorization"]) == ("/v3/kv/range", "token")
        assert decode(asked.content["key"]) == "/postgresql/aurore/initialize"
        if self.initialize is None:
            return {"header": {}}
        return {
            "kvs": [{"key": asked.content["key"]} | ({"value": encode(self.initialize)} if self.initialize else {})]
        }


@pytest.fixture
def etcd() -> Etcd:
    return Etcd()


@pytest.fixture
def server(etcd: Etcd, serve: Callable[..., Server]) -> Server:
    return serve(etcd)


@pytest.fixture
def asked(server: Server, tmp_path: Path, systemctl: Systemctl) -> dict[str, Any]:
    """What the role asks, on a host that has nothing and where Patroni does not run."""
    systemctl.misbehave("exit 3")
    return {
        "directory": str(tmp_path / "data"),
        "programs": str(tmp_path),
        "prefix": "/postgresql/aurore/",
        "endpoints": [f"127.0.0.1:{server.port}"],
        "password": "secret",
    }


def have_data(tmp_path: Path, shell: str = f"printf '{SHOWN}'") -> None:
    """Put a cluster into the data directory, and a program that reads it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/PG_VERSION").write_text("17\n")
    program = tmp_path / "pg_controldata"
    program.write_text(f'#!/bin/sh\n[ "$LC_ALL $1" = "C {tmp_path}/data" ] || exit 9\n{shell}\n')
    program.chmod(0o755)


def test_a_host_that_has_nothing(run: Run, tmp_path: Path, asked: dict[str, Any]) -> None:
    answer = run(patroni_state, **asked)
    nothing = {"data": "none", "identifier": "", "initialized": None, "runs": False}
    assert answer["state"] == {"directory": str(tmp_path / "data"), **nothing}
    assert answer["changed"] is False
    (tmp_path / "data").mkdir()
    assert run(patroni_state, **asked)["state"]["data"] == "none"


def test_a_member_that_was_stopped(run: Run, tmp_path: Path, etcd: Etcd, asked: dict[str, Any]) -> None:
    have_data(tmp_path)
    etcd.initialize = IDENTIFIER
    assert run(patroni_state, **asked)["state"] == {
        "directory": str(tmp_path / "data"),
        "data": "cluster",
        "identifier": IDENTIFIER,
        "initialized": IDENTIFIER,
        "runs": False,
    }


def test_a_member_that_is_being_copied(
    run: Run, tmp_path: Path, etcd: Etcd, systemctl: Systemctl, asked: dict[str, Any]
) -> None:
    """What tells the identifier is the last file that comes."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/PG_VERSION").write_text("17\n")
    etcd.initialize = IDENTIFIER
    systemctl.behave()
    state = run(patroni_state, **asked)["state"]
    assert (state["data"], state["identifier"], state["runs"]) == ("cluster", "", True)
    assert systemctl.calls == ["is-active --quiet patroni.service"]


def test_a_cluster_that_is_being_made(run: Run, etcd: Etcd, asked: dict[str, Any]) -> None:
    etcd.initialize = ""
    assert run(patroni_state, **asked)["state"]["initialized"] == ""


def test_what_is_no_database(run: Run, tmp_path: Path, asked: dict[str, Any]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/notes.txt").touch()
    assert run(patroni_state, **asked)["state"]["data"] == "other"


@pytest.mark.parametrize(
    ("shell", "told"),
    [("echo 'could not open file' >&2; exit 1", "could not open file"), ("echo half a line", "half a line")],
)
def test_data_that_cannot_be_read_are_told(
    run: Run, tmp_path: Path, asked: dict[str, Any], shell: str, told: str
) -> None:
    have_data(tmp_path, shell)
    message = run(patroni_state, **asked)["msg"]
    assert message == f"patroni_state: {tmp_path}/pg_controldata {tmp_path}/data: {told}"


@pytest.mark.parametrize("missing", ["etcd", "certificates"])
def test_before_the_first_run_there_is_nothing_yet(
    run: Run, server: Server, tmp_path: Path, asked: dict[str, Any], missing: str
) -> None:
    if missing == "etcd":
        server.stop()
    else:
        asked["certificate"] = str(tmp_path / "nameless.crt")
    assert run(patroni_state, is_check=True, **asked)["state"]["initialized"] is None
    assert run(patroni_state, **asked)["msg"].startswith("patroni_state: ")
