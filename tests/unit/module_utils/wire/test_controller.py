"""What the control machine starts, and what it says when that does not start."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.wire import agent, controller

READY = shlex.quote(agent.READY)


def shell(words: str) -> tuple[str, list[bytes]]:
    """An end that is a line of shell."""
    return "git", [b"/bin/sh", b"-c", words.encode()]


def test_what_one_end_says_the_other_hears() -> None:
    speaks = shell(f"echo {READY} >&2; echo bonjour; read answer; echo $answer >&2")
    hears = shell(f"echo {READY} >&2; read word; echo $word Émilie; read end")
    with controller.wire(hears, speaks) as ends:
        assert ends[0].process.wait(10) == 0
    assert list(ends[0].said) == ["bonjour Émilie"]
    assert ends[1].process.returncode is not None


def test_an_end_that_does_not_start() -> None:
    refused = shell("echo Permission denied >&2; exit 255")
    works = shell(f"echo {READY} >&2; read end")
    with pytest.raises(controller.WireError, match="git: Permission denied"), controller.wire(works, refused):
        pass
    with pytest.raises(controller.WireError, match="git: the connection ended"), controller.wire(shell("exit"), works):
        pass


def test_an_end_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controller, "GOES", 0.1)
    end = controller.End(*shell("exec sleep 60"), stdin=-3, stdout=-3)
    with pytest.raises(controller.WireError, match="git: nobody answered within 0 seconds"):
        end.await_ready(0.1)
    end.close()


class Connection:
    """A connection as Ansible's by SSH."""

    transport = "ssh"

    def get_option(self, name: str) -> str:
        return {"host": "git", "ssh_executable": "ssh"}[name]

    def _build_command(self, *words: str) -> list[bytes]:
        return [words[0].encode(), b"-oUser=root", *(word.encode() for word in words[2:])]


def test_a_connection_of_its_own() -> None:
    argv = controller.command(Connection(), "true")
    assert argv[:3] == [b"ssh", b"-oControlMaster=no", b"-oControlPath=none"]
    assert argv[-4:] == [b"-oUser=root", b"-T", b"git", b"true"]


def test_other_connections() -> None:
    class Other(Connection):
        transport = "docker"

    with pytest.raises(controller.WireError, match="by SSH, not by docker"):
        controller.command(Other(), "true")


def test_the_program_is_its_own_source() -> None:
    words: Any = shlex.split(controller.program(agent, "listen", "/run/x y", "postgres"))
    assert words[:3] == ["/usr/bin/python3", "-I", "-c"]
    assert "class Wire" in words[3]
    assert words[4:] == ["listen", "/run/x y", "postgres"]
