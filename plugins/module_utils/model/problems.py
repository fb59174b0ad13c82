"""What is wrong with a model: where, which rule, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple


class Location(NamedTuple):
    """A line of a file of the model; line 1 is the first."""

    file: str
    line: int


class Problem(NamedTuple):
    """One thing to mend.

    Attributes:
        location: Where a person has to look. Sorts first, so that problems come in the order of the files' lines.
        rule: Stable identifier of the rule, for documentation and for searching.
        sentence: What is wrong and what to do, in one sentence.
    """

    location: Location
    rule: str
    sentence: str

    def below(self, directory: str) -> Problem:
        """The same, with the file's path instead of its name."""
        file, line = self.location
        return self._replace(location=Location(f"{directory}/{file}" if directory else file, line))

    def __str__(self) -> str:
        return f"{self.location.file}:{self.location.line}: {self.rule}: {self.sentence}"


class ModelError(Exception):
    """The model cannot be used.

    Attributes:
        problems: All of them, sorted, each once; never empty.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


def shorten(value: object) -> str:
    """A value as it can stand in a sentence: quoted, on one line, not endless.

    Of several lines the first is enough, and a private key that was pasted by mistake stays out of logs.
    """
    if not isinstance(value, str):
        return str(value)
    first, newline, _ = value.partition("\n")
    text = repr(first)
    return f"{text[:57]}..." if newline or len(text) > 60 else text
