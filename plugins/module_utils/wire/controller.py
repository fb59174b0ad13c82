"""The control machine's side of a wire: it starts both ends, and joins what one says to what the other hears."""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

PATIENCE = 60.0
"""Seconds for an end to be ready: a login takes a moment."""

GOES = 5.0
"""Seconds for an end to go once the other is gone: it has to remove its socket."""

KEPT = 20
"""Lines of what an end says that are remembered."""


class WireError(Exception):
    """A wire could not be laid."""


class End:
    """A program at one end, and what it says."""

    def __init__(self, name: str, argv: list[bytes], stdin: int, stdout: int) -> None:
        self.name = name
        self.said: deque[str] = deque(maxlen=KEPT)
        self._works = False
        self._heard = threading.Event()
        self.process = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)  # noqa: S603 (ours)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            text = line.decode(errors="replace").rstrip()
            if text == agent.READY:
                self._works = True
                self._heard.set()
            elif text:
                self.said.append(text)
        self._heard.set()

    def await_ready(self, seconds: float = PATIENCE) -> None:
        """Waits until it works.

        Raises:
            WireError: It ended, or takes too long.
        """
        if not self._heard.wait(seconds):
            raise WireError(f"{self.name}: nobody answered within {seconds:.0f} seconds")
        if not self._works:
            raise WireError(f"{self.name}: {' / '.join(self.said) or 'the connection ended'}")

    def close(self) -> None:
        """Ends it, unless it ends by itself because the other one is gone."""
        try:
            self.process.wait(GOES)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()
        self._listener.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def wire(near: tuple[str, list[bytes]], far: tuple[str, list[bytes]]) -> Iterator[list[End]]:
    """Lays a wire for as long as the context lasts.

    Args:
        near: The name of the host that gets the socket, and the command that starts its end.
        far: The same of the host that has the server.

    Yields:
        Both ends.

    Raises:
        WireError: An end could not be started.
    """
    down, up = os.pipe(), os.pipe()
    ends: list[End] = []
    try:
        try:
            ends.append(End(*far, stdin=up[0], stdout=down[1]))
            ends.append(End(*near, stdin=down[0], stdout=up[1]))
        finally:
            # They have them now, and each must see when the other is gone.
            for descriptor in (*down, *up):
                os.close(descriptor)
        for end in ends:
            end.await_ready()
        yield ends
    finally:
        for end in ends[:1]:
            end.process.terminate()
        for end in ends:
            end.close()


def program(module: ModuleType, *words: str) -> str:
    """The command that runs a module of ours on a host, which has nothing of ours installed."""
    assert module.__file__ is not None
    with open(module.__file__, encoding="utf-8") as file:  # noqa: PTH123 (a module's path is text)
        return shlex.join(["/usr/bin/python3", "-I", "-c", file.read(), *words])


def command(connection: Any, words: str) -> list[bytes]:
    """What runs a command on a host by a connection of Ansible's, with our standard input and output.

    Ansible's own way to run one waits for its end.

    Args:
        connection: By SSH, or a local one.
        words: The command, as a shell reads it.

    Raises:
        WireError: The connection is of another kind.
    """
    if connection.transport == "local":
        return [b"/bin/sh", b"-c", b"exec " + words.encode()]
    if connection.transport != "ssh":
        raise WireError(f"a wire goes by SSH, not by {connection.transport}")
    host = connection.get_option("host") or connection._play_context.remote_addr
    # Its path for a shared connection follows from it.
    connection.host = host
    executable, *argv = connection._build_command(connection.get_option("ssh_executable"), "ssh", "-T", host, words)
    # What is said first counts. A shared connection would outlive us, and hold on to our pipes.
    first = ["ControlMaster=no", "ControlPath=none", "ServerAliveInterval=15", "ServerAliveCountMax=4"]
    return [executable, *(b"-o" + option.encode() for option in first), *argv]
