"""The real pinentry, on a terminal of its own."""

from __future__ import annotations

import os
import pty
import threading
import tty

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.register import pinentry


class Person:
    """Who sits at a terminal, and types when the question is there."""

    def __init__(self, question: bytes, answer: bytes) -> None:
        self.question, self.answer = question, answer
        self.master, slave = pty.openpty()
        tty.setraw(self.master)
        self.terminal = os.ttyname(slave)
        self.slave = slave
        self.seen = b""
        self.thread = threading.Thread(target=self._sit, daemon=True)
        self.thread.start()

    def _sit(self) -> None:
        answered = False
        while True:
            try:
                self.seen += os.read(self.master, 4096)
            except OSError:
                return
            if not answered and self.question in self.seen:
                os.write(self.master, self.answer)
                answered = True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "vt100")
    monkeypatch.delenv("DISPLAY", raising=False)


def test_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(b"PIN of RTC", b"12 34%\r")
    monkeypatch.setenv("GPG_TTY", person.terminal)
    assert pinentry.ask("Certificate 7\nfor ann", "PIN of RTC", ["pinentry-curses"]) == "12 34%"
    assert b"Certificate 7" in person.seen
    assert b"12 34" not in person.seen


@pytest.mark.parametrize(("typed", "why"), [(b"\t\t\r", "the question was cancelled"), (b"\r", "the answer was empty")])
def test_no_answer(monkeypatch: pytest.MonkeyPatch, typed: bytes, why: str) -> None:
    person = Person(b"PIN of RTC", typed)
    monkeypatch.setenv("GPG_TTY", person.terminal)
    with pytest.raises(pinentry.PinentryError, match=why):
        pinentry.ask("Certificate 7", "PIN of RTC", ["pinentry-curses"])


def test_no_pinentry() -> None:
    with pytest.raises(pinentry.PinentryError, match=r"^/nowhere cannot be run: No such file or directory; install"):
        pinentry.ask("a", "b", ["/nowhere"])
