"""Both ends of a wire, joined here, with a server that says everything twice."""

from __future__ import annotations

import getpass
import io
import os
import pwd
import socket
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.wire import agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ME = getpass.getuser()


def twice(server: socket.socket) -> None:
    """Serves: each connection is greeted, and gets back what it sent, twice, once it has sent all of it."""

    def serve(connection: socket.socket) -> None:
        # Some clients do not wait for an answer.
        with suppress(OSError), connection, connection.makefile("rb") as said:
            connection.sendall(b"!")
            connection.sendall(said.read() * 2)

    with server:
        while True:
            try:
                connection = server.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The path of a server's socket."""
    path = tmp_path / "served"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    threading.Thread(target=twice, args=(server,), daemon=True).start()
    yield str(path)
    server.shutdown(socket.SHUT_RDWR)


class Wires:
    """Two ends; `cut` takes them apart."""

    def __init__(self, near: Path, far: str) -> None:
        down, up = os.pipe(), os.pipe()
        self.near = str(near)
        self._said = [os.fdopen(down[1], "wb"), os.fdopen(up[1], "wb")]
        ends = [
            agent.Wire(os.fdopen(up[0], "rb"), self._said[0], far),
            agent.Wire(os.fdopen(down[0], "rb"), self._said[1], self.near),
        ]
        self.threads = [
            threading.Thread(target=ends[0].carry, daemon=True),
            threading.Thread(target=agent.listen, args=(ends[1],), daemon=True),
        ]
        self._monkey = pytest.MonkeyPatch()
        listens = threading.Event()
        said = agent.say

        def say(what: str) -> None:
            said(what)
            if what == agent.READY:
                listens.set()

        self._monkey.setattr(agent, "say", say)
        for thread in self.threads:
            thread.start()
        assert listens.wait(10)

    def connect(self) -> socket.socket:
        """Connect to the near end."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(10)
        client.connect(self.near)
        return client

    def cut(self) -> None:
        """Take them apart."""
        self._monkey.undo()
        for one in self._said:
            one.close()
        for thread in self.threads:
            thread.join(10)


@pytest.fixture
def wires(tmp_path: Path, served: str) -> Iterator[Wires]:
    """A wire to the server."""
    near = tmp_path / "near"
    # Of one that was killed.
    near.touch()
    made = Wires(near, served)
    yield made
    made.cut()


def ask(client: socket.socket, question: bytes) -> bytes:
    """Say something, hang up, and hear what comes back after the greeting."""
    with client, client.makefile("rb") as heard:
        client.sendall(question)
        client.shutdown(socket.SHUT_WR)
        return heard.read().removeprefix(b"!")


def test_what_is_said_arrives_and_the_answer_comes_back(wires: Wires) -> None:
    assert ask(wires.connect(), b"\x00\xff\n" * 300_000) == b"\x00\xff\n" * 600_000


def test_connections_are_kept_apart(wires: Wires) -> None:
    clients = [wires.connect() for _ in range(5)]
    assert [ask(client, bytes([number])) for number, client in enumerate(clients)] == [
        bytes([number] * 2) for number in range(5)
    ]


def test_when_it_is_cut_clients_notice(wires: Wires) -> None:
    client = wires.connect()
    assert client.recv(1) == b"!"
    wires.cut()
    assert client.recv(1) == b""
    client.close()
    assert not any(thread.is_alive() for thread in wires.threads)


def test_one_who_hangs_up_without_a_word(wires: Wires) -> None:
    with wires.connect() as client:
        client.sendall(b"x")
    assert ask(wires.connect(), b"y") == b"yy"


def test_no_server(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wires = Wires(tmp_path / "near", str(tmp_path / "nobody"))
    assert ask(wires.connect(), b"?") == b""
    assert "nobody: No such file or directory" in capfd.readouterr().err
    wires.cut()


def wordless(path: str) -> agent.Wire:
    """An end whose other end has gone."""
    return agent.Wire(io.BytesIO(), io.BytesIO(), path)


def test_a_second_one_leaves_the_first_alone(wires: Wires) -> None:
    client = wires.connect()
    with pytest.raises(SystemExit, match=r"near is in use: await the end of the run that uses it\."):
        agent.listen(wordless(wires.near))
    assert ask(client, b"x") == b"xx"
    assert ask(wires.connect(), b"y") == b"yy"


def test_who_listens_there_without_a_lock_is_left_alone(served: str) -> None:
    with pytest.raises(SystemExit, match="served is in use"):
        agent.listen(wordless(served))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(served)
        assert ask(client, b"x") == b"xx"


def test_the_socket_of_one_that_was_killed_makes_room(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / "near"))
    agent.listen(wordless(str(tmp_path / "near")))
    assert capfd.readouterr().err == f"{agent.READY}\n"
    assert not (tmp_path / "near").exists()


def test_at_the_end_only_ones_own_is_removed(wires: Wires, tmp_path: Path) -> None:
    (tmp_path / "near").unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(wires.near)
        wires.cut()
        assert (tmp_path / "near").exists()


def test_one_whose_own_is_gone_ends_all_the_same(wires: Wires, tmp_path: Path) -> None:
    (tmp_path / "near").unlink()
    wires.cut()
    assert not any(thread.is_alive() for thread in wires.threads)


def test_what_is_not_understood_is_left_alone() -> None:
    heard = agent.HEADER.pack(7, agent.DATA, 1) + b"x" + b"half"
    wire = agent.Wire(io.BytesIO(heard), io.BytesIO(), "/nowhere")
    wire.carry()
    assert wire._connections == {}


class Streams:
    """Standard input and output that have ended."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO()


@pytest.fixture
def _ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Streams())
    monkeypatch.setattr(sys, "stdout", Streams())
    monkeypatch.setattr(agent, "become", lambda _: None)


@pytest.mark.usefixtures("_ended")
def test_the_near_end_makes_a_directory_for_its_user(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    agent.main("listen", str(tmp_path / "made/socket"), ME)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "made/socket").exists()
    assert capfd.readouterr().err == f"{agent.READY}\n"


@pytest.mark.usefixtures("_ended")
def test_the_far_end(served: str, capfd: pytest.CaptureFixture[str]) -> None:
    agent.main("connect", served, ME)
    assert capfd.readouterr().err == f"{agent.READY}\n"


@pytest.mark.usefixtures("_ended")
def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="does the server run, and is that its port"):
        agent.main("connect", str(tmp_path / "socket"), ME)


@pytest.mark.usefixtures("_ended")
def test_nobody_of_that_name(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is no user nobody-of-that-name"):
        agent.main("listen", str(tmp_path / "socket"), "nobody-of-that-name")


def test_root_goes_on_as_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    for name in ("initgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda *words, name=name: called.append((name, *words)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    agent.become("daemon")
    daemon = pwd.getpwnam("daemon")
    assert called == [("initgroups", "daemon", daemon.pw_gid), ("setgid", daemon.pw_gid), ("setuid", daemon.pw_uid)]
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    called.clear()
    agent.become("daemon")
    assert called == []
