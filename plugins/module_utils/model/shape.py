"""Trees to typed records: each key known, none missing, each value of its type.

A reader is made once from a type's annotations and then only calls functions. Reading never stops at a problem: an
item that is wrong is left out, its neighbours are read.

pydantic would do the same work. Importing it and building the records' validators takes a quarter of a second, which
each `ansible` command would pay; this takes a hundredth.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeAliasType,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from .document import Tree
from .problems import Location, Problem, shorten

if TYPE_CHECKING:
    from collections.abc import Callable

type Reader = Callable[[Tree, str, Report], object]

INVALID = object()
"""What a reader answers when the value cannot be used; the report says why."""


class Origin(NamedTuple):
    """Where a record was read.

    Attributes:
        file: The file's name.
        tree: The record's mapping.
    """

    file: str
    tree: Tree

    def at(self, *path: str) -> Location:
        """The line of what is below the record: a key of a mapping, then maybe a text in a list."""
        tree = self.tree
        for step in path:
            if isinstance(tree.value, dict):
                tree = tree.value[step]
            else:
                assert isinstance(tree.value, list)
                tree = next(item for item in tree.value if item.value == step)
        return Location(self.file, tree.line)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record[T](cls: type[T]) -> type[T]:
    """Makes a class an immutable record."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


@record
class Record:
    """A mapping of a file. Subclasses declare its keys; one with a default may be missing."""

    origin: Origin = field(repr=False, compare=False)

    def at(self, *path: str) -> Location:
        """The line of the record, or of what is below it; see Origin."""
        return self.origin.at(*path)


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text that matches a regular expression."""

    regex: str
    expects: str
    accepts: tuple[type, ...] = (str,)

    def parser(self) -> Callable[[Any], object]:
        """A function from text to text, which raises ValueError."""
        match = re.compile(self.regex).fullmatch

        def parse(value: str) -> str:
            if match(value) is None:
                raise ValueError(value)
            return value

        return parse


@dataclass(frozen=True, slots=True)
class Range:
    """A whole number between two, both included."""

    low: int
    high: int
    accepts: tuple[type, ...] = (int,)

    @property
    def expects(self) -> str:
        """What a person has to write."""
        return f"a whole number from {self.low} to {self.high}"

    def parser(self) -> Callable[[Any], object]:
        """A function from number to number, which raises ValueError."""

        def parse(value: int) -> int:
            if not self.low <= value <= self.high:
                raise ValueError(value)
            return value

        return parse


@dataclass(frozen=True, slots=True)
class Parsed:
    """A scalar that a function reads, or raises ValueError."""

    parse: Callable[[Any], object]
    expects: str
    accepts: tuple[type, ...] = (str,)

    def parser(self) -> Callable[[Any], object]:
        """The function."""
        return self.parse


@dataclass(frozen=True, slots=True)
class NotEmpty:
    """A list with one item at least."""


class Report:
    """Problems met while one file is read.

    Attributes:
        file: The file's name.
        problems: What was found.
        damage: How many values were left out. A key too many is a problem and no damage.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.damage = 0

    def add(self, tree: Tree, rule: str, sentence: str) -> None:
        """Notes a problem that leaves the record readable."""
        self.problems.append(Problem(Location(self.file, tree.line), rule, sentence))

    def invalid(self, tree: Tree, rule: str, sentence: str) -> object:
        """Notes a problem that costs a value."""
        self.add(tree, rule, sentence)
        self.damage += 1
        return INVALID


@cache
def reader(hint: Any) -> Reader:
    """The reader for an annotation.

    Args:
        hint: A record, tuple[X, ...], dict[K, V], X | None, a choice of words, or one of the above constraints.
    """
    if isinstance(hint, TypeAliasType):
        return reader(hint.__value__)
    if is_dataclass(hint):
        return _record(hint)
    arguments = get_args(hint)
    match get_origin(hint):
        case origin if origin is Annotated and isinstance(arguments[1], NotEmpty):
            return _sequence(get_args(arguments[0])[0], at_least=1)
        case origin if origin is Annotated:
            return _scalar(arguments[1])
        case origin if origin is Literal:
            return _scalar(Pattern("|".join(arguments), "one of " + ", ".join(arguments)))
        case origin if origin is tuple:
            return _sequence(arguments[0], at_least=0)
        case origin if origin is dict:
            return _mapping(reader(arguments[0]), reader(arguments[1]))
        case origin if origin is UnionType and arguments[1] is NoneType:
            return _optional(reader(arguments[0]))
    raise TypeError(f"no reader for {hint}")


