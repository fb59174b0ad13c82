"""Annotations make readers; what is left out of a record does not take its neighbours along."""

from __future__ import annotations

from typing import Annotated

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.document import Tree, parse
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Site
from ansible_collections.aurore.infra.plugins.module_utils.model.shape import INVALID, Parsed, Report, reader


def test_items_that_are_wrong_are_left_out() -> None:
    tree, _ = parse("x.yml", b"- {name: a, title: A, system: x}\n- {name: b}\n- {name: c, title: C, system: y}\n")
    assert tree is not None
    report = Report("x.yml")
    sites = reader(tuple[Site, ...])(tree, "sites", report)
    assert isinstance(sites, tuple)
    assert [site.name for site in sites] == ["a", "c"]
    assert report.damage == 2
    assert [problem.location.line for problem in report.problems] == [2, 2]


def test_a_key_too_many_is_no_damage() -> None:
    tree, _ = parse("x.yml", b"{name: a, title: A, system: x, extra: 2}")
    assert tree is not None
    report = Report("x.yml")
    assert reader(Site)(tree, "site", report) is not INVALID
    assert (len(report.problems), report.damage) == (1, 0)


def test_an_annotation_without_a_reader_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="no reader"):
        reader(list[int])


def test_readers_are_made_once() -> None:
    assert reader(Site) is reader(Site)


def test_a_long_list_is_not_compared_item_by_item() -> None:
    class Word:
        """A word that counts with how many others it is compared."""

        comparisons = 0

        def __init__(self, text: str) -> None:
            self.text = text

        def __hash__(self) -> int:
            return hash(self.text)

        def __eq__(self, other: object) -> bool:
            Word.comparisons += 1
            return isinstance(other, Word) and self.text == other.text

    words = Tree([Tree(f"w{number}", 1) for number in range(1000)], 1)
    read = reader(tuple[Annotated[Word, Parsed(Word, "a word")], ...])(words, "words", Report("x.yml"))
    assert isinstance(read, tuple)
    assert len(read) == 1000
    assert Word.comparisons < 1000
