"""aurore.infra.etcd_access before an etcd in memory that speaks HTTPS and refuses what etcd refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.modules import etcd_access

from tests.unit.accounts import Accounts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.https import Server

type Run = Callable[..., dict[str, Any]]

STEPS = [
    "add role patroni",
    "let patroni use /postgresql/",
    "add user patroni",
    "give patroni the role patroni",
    "add user root",
    "give root the role root",
    "ask everyone who they are",
]


@pytest.fixture
def etcd() -> Accounts:
    return Accounts()


@pytest.fixture
def server(etcd: Accounts, serve: Callable[..., Server]) -> Server:
    return serve(etcd)


@pytest.fixture
def wanted(server: Server) -> dict[str, Any]:
    return {
        "endpoints": [f"127.0.0.1:{server.port}"],
        "root_password": "root's",
        "roles": [{"name": "patroni", "prefixes": ["/postgresql/"]}],
        "users": [{"name": "patroni", "password": "patroni's", "roles": ["patroni"]}],
    }


def test_the_second_run_changes_nothing(run: Run, etcd: Accounts, wanted: dict[str, Any]) -> None:
    answer = run(etcd_access, **wanted)
    assert answer["changed"] is True
    assert answer["steps"] == STEPS
    assert answer["diff"] == {"before": "", "after": "".join(f"{line}\n" for line in STEPS)}
    assert etcd.is_enabled
    assert etcd.users == {"patroni": ("patroni's", {"patroni"}), "root": ("root's", {"root"})}
    again = run(etcd_access, **wanted)
    assert (again["changed"], again["steps"]) == (False, [])


def test_check_mode_foretells_and_touches_nothing(run: Run, etcd: Accounts, wanted: dict[str, Any]) -> None:
    assert run(etcd_access, is_check=True, **wanted)["steps"] == STEPS
    assert etcd.changes == []


def test_what_differs_is_led_back_by_root(run: Run, etcd: Accounts, wanted: dict[str, Any]) -> None:
    run(etcd_access, **wanted)
    etcd.users["patroni"] = ("forgotten", {"patroni"})
    etcd.users["somebody"] = ("known to whom?", {"root"})
    steps = ["change the password of patroni", "remove user somebody"]
    assert run(etcd_access, is_check=True, **wanted)["steps"] == steps
    assert run(etcd_access, **wanted)["steps"] == steps
    assert etcd.users == {"patroni": ("patroni's", {"patroni"}), "root": ("root's", {"root"})}


def test_no_password_is_in_the_answer(run: Run, wanted: dict[str, Any]) -> None:
    answer = run(etcd_access, **wanted)
    given = answer.pop("invocation")["module_args"]
    assert "root's" not in repr(answer)
    assert "patroni's" not in repr(answer)
    assert given["root_password"] == given["users"][0]["password"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def test_a_wrong_password_of_root_is_told(run: Run, wanted: dict[str, Any]) -> None:
    run(etcd_access, **wanted)
    answer = run(etcd_access, **wanted | {"root_password": "wrong"})
    assert answer["msg"].startswith("etcd_access: etcdserver: authentication failed")


def test_before_the_first_run_there_is_nothing_yet(run: Run, server: Server, wanted: dict[str, Any]) -> None:
    """Neither an etcd nor certificates: a check foretells, a run fails."""
    server.stop()
    assert run(etcd_access, is_check=True, **wanted)["steps"] == STEPS
    assert "no member of etcd answers" in run(etcd_access, **wanted)["msg"]


def test_before_the_first_run_there_are_no_certificates(run: Run, tmp_path: Path, wanted: dict[str, Any]) -> None:
    missing = {"certificate": str(tmp_path / "nameless.crt")}
    assert run(etcd_access, is_check=True, **wanted, **missing)["steps"] == STEPS
    assert "No such file" in run(etcd_access, **wanted, **missing)["msg"]
