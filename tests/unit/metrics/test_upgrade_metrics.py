"""For which packages a security upgrade waits, as metrics."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.firewall import eventually

PROGRAM = Path(__file__).parents[3] / "roles/metrics/files/upgrade_metrics.py"
SPEC = importlib.util.spec_from_file_location("upgrade_metrics", PROGRAM)
assert SPEC is not None
assert SPEC.loader is not None
upgrade_metrics = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(upgrade_metrics)

SIMULATED = """\
Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
Inst haproxy [3.0.11-1+deb13u4] (3.0.11-1+deb13u5 Debian:13.2/stable, Debian-Security:13/stable-security [amd64])
Inst patroni [4.0.6-1] (4.0.7-3~deb13u1 Debian:13.2/stable [all])
Conf haproxy (3.0.11-1+deb13u5 Debian-Security:13/stable-security [amd64])
"""
STATES = "haproxy installed\npatroni installed\netcd-server config-files\n"


def play(monkeypatch: pytest.MonkeyPatch, states: str = STATES) -> list[tuple[str, ...]]:
    """Play dpkg and apt; what they are asked."""
    asked: list[tuple[str, ...]] = []

    def run(*argv: str) -> str:
        asked.append(argv)
        return states if argv[0] == "dpkg-query" else SIMULATED

    monkeypatch.setattr(upgrade_metrics, "run", run)
    return asked


def test_only_what_the_security_archive_has_waits() -> None:
    assert upgrade_metrics.waiting(SIMULATED) == {"libssl3t64", "haproxy"}
    assert upgrade_metrics.waiting("") == set()


def test_everybody_may_read_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = play(monkeypatch)
    target = tmp_path / "upgrades.prom"
    assert upgrade_metrics.main(["--to", str(target), "haproxy", "patroni", "etcd-server", "nonesuch"]) == 0
    metric = upgrade_metrics.METRIC
    shown = f'{metric}{{package="haproxy"}} 1\n{metric}{{package="patroni"}} 0\n'
    assert target.read_text() == upgrade_metrics.HEADER + shown
    assert target.stat().st_mode & 0o777 == 0o644
    assert not target.with_suffix(".new").exists()
    assert asked[1][-3:] == ("--", "haproxy", "patroni")


def test_where_nothing_is_left_to_people_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = play(monkeypatch, "")
    target = tmp_path / "upgrades.prom"
    assert upgrade_metrics.main(["--to", str(target), "haproxy"]) == 0
    assert target.read_text() == upgrade_metrics.HEADER
    assert len(asked) == 1


HOLD = """
import fcntl, sys
with open(sys.argv[1], "w") as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.readline()
    open(sys.argv[2], "w").close()
"""


def test_whoever_installs_packages_is_waited_for(tmp_path: Path) -> None:
    lock, done = tmp_path / "lock", tmp_path / "done"
    upgrade_metrics.await_others([lock])
    with (
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(lock), str(done)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as holder,
        ThreadPoolExecutor(1) as pool,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        def seen() -> bool:
            upgrade_metrics.await_others([lock])
            return done.exists()

        waited = pool.submit(seen)
        blocked = re.compile(rf"-> POSIX +ADVISORY +READ +{os.getpid()} ")
        assert eventually(lambda: blocked.search(Path("/proc/locks").read_text()))
        holder.communicate("\n")
        assert waited.result()


def test_a_command_that_fails_is_told() -> None:
    assert upgrade_metrics.run("echo", "a") == "a\n"
    with pytest.raises(subprocess.CalledProcessError):
        upgrade_metrics.run("false")
