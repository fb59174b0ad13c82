"""One end of a wire: carries connections to a Unix socket over standard input and output.

Where clients are, it listens; where the server is, it connects. What stands between the two ends (SSH, twice, through
the control machine) only has to carry bytes. It uses the standard library alone, and Python 3.7 is enough.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import socket
import struct
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO

READY = "wire: ready"
"""Said on standard error once it works."""

HEADER = struct.Struct(">IBI")
"""Which connection, what of it, and how many bytes follow."""

OPEN, DATA, END = range(3)
CHUNK = 65536


class Wire:
    """An end.

    Attributes:
        path: The path of the socket.
    """

    def __init__(self, hears: BinaryIO, says: BinaryIO, path: str) -> None:
        self.path = path
        self._hears = hears
        self._says = says
        self._turn = threading.Lock()
        self._connections: dict[int, socket.socket] = {}
        self._opened = 0

    def carry(self) -> None:
        """Carries what comes from the other end, until that is gone."""
        while True:
            header = self._hears.read(HEADER.size)
            if len(header) < HEADER.size:
                break
            number, kind, length = HEADER.unpack(header)
            self._take(number, kind, self._hears.read(length))
        for connection in list(self._connections.values()):
            _shut(connection, socket.SHUT_RDWR)

    def accept(self, server: socket.socket) -> None:
        """Has each connection of a client's made on the other side, for as long as there is one who listens."""
        with suppress(OSError):
            while True:
                connection = server.accept()[0]
                self._opened += 1
                # An answer may come before `_start` returns.
                self._connections[self._opened] = connection
                self._send(self._opened, OPEN)
                self._start(self._opened, connection)

    def _take(self, number: int, kind: int, content: bytes) -> None:
        connection = self._connections.get(number)
        if kind == OPEN:
            self._connect(number)
        elif connection is not None and kind == DATA:
            # Who has hung up gets nothing more, and _pump tells the other end.
            with suppress(OSError):
                connection.sendall(content)
        elif connection is not None:
            _shut(connection, socket.SHUT_WR)

    def _connect(self, number: int) -> None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self.path)
        except OSError as problem:
            say(f"wire: {self.path}: {problem.strerror}")
            connection.close()
            self._send(number, END)
        else:
            self._start(number, connection)

    def _start(self, number: int, connection: socket.socket) -> None:
        self._connections[number] = connection
        threading.Thread(target=self._pump, args=(number, connection), daemon=True).start()

    def _pump(self, number: int, connection: socket.socket) -> None:
        # Hung up without a word is an end as well.
        with suppress(OSError):
            while True:
                content = connection.recv(CHUNK)
                if not content:
                    break
                self._send(number, DATA, content)
        self._send(number, END)

    def _send(self, number: int, kind: int, content: bytes = b"") -> None:
        # When the wire is cut, `carry` notices.
        with self._turn, suppress(OSError, ValueError):
            self._says.write(HEADER.pack(number, kind, len(content)) + content)
            self._says.flush()


def _shut(connection: socket.socket, how: int) -> None:
    with suppress(OSError):
        connection.shutdown(how)


def say(what: str) -> None:
    """Tells whoever has started this end."""
    print(what, file=sys.stderr, flush=True)  # noqa: T201 (a command)


def become(name: str) -> None:
    """Goes on as another user, if this is root."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(name)
        os.initgroups(name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)


def listen(wire: Wire) -> None:
    """Is the clients' end, unless somebody listens there already."""
    path = Path(wire.path)
    # Only who holds the lock touches what lies at the path. The lock's file stays: once removed, it would let in two.
    with path.with_name(path.name + ".lock").open("a") as lock, socket.socket(socket.AF_UNIX) as server:
        if not _locked(lock) or _answered(wire.path):
            sys.exit(
                f"wire: {wire.path} is in use: await the end of the run that uses it. One that was interrupted needs "
                "up to a minute to end"
            )
        # Of an end that was killed.
        with suppress(FileNotFoundError):
            path.unlink()
        server.bind(wire.path)
        server.listen()
        own = path.stat()
        threading.Thread(target=wire.accept, args=(server,), daemon=True).start()
        say(READY)
        wire.carry()
        # Not what somebody else has put there since.
        with suppress(FileNotFoundError):
            if os.path.samestat(own, path.stat()):
                path.unlink()


def _locked(lock: IO[str]) -> bool:
    """Whether it is ours, until it is closed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answered(path: str) -> bool:
    """Whether somebody listens at a path, also one who knows of no lock."""
    with socket.socket(socket.AF_UNIX) as client:
        # One who listens and is busy is there all the same.
        client.setblocking(False)
        return client.connect_ex(path) not in (errno.ENOENT, errno.ECONNREFUSED)


def main(mode: str, path: str, user: str) -> None:
    """Is one end, as a user, until the other is gone.

    Args:
        mode: `listen`, in a directory that only the user may enter, or `connect`.
        path: The path of the socket.
        user: Who listens or connects.
    """
    wire = Wire(sys.stdin.buffer, sys.stdout.buffer, path)
    try:
        if mode == "listen":
            directory = Path(path).parent
            directory.mkdir(mode=0o700, exist_ok=True)
            os.chown(str(directory), pwd.getpwnam(user).pw_uid, -1)
            become(user)
            listen(wire)
        else:
            become(user)
            if not Path(path).exists():
                sys.exit(f"wire: there is no {path}: does the server run, and is that its port?")
            say(READY)
            wire.carry()
    except KeyError:
        sys.exit(f"wire: there is no user {user}")


if __name__ == "__main__":
    main(*sys.argv[1:])
