"""What runs on the host, on real files with the real ssh-keygen."""

from __future__ import annotations

import fcntl
import grp
import json
import os
import pwd
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.identity import agent

if TYPE_CHECKING:
    from tests.unit.conftest import Systemctl

ME = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name
NO_UNITS: agent.Units = {"reload": [], "restart": []}


def attributes(mode: str) -> agent.Attributes:
    return {"owner": ME, "group": GROUP, "mode": mode}


def key(path: Path, kind: str = "ed25519", form: str = "RFC4716", **more: Any) -> agent.Key:
    return {
        **attributes("0600"),
        "path": str(path),
        "type": kind,
        "format": form,
        "comment": "root@git",
        "units": NO_UNITS,
        **more,  # type: ignore[typeddict-item]
    }


@pytest.fixture
def request_(tmp_path: Path) -> agent.Inspection:
    """A request to read a host that has nothing."""
    return {
        "directories": [{**attributes("0755"), "path": str(tmp_path / "aurore/tls")}],
        "keys": [
            key(tmp_path / "ssh_key", units={"reload": ["ssh.service"], "restart": []}),
            key(tmp_path / "aurore/tls/host.key", "ecdsa", "PKCS8", mode="0640"),
        ],
        "files": [str(tmp_path / "host.crt")],
        "journal": str(tmp_path / "var/journal.json"),
        "create": True,
    }


def snapshot(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_host_that_has_nothing_says_so(request_: agent.Inspection, tmp_path: Path) -> None:
    request_["create"] = False
    answer = agent.inspect(request_)
    assert set(answer["entries"].values()) == {None}
    assert answer["created"] == []
    assert answer["pending"] == NO_UNITS
    assert snapshot(tmp_path) == {}


def test_it_makes_keys_that_are_missing(request_: agent.Inspection, tmp_path: Path) -> None:
    answer = agent.inspect(request_)
    ssh_key, directory, tls_key = (str(tmp_path / name) for name in ("ssh_key", "aurore/tls", "aurore/tls/host.key"))
    assert answer["created"] == [directory, ssh_key, tls_key]
    found = {name: entry for name, entry in answer["entries"].items() if entry}
    assert found[ssh_key] | {"public": ""} == {**attributes("0600"), "kind": "file", "text": "", "public": ""}
    assert found[ssh_key]["public"].startswith("ssh-ed25519 ")
    assert found[tls_key]["public"].startswith("ecdsa-sha2-nistp256 ")
    assert found[tls_key]["mode"] == "0640"
    assert found[directory] | {"text": ""} == {**attributes("0755"), "kind": "directory", "text": "", "public": ""}
    assert (tmp_path / "aurore/tls/host.key").read_text().startswith("-----BEGIN PRIVATE KEY-----\n")
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"ssh_key", "host.key", "journal.json"}


def test_openssl_reads_the_tls_key(request_: agent.Inspection, tmp_path: Path) -> None:
    agent.inspect(request_)
    subprocess.run(["openssl", "pkey", "-check", "-noout", "-in", tmp_path / "aurore/tls/host.key"], check=True)


def test_it_leaves_keys_that_are_there(request_: agent.Inspection, tmp_path: Path) -> None:
    first = agent.inspect(request_)
    before = snapshot(tmp_path)
    second = agent.inspect(request_)
    assert second["created"] == []
    assert second["entries"] == first["entries"]
    assert snapshot(tmp_path) == before


def test_a_key_alone_is_made_beside_one_that_is_there(request_: agent.Inspection, tmp_path: Path) -> None:
    agent.inspect(request_)
    kept = (tmp_path / "aurore/tls/host.key").read_bytes()
    (tmp_path / "ssh_key").unlink()
    assert agent.inspect(request_)["created"] == [str(tmp_path / "ssh_key")]
    assert (tmp_path / "aurore/tls/host.key").read_bytes() == kept


def test_no_private_key_leaves_the_host(request_: agent.Inspection, tmp_path: Path) -> None:
    answer = json.dumps(agent.inspect(request_))
    for path in ("ssh_key", "aurore/tls/host.key"):
        for line in (tmp_path / path).read_text().splitlines()[1:-1]:
            assert line not in answer


def test_the_units_of_a_new_key_are_noted_before_it_is_made(
    request_: agent.Inspection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: agent.Key) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(agent, "make_key", die)
    with pytest.raises(KeyboardInterrupt):
        agent.inspect(request_)
    monkeypatch.undo()
    # The units of this run are not said to be an earlier one's; those of an earlier one are.
    answer = agent.inspect(request_)
    assert answer["pending"] == {"reload": ["ssh.service"], "restart": []}


