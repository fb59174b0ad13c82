"""Packages are upgraded, and daemons that run older ones are restarted; apt, dpkg and systemd are played."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent
from ansible_collections.aurore.infra.plugins.modules import package_upgrade

from tests.unit.module_call import call

if TYPE_CHECKING:
    from collections.abc import Iterator

UPGRADE = "Inst haproxy [3.0.11-1] (3.0.11-2 Debian:13 [amd64])\nConf haproxy (3.0.11-2 Debian:13 [amd64])\n"


@dataclass
class Host:
    """A host.

    Attributes:
        directory: Its files.
        simulated: What apt says that it would do.
        states: dpkg's.
        pids: The main process of each unit.
        calls: What was done.
    """

    directory: Path
    simulated: str = ""
    states: dict[str, str] = field(default_factory=lambda: {"haproxy": "installed", "patroni": "unpacked"})
    pids: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    @property
    def drop_in(self) -> Path:
        return self.directory / "60-aurore.conf"

    def run(self, *argv: str) -> str:
        match argv:
            case ("apt-get", "--simulate", *_):
                return self.simulated
            case ("systemctl", "show", *_, unit):
                return f"MainPID={self.pids.get(unit, '0')}\nFragmentPath=\nDropInPaths={self.drop_in}\n"
        self.calls.append(" ".join(argv))
        return ""

    def apt(self, *words: str) -> str:
        self.calls.append(
            f"apt-get {words[0]} {' '.join(words[words.index('--') + 1 :]) if '--' in words else ''}".strip()
        )
        return ""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(agent, "run", made.run)
    monkeypatch.setattr(agent, "apt", made.apt)
    monkeypatch.setattr(agent, "dpkg_states", lambda: made.states)
    monkeypatch.setattr(package_upgrade, "DPKG", tmp_path)
    return made


@pytest.fixture
def process() -> Iterator[str]:
    """One that has just begun, and runs what is on the disk."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as begun:
        yield str(begun.pid)
        begun.kill()


def test_other_versions_are_installed(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.simulated = UPGRADE
    wanted: dict[str, Any] = {"names": ["haproxy", "patroni", "nonesuch"], "update": True}
    for check, done in (
        (True, ["apt-get --error-on=any"]),
        (False, ["apt-get --error-on=any", "apt-get install haproxy patroni"]),
    ):
        host.calls.clear()
        said = call(package_upgrade, capsys, check=check, **wanted)
        assert (said["changed"], said["names"], said["plan"]) == (True, ["haproxy"], ["haproxy 3.0.11-1 -> 3.0.11-2"])
        assert said["diff"] == {"before": "haproxy 3.0.11-1\n", "after": "haproxy 3.0.11-2\n"}
        assert host.calls == done


def test_nothing_is_done_where_there_is_nothing_to_do(
    host: Host, process: str, capsys: pytest.CaptureFixture[str]
) -> None:
    host.pids = {"haproxy.service": process}
    host.drop_in.touch()
    os.utime(host.drop_in, (1, 1))
    units = [{"name": "haproxy.service", "packages": ["haproxy"]}, {"name": "stopped.service"}]
    said = call(package_upgrade, capsys, names=["haproxy"], units=units)
    assert (said["changed"], said["names"], said["due"], said["plan"], host.calls) == (False, [], [], [], [])
    assert call(package_upgrade, capsys, names=["nonesuch"])["changed"] is False


def test_what_was_left_half_done_is_completed(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.simulated = "Conf patroni (4.0.7 Debian:13 [all])\n"
    said = call(package_upgrade, capsys, names=["patroni"])
    assert said["plan"] == ["patroni is completed"]
    assert host.calls == ["apt-get install patroni"]


def test_units_that_run_older_ones_are_restarted(host: Host, process: str, capsys: pytest.CaptureFixture[str]) -> None:
    now = Path(f"/proc/{process}").stat().st_mtime + 3600
    host.pids = {"patroni.service": process, "etcd.service": process}
    (host.directory / "patroni.list").touch()
    os.utime(host.directory / "patroni.list", (now, now))
    units = [{"name": "etcd.service"}, {"name": "patroni.service", "packages": ["patroni"]}]
    for check, done in ((True, []), (False, ["systemctl restart -- patroni.service"])):
        said = call(package_upgrade, capsys, check=check, units=units)
        assert (said["changed"], said["due"]) == (True, ["patroni.service"])
        assert said["plan"] == ["patroni.service is restarted: patroni is newer"]
        assert host.calls == done
    host.drop_in.touch()
    os.utime(host.drop_in, (now, now))
    assert call(package_upgrade, capsys, units=units)["due"] == ["etcd.service", "patroni.service"]


def test_another_process_of_the_unit_counts(host: Host, process: str, capsys: pytest.CaptureFixture[str]) -> None:
    later = Path(f"/proc/{process}").stat().st_mtime + 3600
    pid_file = host.directory / "postmaster.pid"
    (host.directory / "postgresql.list").touch()
    os.utime(host.directory / "postgresql.list", (later, later))
    # The main one has ended in the meantime.
    host.pids = {"patroni.service": str(2**22 + 1)}
    units = [{"name": "patroni.service", "packages": ["postgresql"], "pid_files": [str(pid_file)]}]
    assert call(package_upgrade, capsys, check=True, units=units)["due"] == []
    pid_file.write_text(f"{process}\n/var/lib/postgresql/17/main\n")
    assert call(package_upgrade, capsys, check=True, units=units)["due"] == ["patroni.service"]


def test_nothing_is_removed(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.simulated = f"{UPGRADE}Remv patroni [4.0.7]\n"
    said = call(package_upgrade, capsys, names=["haproxy"])
    assert said["failed"]
    assert said["msg"] == "package_upgrade: apt would remove patroni"
    assert host.calls == []
