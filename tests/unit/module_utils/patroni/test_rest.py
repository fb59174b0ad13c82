"""The client of Patroni's API before a server on this machine."""

from __future__ import annotations

import base64
import socket
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import tls
from ansible_collections.aurore.infra.plugins.module_utils.patroni.rest import (
    Patroni,
    PatroniError,
    PatroniUnavailableError,
)

from tests.unit.https import ADDRESS, RefusalError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from tests.unit.https import Asked, Proofs, Server

type Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def context(proofs: Proofs) -> ssl.SSLContext:
    return tls(proofs.authority, proofs.certificate, proofs.key)


def answer(asked: Asked) -> Any:
    return {"state": "running", "was": asked.content}


def address(server: Server) -> str:
    return f"{ADDRESS}:{server.port}"


def test_it_reads_and_replaces(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(answer)
    patroni = Patroni(address(server), context, ("patroni", "secret"))
    assert patroni.get("/patroni") == {"state": "running", "was": None}
    assert patroni.put("/config", {"ttl": 20}) == {"state": "running", "was": {"ttl": 20}}
    assert [(one.method, one.path) for one in server.asked] == [("GET", "/patroni"), ("PUT", "/config")]
    login = base64.b64encode(b"patroni:secret").decode()
    assert {one.headers["Authorization"] for one in server.asked} == {f"Basic {login}"}


def test_who_only_reads_needs_no_password(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(answer)
    Patroni(address(server), context).get("/patroni")
    assert "Authorization" not in server.asked[0].headers


@pytest.mark.parametrize(("said", "told"), [("no auth header received\n", "no auth header received"), ("", "Unau")])
def test_a_refusal_has_patronis_words(serve: Serve, context: ssl.SSLContext, said: str, told: str) -> None:
    def refuse(_: Asked) -> Any:
        raise RefusalError(401, said)

    server = serve(refuse)
    with pytest.raises(PatroniError, match=f"{address(server)} refuses PUT /config: 401 {told}"):
        Patroni(address(server), context).put("/config", {})


def test_what_is_no_json_is_told(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(lambda _: "<html>")
    with pytest.raises(PatroniError, match=r"answers GET /config with no JSON") as caught:
        Patroni(address(server), context).get("/config")
    assert not isinstance(caught.value, PatroniUnavailableError)


def test_nobody_answers(context: ssl.SSLContext) -> None:
    with socket.create_server((ADDRESS, 0)) as deaf:
        at = f"{ADDRESS}:{deaf.getsockname()[1]}"
        with pytest.raises(PatroniUnavailableError, match=f"Patroni at {at} does not answer: .*timed out"):
            Patroni(at, context, timeout=0.1).get("/patroni")
    with pytest.raises(PatroniUnavailableError, match="Connection refused"):
        Patroni(at, context).get("/patroni")


def test_it_hangs_up(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(answer)
    server.silent = True
    with pytest.raises(PatroniUnavailableError, match="Remote end closed connection"):
        Patroni(address(server), context).get("/patroni")


def test_strangers_are_not_talked_to(serve: Serve, context: ssl.SSLContext, strangers: Proofs) -> None:
    server = serve(answer, strangers)
    with pytest.raises(PatroniUnavailableError, match="certificate verify failed"):
        Patroni(address(server), context, ("patroni", "secret")).get("/patroni")
    assert server.asked == []
