"""YAML text to a tree of values that know their lines.

Only what a configuration needs of YAML 1.2 (https://yaml.org/spec/1.2.2/, section 10.3, the core schema): mappings with
text keys, sequences, text, whole numbers, booleans, null. Anchors, aliases and tags are refused, because a reader of a
difference does not see what they bring in from elsewhere.

The composer of PyYAML is not used: the one in C recurses without a limit and ends the interpreter on deep input, and
both keep the last of two equal keys silently. Events come from libyaml where PyYAML was built with it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from .problems import Location, Problem, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

type Scalar = str | int | bool | None

MAX_DEPTH = 16
"""Deeper than any file of the model needs; shallow enough for Python's stack."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


class Tree:
    """A value and the line where its key, or else itself, begins.

    Attributes:
        value: A scalar, a dict of trees by key, or a list of trees.
        line: The first line is 1.
    """

    __slots__ = ("line", "value")

    def __init__(self, value: Scalar | dict[str, Tree] | list[Tree], line: int) -> None:
        self.value = value
        self.line = line


class _RefusedError(Exception):
    """Reading cannot go on after this; what was found is the composer's last problem."""


class _Composer:
    """Builds the tree from the events of one stream."""

    def __init__(self, events: Iterator[Any], complain: Callable[[int, str, str], None]) -> None:
        self._events = events
        self._complain = complain

    def document(self) -> Tree:
        """The only document of the stream; an empty stream is null."""
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Tree(None, 1)
        node = self._node(next(self._events), 0)
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            self._refuse(event, "yaml-documents", "a second document begins here; keep one per file")
        return node

    def _node(self, event: Any, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            self._refuse(event, "yaml-depth", f"values are nested more than {MAX_DEPTH} deep; flatten them")
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, "yaml-alias", "an alias hides what the value is; write the value out")
        if event.anchor is not None:
            self._complain(line, "yaml-anchor", "anchors are not used here; remove it")
        if event.tag is not None:
            self._complain(line, "yaml-tag", "tags are not used here; remove it")
        if isinstance(event, yaml.ScalarEvent):
            return Tree(_scalar(event), line)
        if isinstance(event, yaml.SequenceStartEvent):
            return Tree(self._sequence(depth), line)
        return Tree(self._mapping(depth), line)

    def _sequence(self, depth: int) -> list[Tree]:
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, Tree]:
        items: dict[str, Tree] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            # People look for the key; a block below it starts a line later.
            value.line = key.line
            if not isinstance(key.value, str):
                self._complain(key.line, "yaml-key", "a key is not text; put it in quotes")
            elif key.value in items:
                first = items[key.value].line
                sentence = f"key {shorten(key.value)} is already on line {first}; keep one"
                self._complain(key.line, "duplicate-key", sentence)
            else:
                items[key.value] = value
        return items

    def _refuse(self, event: Any, rule: str, sentence: str) -> None:
        self._complain(event.start_mark.line + 1, rule, sentence)
        raise _RefusedError


def _scalar(event: Any) -> Scalar:
    text: str = event.value
    if not event.implicit[0]:  # in quotes or a block: always text
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else text


def parse(file: str, text: bytes) -> tuple[Tree | None, list[Problem]]:
    """Reads one YAML document.

    Args:
        file: Name for the problems.
        text: Content, in UTF-8 (or UTF-16 with a mark of byte order).

    Returns:
        The root, or None when reading stopped early; and the problems met. Never raises for bad content.
    """
    problems: list[Problem] = []

    def complain(line: int, rule: str, sentence: str) -> None:
        problems.append(Problem(Location(file, line), rule, sentence))

    try:
        return _Composer(yaml.parse(text, Loader=_LOADER), complain).document(), problems
    except _RefusedError:
        pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark.line + 1 if error.problem_mark else 1
        # What is missing at the end of the file is missed on the line after it.
        line = max(1, min(mark, text.count(b"\n") + (not text.endswith(b"\n"))))
        complain(line, "yaml-syntax", f"this is not YAML ({error.problem}); correct the line")
    except yaml.reader.ReaderError as error:
        line = text.count(b"\n", 0, error.position) + 1
        complain(
            line, "yaml-syntax", "the line holds what is not text; save the file as UTF-8 without control characters"
        )
    return None, problems