def keys_of(cls: Any) -> dict[str, tuple[Any, bool]]:
    """The keys of a record: each one's annotation, and whether it must be there."""
    hints = get_type_hints(cls, include_extras=True)
    return {item.name: (hints[item.name], item.default is MISSING) for item in fields(cls) if item.name != "origin"}


def _record(cls: Any) -> Reader:
    keys = {name: (reader(hint), required) for name, (hint, required) in keys_of(cls).items()}
    names = ", ".join(keys)

    def read(tree: Tree, where: str, report: Report) -> object:
        if not isinstance(tree.value, dict):
            return _mistyped(tree, where, f"a mapping with the keys {names}", report)
        for name, item in tree.value.items():
            if name not in keys:
                report.add(item, "unknown-key", f"key {shorten(name)} is unknown here; remove it or use one of {names}")
        values: dict[str, object] = {}
        for name, (read_value, required) in keys.items():
            if name in tree.value:
                values[name] = read_value(tree.value[name], name, report)
            elif required:
                values[name] = report.invalid(tree, "missing-key", f"key '{name}' is missing; add it")
        return INVALID if INVALID in values.values() else cls(origin=Origin(report.file, tree), **values)

    return read


def _sequence(hint: Any, *, at_least: int) -> Reader:
    read_item = reader(hint)
    # Lists of words and numbers are sets: what is said twice is a slip.
    is_set = not is_dataclass(hint)

    def read(tree: Tree, where: str, report: Report) -> object:
        if not isinstance(tree.value, list):
            return _mistyped(tree, where, "a list", report)
        if len(tree.value) < at_least:
            return report.invalid(tree, "empty-list", f"'{where}' is empty; write one item at least")
        items: list[object] = []
        seen: set[object] = set()
        for item in tree.value:
            value = read_item(item, where, report)
            if value is INVALID:
                continue
            if is_set and value in seen:
                report.invalid(item, "repeated-item", f"'{where}' holds {shorten(item.value)} twice; keep one")
                continue
            items.append(value)
            if is_set:
                seen.add(value)
        return tuple(items)

    return read


def _mapping(read_key: Reader, read_value: Reader) -> Reader:
    def read(tree: Tree, where: str, report: Report) -> object:
        if not isinstance(tree.value, dict):
            return _mistyped(tree, where, "a mapping", report)
        items = [
            (read_key(Tree(name, item.line), where, report), read_value(item, name, report))
            for name, item in tree.value.items()
        ]
        return {name: item for name, item in items if name is not INVALID and item is not INVALID}

    return read


def _optional(read_value: Reader) -> Reader:
    def read(tree: Tree, where: str, report: Report) -> object:
        return None if tree.value is None else read_value(tree, where, report)

    return read


def _scalar(constraint: Pattern | Range | Parsed) -> Reader:
    accepts = constraint.accepts
    parse = constraint.parser()
    expects = constraint.expects

    def read(tree: Tree, where: str, report: Report) -> object:
        # Not isinstance: a boolean is no number here.
        if type(tree.value) not in accepts:
            # YAML took it for something else than text.
            quotes = ", in quotes" if isinstance(tree.value, int) and str in accepts else ""
            return _mistyped(tree, where, f"{expects}{quotes}", report)
        try:
            return parse(tree.value)
        except ValueError:
            sentence = f"{shorten(where)} is {shorten(tree.value)}; write {expects}"
            return report.invalid(tree, "wrong-value", sentence)

    return read


def _mistyped(tree: Tree, where: str, expects: str, report: Report) -> object:
    # Of a scalar its value: what it was to YAML (8.0 a fraction, .nan none) is more than people want to know.
    found = _DESCRIPTIONS.get(type(tree.value)) or shorten(tree.value)
    return report.invalid(tree, "wrong-type", f"{shorten(where)} is {found}; write {expects}")


_DESCRIPTIONS: dict[type, str] = {NoneType: "empty", bool: "a boolean", dict: "a mapping", list: "a list"}
