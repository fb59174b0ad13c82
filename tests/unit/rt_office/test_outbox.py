"""Exactly once per key, whatever is killed when."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from email.message import EmailMessage
from itertools import count
from pathlib import Path

import pytest
from rt_office.outbox import DoubtError, Outbox, UnsentError

from .shared import OFFICE, Killed, MailServer

FILES = Path(__file__).parents[3] / "roles/rt_office/files"


def message(text: str = "Bonjour") -> EmailMessage:
    made = EmailMessage()
    made["To"] = "erdnaxe@example.org"
    made.set_content(text)
    return made


@pytest.fixture
def server() -> MailServer:
    return MailServer()


@pytest.fixture
def outbox(tmp_path: Path, server: MailServer) -> Outbox:
    return Outbox(tmp_path / "outbox", server)


def test_a_message_is_handed_over_once(outbox: Outbox, server: MailServer) -> None:
    assert outbox.sent_at("a:1") is None
    before = datetime.now(UTC)
    assert outbox.send("a:1", message())
    assert not outbox.send("a:1", message())
    assert outbox.send("a:2", message())
    assert [one["Message-ID"] for one in server.taken] == [f"<a%3A1@{OFFICE}>", f"<a%3A2@{OFFICE}>"]
    at = outbox.sent_at("a:1")
    assert at is not None
    assert before <= at <= datetime.now(UTC)


def test_what_was_not_taken_is_sent_by_the_next_call(outbox: Outbox, server: MailServer) -> None:
    server.is_away = True
    for _ in range(3):
        with pytest.raises(UnsentError, match="nobody listens"):
            outbox.send("a", message())
        assert outbox.sent_at("a") is None
        assert not outbox.has_begun("a")
    server.is_away = False
    assert outbox.send("a", message())
    assert len(server.taken) == 1


@pytest.mark.parametrize(("killed", "sent_now"), [("before", True), ("after", False)])
def test_a_doubt_is_resolved_by_the_mail_server(
    outbox: Outbox, server: MailServer, killed: str, sent_now: bool
) -> None:
    server.killed = killed
    with pytest.raises(Killed):
        outbox.send("a", message())
    assert outbox.has_begun("a")
    assert outbox.sent_at("a") is None
    # While nobody can tell, it stays a doubt.
    server.is_away = True
    with pytest.raises(UnsentError, match="nobody knows"):
        outbox.send("a", message())
    server.is_away = False
    assert outbox.send("a", message()) is sent_now
    assert not outbox.send("a", message())
    assert len(server.taken) == 1


def test_a_lost_connection_is_a_doubt(outbox: Outbox, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(taken: EmailMessage) -> None:
        server.taken.append(taken)
        raise DoubtError("no answer")

    monkeypatch.setattr(server, "deliver", lost)
    with pytest.raises(DoubtError):
        outbox.send("a", message())
    monkeypatch.undo()
    assert outbox.send("a", message()) is False
    assert len(server.taken) == 1


@pytest.mark.parametrize(("one", "other"), [("a:1", "a%3A1"), ("a.b", "a%2Eb"), ("a/b", "a:b"), ("é", "e"), ("A", "a")])
def test_no_two_keys_are_one_message(outbox: Outbox, server: MailServer, one: str, other: str) -> None:
    assert outbox.send(one, message())
    assert outbox.send(other, message())
    assert len({taken["Message-ID"] for taken in server.taken}) == 2


@pytest.mark.parametrize("key", ["..", "../../etc/passwd", "a b", "<a@b>", "é\n", '"', "a" * 200])
def test_any_key_is_a_name_and_an_address(outbox: Outbox, server: MailServer, key: str) -> None:
    assert outbox.send(key, message())
    assert not outbox.send(key, message())
    name = server.taken[0]["Message-ID"]
    assert name.isascii()
    assert not {*name[1:-1]} & {*' <>"\n'}
    assert {path.parent for path in outbox.directory.rglob("*")} == {outbox.directory}


@pytest.mark.parametrize("key", ["", "a" * 201, "é" * 100])
def test_a_key_that_is_no_name_is_refused(outbox: Outbox, server: MailServer, key: str) -> None:
    with pytest.raises(ValueError, match="cannot be the key"):
        outbox.send(key, message())
    assert server.taken == []


# --- Killed anywhere

PROGRAM = """
import os, signal, sys
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rt_office import outbox

steps = int(sys.argv[3])

def step():
    global steps
    steps -= 1
    if steps == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def around(function):
    def stepping(*arguments, **options):
        step()
        result = function(*arguments, **options)
        step()
        return result
    return stepping

os.fsync, os.fchmod, Path.replace = map(around, (os.fsync, os.fchmod, Path.replace))

class Server:
    host = "log.example.org"
    taken = Path(sys.argv[2], "taken")

    def deliver(self, message):
        with self.taken.open("a") as file:
            file.write(message["Message-ID"] + "\\n")

    def has_taken(self, message_id, since):
        return self.taken.exists() and message_id in self.taken.read_text().split()

Server.deliver = around(Server.deliver)
message = EmailMessage()
message["To"] = "erdnaxe@example.org"
outbox.Outbox(Path(sys.argv[2], "outbox"), Server()).send("a", message)
"""


def attempt(directory: Path, step: int) -> int:
    """Send in a process of its own, which is killed at a step; returns how it ended."""
    argv = [sys.executable, "-c", PROGRAM, str(FILES), str(directory), str(step)]
    return subprocess.run(argv, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}).returncode


def test_who_is_killed_anywhere_sends_once(tmp_path: Path) -> None:
    """At each step of a first run, and again at each step of the run that finds what the first one left."""
    ended: set[str] = set()
    for first in count(1):
        directory = tmp_path / str(first)
        directory.mkdir()
        how = attempt(directory, first)
        for second in (1, 4, 9, 0):
            attempt(directory, second)
        assert (directory / "taken").read_text() == "<a@log.example.org>\n", first
        if how == 0:
            ended.add("by itself")
            break
        assert how == -signal.SIGKILL
        ended.add("killed")
    assert first > 10
    assert ended == {"killed", "by itself"}


def test_two_at_once_send_once(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(FILES), str(tmp_path), "0"]
    for process in [subprocess.Popen(argv) for _ in range(4)]:
        assert process.wait() == 0
    assert (tmp_path / "taken").read_text() == "<a@log.example.org>\n"


def test_a_fault_of_the_disk_is_not_a_message(
    outbox: Outbox, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is handed over before the mark is on the disk."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        outbox.send("a", message())
    assert server.taken == []
    monkeypatch.undo()
    assert outbox.send("a", message())
