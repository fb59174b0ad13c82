"""Files, processes, locks and messages."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from lab import lock, machine, mounts, processes, progress
from lab.__main__ import FAULTS, parser
from lab.commands import CommandError, run
from lab.context import Lab, Owner
from lab.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path


def test_written_files_have_their_mode(lab: Lab) -> None:
    path = lab.state / "secret"
    lab.write(path, "one", 0o600)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one", 0o600)
    assert list(lab.state.glob(".*")) == []


def test_a_file_that_is_right_is_left_alone(lab: Lab) -> None:
    path = lab.state / "file"
    lab.write(path, "one")
    before = path.stat().st_ino
    lab.write(path, "one")
    assert path.stat().st_ino == before
    lab.write(path, "two")
    assert path.read_text() == "two"


def test_what_a_killed_run_left_is_overwritten(lab: Lab) -> None:
    (lab.state / ".file.partial").write_text("half")
    lab.write(lab.state / "file", "whole")
    assert (lab.state / "file").read_text() == "whole"


def test_owner_behind_sudo() -> None:
    assert Owner.current({"SUDO_UID": "0"}).name == "root"
    assert Owner.current({}).uid == os.geteuid()


def test_run() -> None:
    assert run(("cat",), stdin=b"text") == "text"
    assert run(("sh", "-c", "echo $WORD"), environment={"WORD": "x"}) == "x\n"


def test_failed_command_says_why() -> None:
    with pytest.raises(CommandError, match="`sh` ended with 3: no such thing"):
        run(("sh", "-c", "echo no such thing >&2; exit 3"))


def test_command_that_does_not_end() -> None:
    with pytest.raises(CommandError, match=r"had not ended after 0\.1 s"):
        run(("sleep", "60"), timeout=0.1)


def test_step_turns_a_command_error_into_advice(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(LabError, match=r"Trying: `false` ended with 1: it said nothing\n  What to do: "),
        progress.step("Trying"),
    ):
        run(("false",))
    assert capsys.readouterr().out == "==> Trying\n"


def test_failure_names_the_place() -> None:
    assert str(LabError("boot", "nothing listens", "look", "git")).startswith("git: boot: nothing listens\n")


def test_processes_are_found_by_their_arguments_and_ended() -> None:
    word = f"aurore-test:{uuid.uuid4()}"
    process = subprocess.Popen(("bash", "-c", 'exec -a "$0" sleep 60', word))
    assert processes.wait_for(lambda: [*processes.find(word)] == [process.pid], seconds=5)
    threading.Thread(target=process.wait).start()
    processes.end(word)
    assert not [*processes.find(word)]


def test_waiting_ends() -> None:
    assert processes.wait_for(lambda: False, seconds=0.1) is False


def test_second_lab_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lock"
    order = []

    def second() -> None:
        with lock.held(tmp_path, path):
            order.append("second")

    with lock.held(tmp_path, path):
        thread = threading.Thread(target=second)
        thread.start()
        assert processes.wait_for(lambda: "Waiting" in capsys.readouterr().out, seconds=5)
        order.append("first")
        # As `make unlab` does.
        path.unlink()
    thread.join()
    assert order == ["first", "second"]
    assert path.exists()


def test_lock_is_held_by_what_a_killed_run_started(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.held(tmp_path, path) as descriptor:
        child = subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE, pass_fds=(descriptor,))
    free = threading.Event()

    def next_run() -> None:
        with lock.held(tmp_path, path):
            free.set()

    thread = threading.Thread(target=next_run)
    thread.start()
    assert not free.wait(0.2)
    child.communicate(b"\n")
    thread.join()
    assert free.is_set()


def test_lab_of_another_clone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / ".lab").mkdir(parents=True)
    path = tmp_path / "lock"
    with lock.held(other, path):
        pass
    with pytest.raises(LabError, match=f"make -C {other} unlab"), lock.held(tmp_path, path):
        pass


def test_clone_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text(str(tmp_path / "gone"))
    with lock.held(tmp_path, path):
        assert path.read_text() == str(tmp_path)


@pytest.mark.parametrize("accident", ["reboot", "all killed"])
def test_what_ended_is_forgotten(lab: Lab, monkeypatch: pytest.MonkeyPatch, accident: str) -> None:
    monitors = [1]
    monkeypatch.setattr(machine.processes, "find", lambda *_: iter(monitors))
    machine.forget_what_ended(lab)
    (lab.run / "pid").touch()
    machine.forget_what_ended(lab)
    assert (lab.run / "pid").exists()
    if accident == "reboot":
        (lab.run / "boot-id").write_text("another boot")
    else:
        monitors.clear()
    machine.forget_what_ended(lab)
    assert not (lab.run / "pid").exists()


@pytest.mark.parametrize(("limit", "during"), [("128\n", "4096"), ("8192\n", "8192\n")])
def test_machine_gets_its_limit_back(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, during: str
) -> None:
    setting = tmp_path / "max_user_instances"
    setting.write_text(limit)
    monkeypatch.setattr(machine, "INOTIFY", setting)
    machine.raise_limits(lab)
    machine.raise_limits(lab)
    assert setting.read_text() == during
    machine.restore_limits(lab)
    assert setting.read_text() == limit


def test_no_mount_namespace_on_cgroup_v2(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.controllers").touch()
    monkeypatch.setattr(mounts, "CGROUP", tmp_path)
    assert mounts.prefix(lab) == ()


def test_children_inherit_the_lock(lab: Lab) -> None:
    assert lab.inheritance == ()
    assert replace(lab, lock=7).inheritance == (7,)


@pytest.mark.parametrize("words", [["up"], ["up", "--limit", "git", "--anew"], ["down"], ["report"]])
def test_command_line(words: list[str]) -> None:
    assert parser().parse_args(words).command == words[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_command_line_of_faults(fault: str) -> None:
    assert parser().parse_args([fault, "git"]).host == "git"
