"""What those who write and those who watch have said, line by line, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Line:
    """What a writer or a watcher has said."""

    when: float
    what: str
    more: str


def lines_of(text: str) -> Iterator[Line]:
    """Read what they have written."""
    for line in text.splitlines():
        when, what, *more = line.split(maxsplit=2)
        yield Line(float(when), what, *more or [""])


# --- Who writes


def outage(acknowledged: dict[int, float]) -> float:
    """The longest time without an acknowledged row."""
    return max(after - before for before, after in pairwise(sorted(acknowledged.values())))


PAUSE = 0.5
"""Seconds without an acknowledged row that are an interruption."""


@dataclass(frozen=True)
class Interruptions:
    """What somebody who writes noticed, in seconds.

    Attributes:
        refused: How long each time was in which the client was told an error, or had to connect again.
        late: How long each row took that was only late: it was sent once, and acknowledged.
    """

    refused: list[float]
    late: list[float]

    def __str__(self) -> str:
        """Say it in one line."""
        refused, late = (f"{sum(each):.2f} s in {len(each)}" for each in (self.refused, self.late))
        return f"refused {refused} interruption(s), late {late}"


def interruptions(lines: list[Line]) -> Interruptions:
    """Read what a writer has noticed."""
    found: dict[bool, list[float]] = {True: [], False: []}
    last, told = None, False
    for line in lines:
        if line.what != "acknowledged":
            told = told or line.what in ("error", "connected")
            continue
        if last is not None and line.when - last > PAUSE:
            found[told].append(line.when - last)
        last, told = line.when, False
    return Interruptions(found[True], found[False])


# --- Who watches


@dataclass(frozen=True)
class Reign:
    """A time in which a member's server acknowledged writes, by the member's own account.

    Attributes:
        begin: When the first one was acknowledged.
        end: When the last one of those was asked for.
    """

    member: str
    begin: float
    end: float


def reigns(member: str, lines: list[Line]) -> Iterator[Reign]:
    """Read the times in which a member acknowledged writes."""
    begin = end = 0.0
    for line in [*lines, Line(0, "end", "")]:
        if line.what == "primary":
            begin, end = begin or line.when, float(line.more)
        elif begin:
            yield Reign(member, begin, end)
            begin = 0.0


def overlaps(all_reigns: list[Reign]) -> list[tuple[Reign, Reign]]:
    """The times in which two members acknowledged writes: one was asked for when the other had begun to do so."""
    return [
        (one, other)
        for one, other in combinations(all_reigns, 2)
        if one.member != other.member and max(one.begin, other.begin) <= min(one.end, other.end)
    ]
