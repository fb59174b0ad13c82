"""Edits inventory/model/people.yml as a person would: the days on which mandates end, and nothing else."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ansible_collections.aurore.infra.plugins.module_utils.model.document import Tree, parse
from ansible_collections.aurore.infra.plugins.module_utils.model.problems import Location, ModelError, Problem
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Model, Person
from ansible_collections.aurore.infra.plugins.module_utils.model.shape import INVALID, Report, keys_of, reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

_PEOPLE, _ = keys_of(Model)["people"]


def read_people(text: str, file: str = "people.yml") -> tuple[Person, ...]:
    """Reads the people of a file's content, as the model does.

    Args:
        text: The content.
        file: Its name, for the problems.

    Raises:
        ModelError: With every problem of the file.
    """
    _, people = _read(text, file)
    return people


def end_mandates(
    text: str, ends: Mapping[str, date], file: str = "people.yml", lasts: Mapping[str, date] = MappingProxyType({})
) -> str:
    """Lets mandates end, or last longer, and leaves every other byte of the file as it is.

    A mandate that ends, or lasts, that long anyway is left. So what was done already is not done again, whatever the
    day.

    Args:
        text: The file's content.
        ends: The last day of each mandate that ends, by nick.
        file: The file's name, for the problems.
        lasts: The last day of each mandate that is renewed, by nick.

    Raises:
        ModelError: The file cannot be read, a person is not in it, a mandate begins later than it would end, or a day
            is written where it cannot be replaced safely; all of these at once.
    """
    _, people = _read(text, file)
    problems: list[Problem] = []
    for nick, day in {**lasts, **ends}.items():
        found = [one for one in people if one.nick == nick]
        if not found:
            sentence = f"'{nick}' is not in the file; correct the nick, or add the person"
            problems.append(Problem(Location(file, 1), "unknown-person", sentence))
            continue
        person, *others = found
        if others:
            sentence = f"'{nick}' is in the file more than once; keep one"
            problems.append(Problem(others[0].at("nick"), "duplicate-name", sentence))
        elif person.mandate.since > day:
            sentence = f"the mandate of '{nick}' begins after {day}, when it would end; choose a later day"
            problems.append(Problem(person.mandate.at("since"), "mandate-dates", sentence))
        elif person.mandate.until > day if nick in ends else person.mandate.until < day:
            edited = _with_until(text, person, day, file)
            if edited is None:
                sentence = f"the day on which the mandate of '{nick}' ends is not on the line of its key; put it there"
                problems.append(Problem(person.mandate.at("until"), "mandate-line", sentence))
            else:
                text = edited
    if problems:
        raise ModelError(problems)
    return text


def _with_until(text: str, person: Person, day: date, file: str) -> str | None:
    """The text with another last day of one mandate, or None when that day is not on the line where it should be.

    The line may hold the same day elsewhere: of another person, in a comment, in a name. What the text says once it is
    edited tells which of them is the one.
    """
    root, people = _read(text, file)
    # Lines stay where they are, whichever mandates were changed before.
    line = person.mandate.at("until").line
    lines = _lines(text)
    before, here, after = "".join(lines[: line - 1]), lines[line - 1], "".join(lines[line:])
    wanted = _plain(root)
    index = [one.nick for one in people].index(person.nick)
    wanted["people"][index]["mandate"]["until"] = day.isoformat()
    for match in re.finditer(re.escape(person.mandate.until.isoformat()), here):
        edited = f"{before}{here[: match.start()]}{day.isoformat()}{here[match.end() :]}{after}"
        again, problems = parse(file, edited.encode())
        if again is not None and not problems and _plain(again) == wanted:
            return edited
    return None


def _lines(text: str) -> list[str]:
    """The lines as YAML counts them, each with its end."""
    return re.findall(r"[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029])|[^\r\n\x85\u2028\u2029]+$", text)


def _read(text: str, file: str) -> tuple[Tree, tuple[Person, ...]]:
    """The file's tree, and the people in it.

    Raises:
        ModelError: With every problem of the file.
    """
    report = Report(file)
    root, report.problems = parse(file, text.encode())
    people: object = INVALID
    if root is not None and isinstance(root.value, dict) and "people" in root.value:
        people = reader(_PEOPLE)(root.value["people"], "people", report)
    elif root is not None:
        report.add(root, "missing-key", "the file is not a mapping with the key 'people'; give it that")
    if report.problems:
        raise ModelError(report.problems)
    assert root is not None
    assert isinstance(people, tuple)
    return root, people


def _plain(tree: Tree | None) -> Any:
    """What a tree holds, without its lines."""
    value = tree.value if tree is not None else None
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
