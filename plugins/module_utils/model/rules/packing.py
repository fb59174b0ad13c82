"""Fitting guests into the memory of nodes, where some nodes are closed to some guests.

Nodes that have the same room and are closed to the same guests are alike, and are counted instead of named: in a fleet
there are few different ones, however many nodes it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

    from ..schema import Guest


class Space(NamedTuple):
    """What counts of a node.

    Attributes:
        room: Memory left, in GiB; negative where guests want more than there is.
        groups: Anti-affinity groups that have a guest there, as far as they are those of guests to place.
    """

    room: int
    groups: frozenset[str]

    def is_open_to(self, guest: Guest) -> bool:
        """Whether no guest of its group is there."""
        return guest.anti_affinity not in self.groups

    def with_guest(self, guest: Guest) -> Space:
        """The same node, once the guest is there."""
        groups = self.groups if guest.anti_affinity is None else self.groups | {guest.anti_affinity}
        return Space(self.room - guest.memory, groups)


type Spaces = Counter[Space]
"""How many nodes there are of each."""


class GivenUp(Exception):  # noqa: N818 - nothing is wrong
    """The search has ended without an answer."""


class Patience:
    """How much may be looked at in all: about as many kinds of nodes as a processor compares in a second.

    A fleet of a few nodes needs some hundred. In a large one, best fit finds room unless hardly any is left; then the
    search could take longer than anybody waits.
    """

    def __init__(self, looks: int = 300_000) -> None:
        self._left = looks

    def spend(self, looks: int) -> None:
        """Counts what was looked at.

        Raises:
            GivenUp: That is enough.
        """
        self._left -= looks
        if self._left < 0:
            raise GivenUp


def best_fit(guests: Iterable[Guest], spaces: Spaces) -> list[Guest]:
    """Puts each guest where it leaves the least room.

    Args:
        guests: In the order in which they are placed.
        spaces: Where to; what is left of it afterwards.

    Returns:
        Those for which there was no room.
    """
    refused = []
    for guest in guests:
        space = next(_options(guest, spaces), None)
        if space is None:
            refused.append(guest)
        else:
            _put(guest, space, spaces)
    return refused


def arrange(guests: Sequence[Guest], spaces: Spaces, patience: Patience) -> list[Space] | None:
    """Looks for a place for each guest: best fit first, then everything else.

    Args:
        guests: In the order in which they are tried.
        spaces: Where to.
        patience: How long to search.

    Returns:
        The node of each, as it was before the guest came; None when there is none for all of them.

    Raises:
        GivenUp: There were too many possibilities to try them all.
    """
    if _is_hopeless(guests, spaces):
        return None
    dead: set[tuple[int, frozenset[tuple[Space, int]]]] = set()
    chosen: list[Space] = []
    # One level for each guest that has a place: what there was before it, and what is left to try.
    states = [spaces]
    options = [_options(guests[0], spaces)] if guests else []
    while len(chosen) < len(guests):
        space = next(options[-1], None)
        if space is None:
            dead.add((len(chosen), frozenset(states[-1].items())))
            states.pop()
            options.pop()
            if not chosen:
                return None
            chosen.pop()
            continue
        after = states[-1].copy()
        patience.spend(len(after))
        _put(guests[len(chosen)], space, after)
        if (len(chosen) + 1, frozenset(after.items())) in dead:
            continue
        chosen.append(space)
        if len(chosen) < len(guests):
            states.append(after)
            options.append(_options(guests[len(chosen)], after))
    return chosen


def shortage(guests: Iterable[Guest], spaces: Spaces) -> int:
    """How much memory there is too little, in GiB, when each guest takes what is left where most is.

    Args:
        guests: Those for which there is no room.
        spaces: What the others have left; negative afterwards where one was squeezed in.
    """
    missing = 0
    for guest in guests:
        space = max((space for space in spaces if space.is_open_to(guest)), default=None, key=lambda space: space.room)
        missing += guest.memory - (max(space.room, 0) if space else 0)
        if space is not None:
            _put(guest, space, spaces)
    return missing


def _is_hopeless(guests: Iterable[Guest], spaces: Spaces) -> bool:
    """Whether one guest has no place even alone, or all of them want more than there is: then no search is needed."""
    wanted = sum(guest.memory for guest in guests)
    room = sum(max(space.room, 0) * number for space, number in spaces.items())
    return wanted > room or any(next(_options(guest, spaces), None) is None for guest in guests)


def _options(guest: Guest, spaces: Spaces) -> Iterator[Space]:
    """Where a guest fits, the tightest place first."""
    fitting = [space for space in spaces if space.room >= guest.memory and space.is_open_to(guest)]
    return iter(sorted(fitting, key=lambda space: (space.room, sorted(space.groups))))


def _put(guest: Guest, space: Space, spaces: Spaces) -> None:
    spaces[space] -= 1
    if spaces[space] == 0:
        del spaces[space]
    spaces[space.with_guest(guest)] += 1