def test_leftovers_of_a_killed_run_are_replaced(request_: agent.Inspection, tmp_path: Path) -> None:
    for name in (".ssh_key.new", ".ssh_key.new.pub"):
        (tmp_path / name).write_text("half a key")
    agent.inspect(request_)
    assert (tmp_path / "ssh_key").read_text().startswith("-----BEGIN OPENSSH")
    assert not list(tmp_path.glob(".ssh_key*"))


def test_two_runs_at_once_make_one_key(request_: agent.Inspection, tmp_path: Path) -> None:
    """A run that waited for the lock finds the keys that the other made."""
    journal = Path(request_["journal"])
    journal.parent.mkdir()
    answers: list[agent.Inspected] = []
    lock = os.open(journal.parent, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    runs = [threading.Thread(target=lambda: answers.append(agent.inspect(request_))) for _ in range(2)]
    for run in runs:
        run.start()
    os.close(lock)
    for run in runs:
        run.join()
    assert sorted(len(answer["created"]) for answer in answers) == [0, 3]
    assert answers[0]["entries"] == answers[1]["entries"]


def test_public_files_are_read_whatever_they_hold(request_: agent.Inspection, tmp_path: Path) -> None:
    (tmp_path / "host.crt").write_bytes(b"caf\xe9")
    entry = agent.inspect(request_)["entries"][str(tmp_path / "host.crt")]
    assert entry
    assert entry["text"] == "caf\N{REPLACEMENT CHARACTER}"


def test_what_is_in_the_way_is_named_by_its_kind(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    entry = agent.entry(tmp_path / "link")
    assert entry
    assert entry["kind"] == "other"
    (tmp_path / "file").touch()
    assert agent.entry(tmp_path / "file" / "below") is None


def test_owners_without_a_name_are_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unknown(number: int) -> Any:
        raise KeyError(number)

    monkeypatch.setattr(agent.pwd, "getpwuid", unknown)
    monkeypatch.setattr(agent.grp, "getgrgid", unknown)
    found = agent.attributes(tmp_path.stat())
    assert (found["owner"], found["group"]) == (str(os.getuid()), str(os.getgid()))


def test_a_key_that_a_group_may_read_is_read(tmp_path: Path) -> None:
    agent.make_key(key(tmp_path / "key"))
    (tmp_path / "key").chmod(0o640)
    found = agent.entry(tmp_path / "key", is_key=True)
    assert found
    assert found["public"].startswith("ssh-ed25519 ")


def test_a_damaged_key_is_not_replaced_and_not_shown(request_: agent.Inspection, tmp_path: Path) -> None:
    (tmp_path / "ssh_key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n")
    with pytest.raises(agent.HostError, match=r"ssh_key cannot be read .*move it away to have a new one") as caught:
        agent.inspect(request_)
    assert "b3Blbn" not in str(caught.value)


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("half")
    with pytest.raises(agent.HostError, match=r"journal is not JSON"):
        agent.pending(tmp_path / "journal")


def test_a_program_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(agent.HostError, match="ssh-keygen is not installed"):
        agent.make_key(key(tmp_path / "key"))


def installation(tmp_path: Path, *files: agent.File, units: agent.Units = NO_UNITS) -> agent.Installation:
    return {"directories": [], "files": list(files), "units": units, "journal": str(tmp_path / "var/journal.json")}


def file(path: Path, text: str | None, mode: str = "0644") -> agent.File:
    return {**attributes(mode), "path": str(path), "text": text}


def test_it_writes_files_and_makes_their_units_notice(tmp_path: Path, systemctl: Systemctl) -> None:
    systemctl.set_state("ssh.service", "active")
    systemctl.set_state("nginx.service", "activating")
    units: agent.Units = {"reload": ["ssh.service", "other.service"], "restart": ["nginx.service"]}
    done = agent.install(installation(tmp_path, file(tmp_path / "host.crt", "new\n"), units=units))
    assert (tmp_path / "host.crt").read_text() == "new\n"
    assert done == {"other.service": "left inactive", "nginx.service": "restarted", "ssh.service": "reloaded"}
    assert systemctl.calls == ["restart nginx.service", "reload ssh.service"]
    assert list((tmp_path / "var").iterdir()) == []


def test_a_unit_to_reload_and_restart_is_restarted(systemctl: Systemctl) -> None:
    systemctl.set_state("a.service", "active")
    assert agent.notify({"reload": ["a.service"], "restart": ["a.service"]}) == {"a.service": "restarted"}
    assert systemctl.calls == ["restart a.service"]


def test_it_sets_attributes_without_writing(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("secret")
    path.chmod(0o644)
    number = path.stat().st_ino
    agent.install(installation(tmp_path, file(path, None, "0600")))
    assert (path.stat().st_mode & 0o7777, path.stat().st_ino, path.read_text()) == (0o600, number, "secret")


def test_it_makes_directories(tmp_path: Path) -> None:
    request = installation(tmp_path)
    request["directories"] = [{**attributes("0750"), "path": str(tmp_path / "a/b")}]
    agent.install(request)
    assert agent.attributes((tmp_path / "a/b").stat()) == attributes("0750")


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "host.crt"
    path.write_text("old")

    def die(*_: object) -> None:
        assert path.read_text() == "old"
        raise KeyboardInterrupt

    monkeypatch.setattr(agent, "_set_attributes", die)
    with pytest.raises(KeyboardInterrupt):
        agent.write(path, "new", attributes("0644"))
    assert path.read_text() == "old"


def test_an_unknown_group_is_named(tmp_path: Path) -> None:
    wanted: agent.Attributes = {"owner": ME, "group": "no-such-group", "mode": "0644"}
    with pytest.raises(agent.HostError, match=r"host.crt.*no-such-group"):
        agent.write(tmp_path / "host.crt", "new", wanted)
    assert not (tmp_path / "host.crt").exists()


def test_a_unit_that_did_not_notice_is_owed(tmp_path: Path, systemctl: Systemctl) -> None:
    systemctl.set_state("ssh.service", "active")
    systemctl.misbehave("echo 'Job failed' >&2; exit 1")
    units: agent.Units = {"reload": ["ssh.service"], "restart": []}
    with pytest.raises(agent.HostError, match=r"`systemctl reload ssh.service` failed: Job failed"):
        agent.install(installation(tmp_path, file(tmp_path / "host.crt", "new"), units=units))
    assert agent.pending(tmp_path / "var/journal.json") == units

    systemctl.behave()
    # The next run has other units, and nothing to write.
    agent.install(installation(tmp_path, units={"reload": [], "restart": ["nginx.service"]}))
    assert systemctl.calls == ["reload ssh.service"]
    assert agent.pending(tmp_path / "var/journal.json") == NO_UNITS


def test_a_failure_without_words_has_its_status(systemctl: Systemctl) -> None:
    systemctl.set_state("ssh.service", "active")
    systemctl.misbehave("exit 4")
    with pytest.raises(agent.HostError, match="failed: exit status 4"):
        agent.notify({"reload": ["ssh.service"], "restart": []})


def asked(operation: str, request: object) -> str:
    return json.dumps({"operation": operation, "request": request})


def test_main_answers_on_the_last_line(
    request_: agent.Inspection, tmp_path: Path, capsys: pytest.CaptureFixture[str], systemctl: Systemctl
) -> None:
    umask = os.umask(0o077)
    try:
        agent.main(asked("inspect", request_))
    finally:
        os.umask(umask)
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])["answer"]
    assert len(answer["created"]) == 3
    assert (tmp_path / "aurore").stat().st_mode & 0o777 == 0o755, "whatever the login's umask"

    systemctl.set_state("ssh.service", "active")
    agent.main(asked("install", installation(tmp_path)))
    assert json.loads(capsys.readouterr().out) == {"answer": {"ssh.service": "reloaded"}}


@pytest.mark.parametrize("problem", ["host.crt/below", "damaged"])
def test_main_answers_with_the_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str], problem: str) -> None:
    (tmp_path / "host.crt").touch()
    (tmp_path / "var").mkdir()
    if problem == "damaged":
        (tmp_path / "var/journal.json").write_text("?")
    agent.main(asked("install", installation(tmp_path, file(tmp_path / problem, "new"))))
    assert str(tmp_path) in json.loads(capsys.readouterr().out)["problem"]


def test_it_needs_nothing_but_the_hosts_python(request_: agent.Inspection) -> None:
    """As the action plugin sends it: its source, then the call."""
    request_["create"] = False
    program = f"{Path(agent.__file__).read_text()}\nmain({asked('inspect', request_)!r})\n"
    command = ["/usr/bin/python3", "-I", "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["answer"] == agent.inspect(request_)
