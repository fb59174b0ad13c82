"""Problems are sorted by place, each once, and say where to look."""

from __future__ import annotations

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.problems import Location, ModelError, Problem, shorten

LATE = Problem(Location("b.yml", 10), "a-rule", "something is wrong; mend it")
EARLY = Problem(Location("b.yml", 9), "z-rule", "something is wrong; mend it")


def test_problems_come_in_the_order_of_lines() -> None:
    error = ModelError([LATE, EARLY, LATE])
    assert error.problems == [EARLY, LATE]
    assert str(error) == "b.yml:9: z-rule: something is wrong; mend it\nb.yml:10: a-rule: something is wrong; mend it"


def test_paths() -> None:
    assert str(EARLY.below("inventory/model")).startswith("inventory/model/b.yml:9: ")
    assert EARLY.below("") == EARLY


@pytest.mark.parametrize(
    ("value", "text"),
    [("short", "'short'"), (12, "12"), ("x" * 80, "'" + "x" * 56 + "..."), ("two\nlines", "'two'...")],
)
def test_shortening(value: object, text: str) -> None:
    assert shorten(value) == text
