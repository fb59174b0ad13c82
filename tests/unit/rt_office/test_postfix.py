"""Talking to the mail server, and finding out what it has taken."""

from __future__ import annotations

import json
import os
import socket
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest
from rt_office import postfix
from rt_office.outbox import DoubtError, UnsentError
from rt_office.postfix import Line, Postfix, open_sessions, queue_ids, taken

from .shared import OFFICE, settings_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OK = "250 ok"


class Server:
    """An SMTP server for one conversation: what it answers to each command is given. None: it hangs up."""

    def __init__(self, **answers: str | None) -> None:
        self.answers = {"connect": "220 hello", "data": "354 go on", "content": OK, "quit": "221 bye"} | answers
        self.said: list[str] = []
        self.content = ""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    @property
    def postfix(self) -> Postfix:
        """A client of it."""
        return Postfix(OFFICE, "technique@example.org", ("127.0.0.1", self.socket.getsockname()[1]))

    def close(self) -> None:
        """Await the end of the conversation."""
        self.thread.join(30)
        self.socket.close()

    def _serve(self) -> None:
        connection, _ = self.socket.accept()
        with connection, connection.makefile("rw", newline="", encoding="utf-8") as stream:
            command = "connect"
            while (answer := self.answers.get(command, OK)) is not None:
                stream.write(f"{answer}\r\n")
                stream.flush()
                if command == "quit":
                    return
                if answer.startswith("354"):
                    self.content = "".join(iter(stream.readline, ".\r\n"))
                    command = "content"
                    continue
                line = stream.readline()
                if not line:
                    return
                self.said.append(line.strip())
                command = line.split()[0].lower()


@pytest.fixture
def serve() -> Iterator[type[Server]]:
    """Makes servers, which are gone when the test ends."""
    made: list[Server] = []

    class Kept(Server):
        def __init__(self, **answers: str | None) -> None:
            super().__init__(**answers)
            made.append(self)

    yield Kept
    for server in made:
        server.close()


def message(*to: str) -> EmailMessage:
    made = EmailMessage()
    made["To"] = ", ".join(to or ("Érdnaxe <erdnaxe@example.org>",))
    made["Message-ID"] = f"<a@{OFFICE}>"
    made.set_content("Été\n.\n.fin\n", cte="quoted-printable")
    return made


def test_a_message_is_handed_over_to_all_of_its_recipients(serve: type[Server]) -> None:
    server = serve()
    server.postfix.deliver(message("Érdnaxe <erdnaxe@example.org>", "lucille@example.org"))
    server.close()
    assert [word.lower() for word in server.said] == [
        f"ehlo {OFFICE}",
        "mail from:<technique@example.org>",
        "rcpt to:<erdnaxe@example.org>",
        "rcpt to:<lucille@example.org>",
        "data",
        "quit",
    ]
    assert server.content.isascii()
    assert "=C3=89t=C3=A9\r\n..\r\n..fin\r\n" in server.content


@pytest.mark.parametrize(
    "answers",
    [
        {"connect": "421 too busy"},
        {"connect": None},
        {"mail": "452 no room"},
        {"rcpt": "550 who is that"},
        {"data": "451 not now"},
        {"content": "452 no room"},
        {"content": "554 no"},
        {"rcpt": None},
    ],
    ids=str,
)
def test_a_refusal_is_no_doubt(serve: type[Server], answers: dict[str, str | None]) -> None:
    with pytest.raises(UnsentError, match="did not take <a@") as caught:
        serve(**answers).postfix.deliver(message())
    assert not isinstance(caught.value, DoubtError)


def test_nobody_listens() -> None:
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    with pytest.raises(UnsentError, match="refused"):
        Postfix(OFFICE, "technique@example.org", ("127.0.0.1", port)).deliver(message())


@pytest.mark.parametrize("answer", [None, "what"])
def test_without_an_answer_to_the_content_there_is_a_doubt(serve: type[Server], answer: str | None) -> None:
    server = serve(content=answer)
    with pytest.raises(DoubtError):
        server.postfix.deliver(message())


@pytest.mark.parametrize("answer", [None, "421 going down", "500 what"])
def test_however_the_two_part_the_message_is_taken(serve: type[Server], answer: str | None) -> None:
    serve(quit=answer).postfix.deliver(message())


