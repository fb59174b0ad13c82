"""The call as a whole: one at a time, as root, and an answer whatever happens."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent, arguments

if TYPE_CHECKING:
    from tests.unit.played_host import Host


def wanted(host: Host) -> dict[str, object]:
    return {"files": [{"path": host.path("f"), "content": "x"}]}


def test_one_call_at_a_time_works_on_a_host(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "PATIENCE_SECONDS", 60)
    held = (host.root / "run/lock").open("w")
    fcntl.flock(held, fcntl.LOCK_EX)
    answers: list[list[str]] = []
    waiting, pause = threading.Event(), threading.Event()

    def note(seconds: float) -> None:
        waiting.set()
        pause.wait(seconds)

    monkeypatch.setattr(agent.time, "sleep", note)
    other = threading.Thread(target=lambda: answers.append(host.do(**wanted(host))))
    other.start()
    assert waiting.wait(30)
    assert not (host.root / "f").exists()
    held.close()
    other.join(30)
    assert answers == [["files f: created"]]


def test_another_call_is_not_waited_for_for_ever(host: Host) -> None:
    with (host.root / "run/lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert host.refuse(**wanted(host)) == "another run has worked on this host for 0 s; end it"
    assert not (host.root / "f").exists()


def test_a_host_that_cannot_be_written_to_can_be_looked_at(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "LOCK", host.root / "nowhere/lock")
    assert host.do(check=True, **wanted(host)) == ["files f: created"]
    assert "No such file or directory" in host.refuse(**wanted(host))


def test_only_root_can(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent.os, "geteuid", lambda: 1000)
    assert host.refuse(**wanted(host)) == "the connection's user is not root on this host; connect as root"


def test_what_was_done_before_a_failure_is_told(host: Host) -> None:
    host.fails("groupadd", "no")
    answer = host.ask(packages=["jq"], groups=["g"])
    assert [change["name"] for change in answer["changes"]] == ["jq"]
    assert answer["problem"].startswith("groups: g: `groupadd` ended with 1")


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(
        agent.Problem, match=r"^/usr/sbin/nowhere cannot be run on this host: No such file or directory$"
    ):
        agent.run("/usr/sbin/nowhere")


def test_a_mistake_in_the_agent_tells_its_line_and_no_secret(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(*_: object) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr(agent, "plan", mistaken)
    problem = host.refuse(files=[{"path": host.path("f"), "content": "hunter2", "no_log": True}])
    assert problem.startswith("a mistake in the agent, please report it: ValueError in line ")
    assert "hunter2" not in problem


def test_differences_are_sent_only_when_somebody_wants_them(host: Host) -> None:
    assert host.ask(check=True, diff=True, **wanted(host))["changes"][0].keys() >= {"before", "after"}
    assert host.ask(check=True, diff=False, **wanted(host))["changes"][0].keys() == {"kind", "name", "what"}


def test_an_umask_of_the_login_has_no_say(host: Host) -> None:
    before = os.umask(0o077)
    try:
        host.do(directories=[{"path": host.path("d")}], links=[{"path": host.path("l"), "target": "d"}])
        assert (host.root / "d").stat().st_mode & 0o777 == 0o755
    finally:
        os.umask(before)


def test_it_answers_in_json_on_the_last_line_and_needs_nothing_but_python(tmp_path: Path) -> None:
    """As remote.ask sends it: the source on standard input, in an isolated interpreter."""
    empty = {option: [] for option in arguments.OPTIONS}
    request = json.dumps(empty | {"check": True, "diff": False})
    lock = tmp_path / "lock"
    program = f"{Path(agent.__file__).read_text()}\nLOCK = Path({str(lock)!r})\nmain({request!r})\n"
    done = subprocess.run([sys.executable, "-I", "-"], input=program, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == {"changes": []}
    assert done.stderr == ""


def test_main_writes_the_answer(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    empty = {option: [] for option in arguments.OPTIONS}
    agent.main(json.dumps(empty | {"check": False, "diff": True}))
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"changes": []}
    assert host.calls == []
