"""How rules are declared and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..problems import Location, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence, Set

    from ..index import Index

type Finding = tuple[Location, str]
"""Where, and the sentence."""

type Find = Callable[[Index], Iterator[Finding]]


class Rule(NamedTuple):
    """A rule over several values.

    Attributes:
        name: Its stable identifier.
        needs: Parts of the model that must have been read whole. Where something was left out of them, the rule would
            complain of what is right, so it waits.
        find: Finds violations.
    """

    name: str
    needs: frozenset[str]
    find: Find


_FEW = 5

RULES: list[Rule] = []
"""All rules, in the order of their declaration. One identifier may have several functions."""


def rule(name: str, *needs: str) -> Callable[[Find], Find]:
    """Declares a function as a rule; see Rule for the arguments."""

    def declare(find: Find) -> Find:
        RULES.append(Rule(name, frozenset(needs), find))
        return find

    return declare


def check(index: Index, whole: Set[str]) -> list[Problem]:
    """Runs the rules.

    Args:
        index: A model of which each part holds at least what could be read.
        whole: Names of the parts of which nothing was left out.
    """
    return [
        Problem(location, name, sentence)
        for name, needs, find in RULES
        if needs <= whole
        for location, sentence in find(index)
    ]


def listed(names: Iterable[object]) -> str:
    """Names as a sentence lists them; "none" where there is none."""
    return ", ".join(sorted(map(str, names))) or "none"


def choice(names: Iterable[object]) -> str:
    """What to write instead of something that does not exist: one of some names, where there are any."""
    known = list(names)
    return f"use one of {listed(known)}" if known else "add it, since there is none yet"


def few(names: Sequence[str]) -> str:
    """Some names, quoted, and how many more there are: one cause may concern the whole fleet."""
    more = len(names) - _FEW
    return ", ".join(f"'{name}'" for name in names[:_FEW]) + (f" and {more} more" if more > 0 else "")
