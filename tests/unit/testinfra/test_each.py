"""A test of each host runs on all of them at once, and its outcome on each is that one's."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from tests.testinfra import conftest

if TYPE_CHECKING:
    from pathlib import Path

CONFTEST = """
from pathlib import Path

from tests.testinfra import conftest
from tests.testinfra.conftest import *

conftest.LAB = Path("removed")
conftest.inventory = lambda: {"git": {"port": 1}, "log": {"port": 2}, "www": {"port": 3}}
conftest.journal = lambda name, since: f"what {name} says"
"""
TESTS = """
from threading import Barrier

from tests.testinfra.conftest import connect

together = Barrier(3)


def test_of_each(each, fleet):
    together.wait(timeout=30)
    name = each.backend.get_hostname()
    if name == "www":
        connect("relay")
    assert fleet[name]["port"] < 3, f"{name} is to blame"


def test_of_no_host(fleet):
    assert len(fleet) == 3
"""


def ran(directory: Path, tests: str, *options: str) -> str:
    """What pytest says of these tests."""
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "test_hosts.py").write_text(tests)
    about = ["-m", "pytest", str(directory), f"--rootdir={directory}", "-c/dev/null", "-pno:cacheprovider"]
    return conftest.run(sys.executable, *about, *options, check=False, env={"PYTHONPATH": str(conftest.ROOT)}).stdout


def test_none_waits_for_another_and_each_has_its_own_outcome(tmp_path: Path) -> None:
    said = ran(tmp_path, TESTS)
    assert "1 failed, 3 passed" in said, said
    assert re.search(r"^FAILED .*::test_of_each\[www\]", said, re.MULTILINE)
    assert "AssertionError: www is to blame" in said
    # From the test on: that another thread ran it is no news.
    assert "test_hosts.py:14: AssertionError" in said
    assert "concurrent" not in said
    assert {*re.findall("^what .* says$", said, re.MULTILINE)} == {"what www says", "what relay says"}


def test_only_the_hosts_that_are_asked_for_are_spoken_to(tmp_path: Path) -> None:
    said = ran(tmp_path, TESTS.replace("Barrier(3)", "Barrier(2)"), "-k", "git or log")
    assert "2 passed, 2 deselected" in said, said


def test_what_would_not_be_the_same_for_all_hosts_is_refused(tmp_path: Path) -> None:
    said = ran(tmp_path, "def test_of_each(each, tmp_path): ...")
    assert "AssertionError: hosts share what else it takes" in said
