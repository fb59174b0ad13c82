"""Other programs, and waiting."""

from __future__ import annotations

import pytest
from restore_drill.programs import run, wait
from restore_drill.settings import RestoreError


def test_what_a_program_says() -> None:
    assert run(["/bin/sh", "-c", 'cat; echo "$WORD"'], environment={"WORD": "there"}, stdin="here\n") == "here\nthere\n"


def test_why_a_program_fails() -> None:
    with pytest.raises(RestoreError, match="too full"):
        run(["/bin/sh", "-c", "echo too full >&2; exit 3"])


def test_a_program_may_take_too_long() -> None:
    with pytest.raises(RestoreError, match="longer"):
        run(["/bin/sleep", "60"], seconds=0.1)


def test_what_comes_is_awaited() -> None:
    seen = iter([0, 0, 7])
    assert wait(lambda: next(seen), 60, "It comes", 0) == 7


def test_what_does_not_come() -> None:
    with pytest.raises(RestoreError, match="It comes: not within 0 seconds"):
        wait(lambda: False, 0, "It comes")
