"""Which segments of the log are archived: the program itself, on files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/patroni/files/archive-segment"
HISTORY = """1\t0/430000A0\tno recovery target specified

4\tF/44000000\tbefore 2026-11-26 10:00:00+01
"""


def archived(log: Path, name: str) -> bool:
    """Whether a segment is handed to what archives it."""
    argv = ["sh", str(PROGRAM), str(log / name), "echo", "archived"]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert said == "archived\n" or f"{name}: timeline " in said
    return said == "archived\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log of a member that is on its fifth timeline."""
    (tmp_path / "00000005.history").write_text(HISTORY)
    # Of before, and no longer true.
    (tmp_path / "00000002.history").write_text("1\t0/42000000\tno recovery target specified\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [
        ("000000010000000000000042", True),
        # Where the first timeline ended, and what a primary wrote that had not heard of it.
        ("000000010000000000000043", False),
        ("000000010000000000000044", False),
        ("000000010000000100000000", False),
        # It ended between two segments.
        ("000000040000000F00000043", True),
        ("000000040000000F00000044", False),
        ("0000000400000010000000AA", False),
        # The present one, and one of which the history says nothing.
        ("000000050000000F00000044", True),
        ("000000030000000F00000044", True),
        # No segments.
        ("00000005.history", True),
        ("000000010000000000000043.partial", True),
        ("000000010000000000000043.00000028.backup", True),
    ],
)
def test_the_dead_end_of_a_timeline_is_not_archived(log: Path, name: str, is_kept: bool) -> None:
    assert archived(log, name) is is_kept


def test_on_the_first_timeline_all_is_archived(tmp_path: Path) -> None:
    assert archived(tmp_path, "000000010000000000000043")


def test_what_archives_has_the_last_word(log: Path) -> None:
    argv = ["sh", str(PROGRAM), str(log / "000000010000000000000042"), "sh", "-c", "exit 45"]
    assert subprocess.run(argv, check=False).returncode == 45