def test_all_recipients_or_none(serve: type[Server]) -> None:
    """The second one is refused: the first one gets nothing now, so that it gets nothing twice later."""
    server = serve()
    server.answers["rcpt"] = OK

    answers = iter([OK, "550 who is that"])
    get = server.answers.get

    class Answers(dict[str, str | None]):
        def get(self, command: str, default: str | None = None) -> str | None:  # type: ignore[override]
            return next(answers) if command == "rcpt" else get(command, default)

    server.answers = Answers(server.answers)
    with pytest.raises(UnsentError):
        server.postfix.deliver(message("erdnaxe@example.org", "nobody@example.org"))
    server.close()
    assert "data" not in server.said


# --- What Postfix writes

MINE = f"<notice%3A42@{OFFICE}>"


def smtpd(message: str, process: str = "10") -> Line:
    return Line("postfix/smtpd", process, message)


CONNECTED = smtpd("connect from localhost[::1]")
CLIENT = smtpd("43F6753C62B: client=localhost[::1]")
NAMED = Line("postfix/cleanup", "11", f"43F6753C62B: message-id={MINE}")
QUEUED = Line("postfix/qmgr", "12", "43F6753C62B: from=<technique@example.org>, size=1404, nrcpt=1 (queue active)")
PARTED = smtpd("disconnect from localhost[::1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5")
LOST = smtpd("lost connection after DATA from localhost[::1]")


def test_what_was_taken_is_found_by_its_name_in_the_queue() -> None:
    assert queue_ids([CONNECTED, CLIENT, NAMED, QUEUED, PARTED], MINE) == {"43F6753C62B"}
    assert queue_ids([NAMED], "<notice%3A4@log.adm.example.org>") == set()
    assert taken([CONNECTED, CLIENT, NAMED, QUEUED, PARTED]) == {"43F6753C62B"}
    assert taken([CONNECTED, CLIENT, NAMED, LOST, PARTED]) == set()


def test_others_cannot_write_what_postfix_writes() -> None:
    """What a client says is part of lines, never a line of its own."""
    name = f"43F6753C62B: message-id={MINE}"
    assert queue_ids([smtpd(name), Line("postfix/cleanup", "1", f"A: warning: header Subject: {name}")], MINE) == set()
    told = "43F6753C62B: from=<a@b>, size=1, nrcpt=1 (queue active)"
    assert taken([smtpd(told), Line("postfix/qmgr", "1", f"A: to=<{told}>")]) == set()


@pytest.mark.parametrize(
    ("lines", "talking"),
    [
        ([], set()),
        ([CONNECTED], {"10"}),
        ([CONNECTED, CLIENT, NAMED, PARTED], set()),
        ([CONNECTED, PARTED, CONNECTED], {"10"}),
        ([CONNECTED, smtpd("connect from localhost[::1]", "20"), PARTED], {"20"}),
        # The end of a conversation that began before.
        ([PARTED], set()),
        (
            [CONNECTED, Line("postfix/master", "1", "warning: process /usr/lib/smtpd pid 10 killed by signal 9")],
            set(),
        ),
        ([CONNECTED, Line("postfix/master", "1", "warning: process /usr/lib/smtpd pid 1 killed by signal 9")], {"10"}),
        ([CONNECTED, Line("postfix/master", "1", "terminating on signal 15")], set()),
        ([CONNECTED, Line("postfix/master", "1", "daemon started -- version 3.10.13")], set()),
        ([Line("postfix/master", "1", "daemon started -- version 3.10.13"), CONNECTED], {"10"}),
    ],
)
def test_whoever_still_talks_is_known(lines: list[Line], talking: set[str]) -> None:
    assert open_sessions(lines) == talking


