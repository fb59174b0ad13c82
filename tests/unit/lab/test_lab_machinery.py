"""Files, processes, locks and messages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import uuid
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import __main__ as command_line
from lab import faults, lifecycle, lock, machine, mounts, network, packages, podman, processes, progress
from lab.__main__ import FAULTS, parser
from lab.commands import CommandError, run
from lab.context import Lab, Owner
from lab.errors import LabError
from lab.image import Mirrors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.fleet import Fleet, Host


def nobody_elses(other: Path) -> None:
    """For locks that only this clone has held."""
    raise AssertionError(other)


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


def test_program_that_is_not_installed() -> None:
    with pytest.raises(CommandError, match=r"not installed; make setup-lab"):
        run(("aurore-no-such-program",))


def test_processes_are_found_by_their_arguments_and_ended() -> None:
    word = f"aurore-test:{uuid.uuid4()}"
    process = subprocess.Popen(("bash", "-c", 'exec -a "$0" sleep 60', word))
    assert processes.wait_for(lambda: [*processes.find(word)] == [process.pid], seconds=5)
    threading.Thread(target=process.wait).start()
    processes.end(word)
    assert not [*processes.find(word)]


def test_only_what_has_taken_a_title_has_it() -> None:
    title = f"aurore-test:{uuid.uuid4()}"
    with sleeper(title):
        assert processes.titled(title) is None
    with sleeper("-c", 'exec -a "$0" sleep 60', title):
        assert processes.titled(title) is None
    process = subprocess.Popen(("bash", "-c", 'exec -a "$0" sleep 60', title))
    assert processes.wait_for(lambda: processes.titled(title), seconds=5) == process.pid
    process.kill()
    process.wait()


def test_waiting_ends() -> None:
    assert processes.wait_for(lambda: False, seconds=0.1) is False


def test_second_lab_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lock"
    order = []

    def second() -> None:
        with lock.held(tmp_path, nobody_elses, path):
            order.append("second")

    with lock.held(tmp_path, nobody_elses, path):
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
    with lock.held(tmp_path, nobody_elses, path) as descriptor:
        child = subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE, pass_fds=(descriptor,))
    free = threading.Event()

    def next_run() -> None:
        with lock.held(tmp_path, nobody_elses, path):
            free.set()

    thread = threading.Thread(target=next_run)
    thread.start()
    assert not free.wait(0.2)
    child.communicate(b"\n")
    thread.join()
    assert free.is_set()


def test_lock_passes_from_clone_to_clone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("/another/clone")
    asked: list[Path] = []
    with lock.held(tmp_path, asked.append, path):
        assert path.read_text() == str(tmp_path)
    assert asked == [Path("/another/clone")]


def test_lab_that_is_up_keeps_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("/another/clone")

    def refuse(other: Path) -> None:
        raise LabError("lock", f"{other} is up", "wait")

    with pytest.raises(LabError, match="/another/clone is up"), lock.held(tmp_path, refuse, path):
        pass
    assert path.read_text() == "/another/clone"


@pytest.fixture
def machine_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This machine without its root's belongings: what is given back and removed there is not the real one's."""
    before = tmp_path / "inotify-before"
    monkeypatch.setattr(machine, "INOTIFY_BEFORE", before)
    monkeypatch.setattr(machine, "INOTIFY", tmp_path / "inotify")
    monkeypatch.setattr(podman, "RUNTIME_NOTES", tmp_path / "crun")
    monkeypatch.setattr(lifecycle, "remove_shared_directories", lambda: None)
    monkeypatch.setattr(mounts, "prefix", lambda _: ())
    monkeypatch.setattr(network, "down", lambda: None)
    monkeypatch.setattr(mounts, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(network, "inhabitants", lambda: iter(()))
    return before


@contextmanager
def sleeper(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with these arguments, which is reaped when it is ended."""
    process = subprocess.Popen(("bash", "-c", 'exec sleep 60 & wait "$!"', *words))
    assert processes.wait_for(lambda: process.pid in processes.find(*words), seconds=5)
    reaper = threading.Thread(target=process.wait)
    reaper.start()
    try:
        yield process
    finally:
        process.kill()
        reaper.join()


@pytest.mark.parametrize("has_files", [True, False])
def test_what_runs_for_a_clone_that_is_gone_is_ended(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine_of_others: Path, has_files: bool
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    if has_files:
        (other / ".lab").mkdir()
    machine_of_others.write_text("128\n")
    with sleeper("-c", f"{other}/.lab/cache/etc") as cache, sleeper("a host of the other clone") as host:
        # With its files there, that lab counts as up if anything runs in its namespaces.
        monkeypatch.setattr(network, "inhabitants", lambda: iter(() if has_files else [host.pid]))
        lifecycle.take_over(lab, other)
        assert cache.poll() is not None
        assert has_files or processes.wait_for(lambda: host.poll() is not None, seconds=5)
    assert machine.INOTIFY.read_text() == "128\n"
    assert not machine_of_others.exists()


def test_lab_of_another_clone_that_is_up_is_refused(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine_of_others: Path
) -> None:
    other = tmp_path / "other"
    (other / ".lab").mkdir(parents=True)
    with sleeper("a host") as host:
        monkeypatch.setattr(network, "inhabitants", lambda: iter([host.pid]))
        with pytest.raises(LabError, match=f"make -C {other} unlab"):
            lifecycle.take_over(lab, other)
        assert host.poll() is None


def test_runtime_forgets_the_containers_of_one_storage(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine_of_others: Path
) -> None:
    for name, storage in (("ours", lab.storage), ("theirs", tmp_path / "elsewhere"), ("like", f"{lab.storage}2")):
        note = tmp_path / "crun" / name / "status"
        note.parent.mkdir(parents=True)
        note.write_text(json.dumps({"bundle": f"{storage}/overlay-containers/{name}/userdata"}))
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(podman, "run", ran.append)
    podman.forget_containers(lab, lab.storage)
    assert ran == [("crun", "delete", "--force", "ours")]


def test_podman_leaves_nothing_outside_the_lab(lab: Lab, machine_of_others: Path) -> None:
    command = podman.Podman(lab).command("ps")
    assert f"TMPDIR={lab.run}" in command
    assert 'lock_type = "file"' in (lab.run / "containers.conf").read_text()


@pytest.mark.parametrize("left", ["storage", "run", "logs", "gnupg", "nothing"])
def test_lab_that_is_half_removed_is_removed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, machine_of_others: Path, left: str
) -> None:
    for directory in list(lab.state.iterdir()):
        if directory.name != left:
            shutil.rmtree(directory)
    monkeypatch.setattr(podman, "run", lambda *_, **__: "")
    monkeypatch.setattr(lifecycle.authorities, "stop_agents", lambda _: None)
    lifecycle.down(lab, [])
    assert not lab.state.exists()


def test_what_cannot_be_removed_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch, machine_of_others: Path) -> None:
    def refuse(path: Path, *, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise OSError(16, "Device or resource busy", str(path / "storage"))

    monkeypatch.setattr(podman, "run", lambda *_, **__: "")
    monkeypatch.setattr(lifecycle.shutil, "rmtree", refuse)
    with pytest.raises(LabError, match=r"cannot remove .*/storage: Device or resource busy"):
        lifecycle.down(lab, [])


def test_molecules_notes_are_found_wherever_it_was_run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root-by-sudo")
    homes = lifecycle.molecule_homes(lab, {"ANSIBLE_HOME": "/elsewhere"})
    assert homes == [lab.owner.home / ".ansible", Path("/root-by-sudo/.ansible"), Path("/elsewhere")]
    assert Path("/elsewhere") not in lifecycle.molecule_homes(lab, {})


def test_packages_come_from_our_own_cache_only(lab: Lab, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_answers", lambda _: True)
    mirrors = Mirrors("http://mirror.example/debian", "http://mirror.example/debian-security")
    with sleeper("-c", f"{lab.cache}/etc") as ours:
        packages.ensure(lab, fleet, mirrors)
        assert ours.poll() is None
    with pytest.raises(LabError, match="port 3142 is taken"):
        packages.ensure(lab, fleet, mirrors)


@pytest.mark.parametrize("accident", ["reboot", "all killed"])
def test_what_ended_is_forgotten(lab: Lab, monkeypatch: pytest.MonkeyPatch, accident: str) -> None:
    monitors = [1]
    monkeypatch.setattr(podman, "RUNTIME_NOTES", lab.root)
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
    monkeypatch.setattr(machine, "INOTIFY_BEFORE", tmp_path / "before")
    machine.raise_limits(lab)
    machine.raise_limits(lab)
    assert setting.read_text() == during
    machine.restore_limits()
    assert setting.read_text() == limit
    assert not (tmp_path / "before").exists()


def test_no_mount_namespace_on_cgroup_v2(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.controllers").touch()
    monkeypatch.setattr(mounts, "CGROUP", tmp_path)
    assert mounts.prefix(lab) == ()


def test_refused_mount_is_told(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "CGROUP", tmp_path / "no-such-directory")
    with pytest.raises(LabError, match="mount namespace: "):
        mounts.prefix(lab)
    assert processes.titled(mounts._holder(lab)) is None


def test_children_inherit_the_lock(lab: Lab) -> None:
    assert lab.inheritance == ()
    assert replace(lab, lock=7).inheritance == (7,)


@pytest.mark.parametrize(
    "words", [["up"], ["up", "--limit", "git", "--anew"], ["down"], ["report"], ["explain", "site"]]
)
def test_command_line(words: list[str]) -> None:
    assert parser().parse_args(words).command == words[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_command_line_of_faults(fault: str) -> None:
    assert parser().parse_args([fault, "git"]).host == "git"


def test_fault_that_cannot_happen_names_the_host(lab: Lab, git: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CommandError(("podman",), 125, "no such container")

    monkeypatch.setattr(faults, "freeze", refuse)
    with pytest.raises(LabError, match="git: freeze: `podman` ended with 125: no such container"):
        command_line.cause("freeze", podman.Podman(lab), git, parser().parse_args(["freeze", "git"]))


def test_no_failure_of_a_program_is_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise CommandError(("podman",), 125, "storage is broken")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(command_line, "act", fail)
    assert command_line.main(["report"]) == 1
    said = capsys.readouterr().err
    assert "lab: report: `podman` ended with 125: storage is broken\n  What to do: " in said
    assert "lab-does-not-start.md" in said


def test_sudo_leaves_no_files_of_roots_in_the_clone() -> None:
    words = command_line.by_sudo(["up"], {"ANSIBLE_HOME": "/elsewhere", "HOME": "/home/rt"})
    assert "PYTHONDONTWRITEBYTECODE=1" in words
    assert "ANSIBLE_HOME=/elsewhere" in words
    assert words[-3:] == ("-m", "lab", "up")


@pytest.mark.parametrize(("status", "refused"), [(0, False), (1, True)])
def test_sudo_that_would_ask_where_nobody_can_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, refused: bool
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(f"#!/bin/sh\nexit {status}\n")
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    # A session of its own has no terminal.
    words = "from lab.__main__ import check_sudo; check_sudo()"
    where = {**os.environ, "PYTHONPATH": str(Path(command_line.__file__).parents[1])}
    done = subprocess.run((sys.executable, "-c", words), env=where, start_new_session=True, capture_output=True)
    assert (b"sudo asks for a password" in done.stderr) is refused


def test_journals_of_the_hosts_on_which_a_playbook_failed(
    lab: Lab, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lifecycle.hosts, "journal", lambda _, name: f"journal of {name}")
    assert str(lifecycle.explain(lab, fleet, "site")).startswith("site: see above what failed\n")
    (lab.state / "site.retry").write_text("log\nlocalhost\n")
    assert str(lifecycle.explain(lab, fleet, "site")).startswith("log: site: see above what Ansible says")
    assert capsys.readouterr().out == "\njournal of log\n"


def test_tests_that_failed_are_told_at_the_end(lab: Lab, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    lab.failed_tests.write_text("tests/faults/base/test_drift.py::test_one: assert 1 == 2\n")
    assert str(lifecycle.explain(lab, fleet, "converge")).startswith("converge: see above what failed\n")
    assert capsys.readouterr().out == "\ntests/faults/base/test_drift.py::test_one: assert 1 == 2\n\n"
