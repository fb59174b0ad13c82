"""The client of etcd before servers on this machine: who is asked, with which token, and what is told."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import (
    STALE,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Etcd,
    EtcdRefusedError,
    EtcdUnavailableError,
    decode,
    encode,
    end_of,
    tls,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.https import ADDRESS, RefusalError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from tests.unit.https import Asked, Proofs, Server

type Serve = Callable[..., Server]

ANSWER = {"kvs": [{"key": encode("/a"), "value": encode("é")}]}
LOGIN, RANGE = "/v3/auth/authenticate", "/v3/kv/range"
SECRET = ("fence", "secret")


def refusal(message: str, code: int, status: int = 400) -> RefusalError:
    return RefusalError(status, json.dumps({"error": message, "code": code, "message": message}))


def answer(_: Asked) -> Any:
    return ANSWER


def leaderless(_: Asked) -> Any:
    raise refusal("etcdserver: no leader", UNAVAILABLE, 503)


class Doorkeeper:
    """Gives a token to who knows the password, and says of tokens what a test wants."""

    def __init__(self, *complaints: RefusalError) -> None:
        self.complaints = list(complaints)
        self.tokens = 0

    def __call__(self, asked: Asked) -> Any:
        if asked.path == LOGIN:
            if asked.content != {"name": "fence", "password": "secret"}:
                raise refusal("etcdserver: authentication failed, invalid user ID or password", 3)
            self.tokens += 1
            return {"token": f"token {self.tokens}"}
        if self.complaints:
            raise self.complaints.pop(0)
        return ANSWER


@pytest.fixture(scope="module")
def context(proofs: Proofs) -> ssl.SSLContext:
    return tls(proofs.authority, proofs.certificate, proofs.key)


@pytest.fixture
def deaf() -> Iterator[tuple[str, int]]:
    """A port at which somebody listens and never says anything."""
    with socket.create_server((ADDRESS, 0)) as listening:
        yield listening.getsockname()


def nobody() -> tuple[str, int]:
    """A port at which nobody listens."""
    with socket.create_server((ADDRESS, 0)) as listening:
        return (ADDRESS, int(listening.getsockname()[1]))


# --- Keys


@given(prefix=st.text(st.characters(codec="utf-8", max_codepoint=0xD000), min_size=1), rest=st.text())
def test_all_keys_with_a_prefix_are_before_its_end(prefix: str, rest: str) -> None:
    if not any("\ud800" <= character <= "\udfff" for character in rest):
        assert prefix.encode() <= (prefix + rest).encode() < end_of(prefix).encode()


@given(prefix=st.text("ab/", min_size=1), key=st.text("ab/0"))
def test_no_other_key_is_in_between(prefix: str, key: str) -> None:
    assert (prefix <= key < end_of(prefix)) == key.startswith(prefix)


@given(text=st.text(st.characters(codec="utf-8")))
def test_keys_and_values_come_back(text: str) -> None:
    assert decode(encode(text)) == text


# --- A call


def test_a_call_is_json_both_ways(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(answer)
    assert Etcd([server.endpoint], context).call(RANGE, {"key": encode("/a")}) == ANSWER
    [asked] = server.asked
    assert (asked.method, asked.path, asked.content) == ("POST", RANGE, {"key": encode("/a")})
    assert asked.headers["Content-Type"] == "application/json"
    # Without it, etcd takes the certificate of its own gateway for the user's.
    assert asked.headers["Accept"] == "application/json"
    assert "Authorization" not in asked.headers


def test_a_refusal_has_etcds_words_and_code(serve: Serve, context: ssl.SSLContext) -> None:
    def refuse(_: Asked) -> Any:
        raise refusal("etcdserver: permission denied", 7, 403)

    server = serve(refuse)
    with pytest.raises(EtcdRefusedError, match=r"^etcdserver: permission denied$") as caught:
        Etcd([server.endpoint], context, None).call(RANGE)
    assert caught.value.code == 7
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "told"), [(404, "Not Found"), (200, "OK")])
def test_what_is_no_json_is_a_refusal(serve: Serve, context: ssl.SSLContext, status: int, told: str) -> None:
    def page(_: Asked) -> Any:
        raise RefusalError(status, "<html>")

    with pytest.raises(EtcdRefusedError, match=f"{RANGE}: {status} {told}"):
        Etcd([serve(page).endpoint], context).call(RANGE)


# --- Whom it asks


def test_another_member_is_asked_and_kept(serve: Serve, context: ssl.SSLContext, deaf: tuple[str, int]) -> None:
    hangs_up, lost, works = serve(answer), serve(leaderless), serve(answer)
    hangs_up.silent = True
    members = [nobody(), deaf, hangs_up.endpoint, lost.endpoint, works.endpoint]
    etcd = Etcd(members, context, timeout=0.2)
    assert etcd.call(RANGE) == ANSWER
    assert etcd.endpoints == [members[-1], *members[:-1]]
    assert etcd.call(RANGE) == ANSWER
    assert [len(server.asked) for server in (hangs_up, lost, works)] == [1, 1, 2]


def test_when_none_answers_each_is_named(serve: Serve, context: ssl.SSLContext) -> None:
    gone, hangs_up, lost = nobody(), serve(answer), serve(leaderless)
    hangs_up.silent = True
    with pytest.raises(EtcdUnavailableError) as caught:
        Etcd([gone, hangs_up.endpoint, lost.endpoint], context).call(RANGE)
    for part in (
        f"{ADDRESS}:{gone[1]}: [Errno 111] Connection refused",
        f"{ADDRESS}:{hangs_up.port}: Remote end closed connection",
        f"{ADDRESS}:{lost.port}: etcdserver: no leader",
    ):
        assert part in str(caught.value)


def test_a_connection_that_was_closed_says_nothing_about_the_member(serve: Serve, context: ssl.SSLContext) -> None:
    first, second = serve(answer), serve(answer)
    etcd = Etcd([first.endpoint, second.endpoint], context)
    etcd.call(RANGE)
    first.hang_up()
    etcd.call(RANGE)
    assert (len(first.asked), len(second.asked)) == (2, 0)


def test_a_member_that_stops_is_replaced(serve: Serve, context: ssl.SSLContext) -> None:
    first, second = serve(answer), serve(answer)
    etcd = Etcd([first.endpoint, second.endpoint], context)
    etcd.call(RANGE)
    first.stop()
    assert etcd.call(RANGE) == ANSWER
    assert len(second.asked) == 1


@pytest.mark.parametrize("who", ["server", "client"])
def test_strangers_are_not_talked_to(serve: Serve, proofs: Proofs, strangers: Proofs, who: str) -> None:
    server = serve(answer, strangers if who == "server" else proofs)
    ours = strangers if who == "client" else proofs
    context = tls(proofs.authority, ours.certificate, ours.key)
    expected = "certificate verify failed" if who == "server" else "alert unknown ca|Connection reset|EOF|Broken pipe"
    with pytest.raises(EtcdUnavailableError, match=expected):
        Etcd([server.endpoint], context, SECRET).call(RANGE)
    assert server.asked == []


# --- With which token


def test_it_logs_in_once(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(Doorkeeper())
    etcd = Etcd([server.endpoint], context, SECRET)
    assert [etcd.call(RANGE), etcd.call(RANGE)] == [ANSWER, ANSWER]
    assert server.paths == [LOGIN, RANGE, RANGE]
    assert [one.headers.get("Authorization") for one in server.asked] == [None, "token 1", "token 1"]


@pytest.mark.parametrize(
    "complaint", [refusal("etcdserver: invalid auth token", UNAUTHENTICATED, 401), refusal(STALE, 3)]
)
def test_a_token_that_is_no_longer_good_is_renewed(
    serve: Serve, context: ssl.SSLContext, complaint: RefusalError
) -> None:
    server = serve(Doorkeeper(complaint))
    assert Etcd([server.endpoint], context, SECRET).call(RANGE) == ANSWER
    assert server.paths == [LOGIN, RANGE, LOGIN, RANGE]
    assert [one.headers.get("Authorization") for one in server.asked] == [None, "token 1", None, "token 2"]


def test_after_a_call_that_nobody_answered_it_is_another(serve: Serve, context: ssl.SSLContext) -> None:
    """etcd waits until it has come as far as the token's, which one that was made anew may never."""
    door = Doorkeeper(refusal("etcdserver: request timed out", UNAVAILABLE, 503))
    server = serve(door)
    etcd = Etcd([(ADDRESS, server.port)], context, SECRET)
    with pytest.raises(EtcdUnavailableError):
        etcd.call(RANGE)
    assert etcd.call(RANGE) == ANSWER
    assert door.tokens == 2