class Host:
    """A journal and a queue, with programs that show them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.queue("")
        marks, journal = directory / "marks", directory / "journal"
        (directory / "show").write_text(f'case "$*" in *--output=cat*) cat {marks};; *) cat {journal};; esac\n')
        marks.touch()
        self.write_programs(journal_fails=False)
        self.journal = directory / "journal"
        self.journal.touch()
        self.log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.log.bind(str(directory / "log"))
        self.is_deaf = False
        self.late: list[Line] = []
        """What gets into the journal only after the next mark."""
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def write_programs(self, *, journal_fails: bool) -> None:
        """Put the programs into place."""
        for name, body in {
            "journalctl": "echo no journal >&2; exit 1" if journal_fails else f". {self.directory}/show",
            "postqueue": f". {self.directory}/queue",
        }.items():
            program = self.directory / name
            program.write_text(f"#!/bin/sh\n{body}\n")
            program.chmod(0o755)

    def queue(self, *names: str) -> None:
        """What waits."""
        lines = [json.dumps({"queue_name": "deferred", "queue_id": name}) for name in names if name]
        (self.directory / "queue").write_text("".join(f"echo '{line}'\n" for line in lines))

    def write(self, *lines: Line) -> None:
        """Lines of Postfix's."""
        with self.journal.open("a") as file:
            for line in lines:
                entry = {"SYSLOG_IDENTIFIER": line.program, "SYSLOG_PID": line.process, "MESSAGE": line.message}
                file.write(json.dumps(entry) + "\n")

    def _listen(self) -> None:
        while (data := self.log.recv(4096)) != b"end":
            if not self.is_deaf:
                with (self.directory / "marks").open("a") as file:
                    file.write(data.decode().partition(": ")[2] + "\n")
                late, self.late = self.late, []
                self.write(*late)

    def close(self) -> None:
        """Stop listening."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.sendto(b"end", str(self.directory / "log"))
        self.thread.join()
        self.log.close()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """This host."""
    made = Host(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(postfix, "POSTQUEUE", str(tmp_path / "postqueue"))
    monkeypatch.setattr(postfix, "LOG", str(tmp_path / "log"))
    monkeypatch.setattr(postfix, "PATIENCE", 2)
    yield made
    made.close()


def has_taken(message_id: str = MINE) -> bool:
    return Postfix(OFFICE, "technique@example.org", ("127.0.0.1", 1)).has_taken(message_id, datetime.now(UTC))


@pytest.mark.parametrize(
    ("lines", "queue", "expected"),
    [
        pytest.param([], [], False, id="nothing came"),
        pytest.param([CONNECTED, CLIENT, NAMED, QUEUED, PARTED], [], True, id="sent on already"),
        pytest.param([CONNECTED, CLIENT, NAMED, PARTED], ["43F6753C62B"], True, id="in the queue only"),
        pytest.param([CONNECTED, CLIENT, NAMED, LOST, PARTED], [], False, id="killed while it sent"),
        pytest.param([CONNECTED, CLIENT, NAMED, LOST, PARTED], ["9999"], False, id="others wait"),
        pytest.param([CONNECTED, CLIENT, LOST, PARTED], [], False, id="killed before the header"),
    ],
)
def test_a_doubt_is_resolved(here: Host, lines: list[Line], queue: list[str], expected: bool) -> None:
    here.write(*lines)
    here.queue(*queue)
    assert has_taken() is expected


def test_what_another_try_left_does_not_hide_the_one_that_was_taken(here: Host) -> None:
    other = "AAAA6753C62"
    lines = [Line("postfix/cleanup", "11", f"{other}: message-id={MINE}"), LOST, PARTED]
    here.write(CONNECTED, *lines, CONNECTED, CLIENT, NAMED, QUEUED, PARTED)
    assert has_taken()


def test_the_end_of_a_conversation_is_awaited(here: Host) -> None:
    here.write(CONNECTED, CLIENT)
    here.late = [NAMED, QUEUED, PARTED]
    assert has_taken()


def test_a_conversation_without_end_is_a_doubt(here: Host) -> None:
    here.write(CONNECTED, CLIENT, NAMED)
    with pytest.raises(UnsentError, match="still busy"):
        has_taken()


def test_a_journal_that_takes_nothing_is_a_doubt(here: Host) -> None:
    here.is_deaf = True
    with pytest.raises(UnsentError, match="does not take lines"):
        has_taken()


def test_a_journal_that_cannot_be_read_is_a_doubt(here: Host) -> None:
    here.write_programs(journal_fails=True)
    with pytest.raises(UnsentError, match="no journal"):
        has_taken()


def test_a_queue_that_cannot_be_read_is_a_doubt(here: Host) -> None:
    (here.directory / "queue").write_text("echo mail system is down >&2; exit 69\n")
    with pytest.raises(UnsentError, match="mail system is down"):
        has_taken()


def test_the_office_has_one_outbox(tmp_path: Path) -> None:
    outbox = postfix.open_outbox(settings_in(tmp_path))
    assert outbox.directory == tmp_path / "state/outbox"
    assert outbox.message_id("a") == f"<a@{OFFICE}>"