def test_it_is_renewed_once_for_a_call(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(Doorkeeper(*[refusal("etcdserver: invalid auth token", UNAUTHENTICATED, 401)] * 2))
    with pytest.raises(EtcdRefusedError, match="invalid auth token"):
        Etcd([server.endpoint], context, SECRET).call(RANGE)
    assert server.paths == [LOGIN, RANGE] * 2


def test_another_refusal_renews_nothing(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(Doorkeeper(refusal("etcdserver: permission denied", 7, 403)))
    with pytest.raises(EtcdRefusedError, match="permission denied"):
        Etcd([server.endpoint], context, SECRET).call(RANGE)
    assert server.paths == [LOGIN, RANGE]


def test_who_has_no_password_has_no_token_to_renew(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(Doorkeeper(refusal("etcdserver: invalid auth token", UNAUTHENTICATED, 401)))
    with pytest.raises(EtcdRefusedError, match="invalid auth token"):
        Etcd([server.endpoint], context).call(RANGE)
    assert server.paths == [RANGE]


def test_a_wrong_password_is_told(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(Doorkeeper())
    with pytest.raises(EtcdRefusedError, match="authentication failed"):
        Etcd([server.endpoint], context, ("fence", "wrong")).call(RANGE)
    assert server.paths == [LOGIN]


def test_passwords_are_tried_without_logging_in(serve: Serve, context: ssl.SSLContext) -> None:
    server = serve(Doorkeeper())
    etcd = Etcd([server.endpoint], context)
    assert etcd.accepts(*SECRET)
    assert not etcd.accepts("fence", "wrong")
    etcd.call(RANGE)
    assert "Authorization" not in server.asked[-1].headers


def test_a_password_that_cannot_be_tried_is_neither_right_nor_wrong(serve: Serve, context: ssl.SSLContext) -> None:
    def refuse(_: Asked) -> Any:
        raise refusal("etcdserver: authentication is not enabled", 9)

    with pytest.raises(EtcdRefusedError, match="not enabled"):
        Etcd([serve(refuse).endpoint], context).accepts(*SECRET)
