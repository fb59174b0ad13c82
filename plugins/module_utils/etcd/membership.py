"""Who is a member of etcd, and how one that has lost its data gets its place again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Member(NamedTuple):
    """A member as the others know it.

    Attributes:
        identifier: Theirs; a member that comes anew gets another.
        name: Empty until it has started for the first time.
        peer: The URL by which the others reach it.
    """

    identifier: str
    name: str
    peer: str


class Renewal(NamedTuple):
    """How a member gets its place again.

    Attributes:
        removes: Identifiers of what the others know of it from before.
        adds: Whether it is to be announced.
        cluster: All members that there are then, as ETCD_INITIAL_CLUSTER has them.
    """

    removes: tuple[str, ...]
    adds: bool
    cluster: str


def members(listed: Iterable[Mapping[str, Any]]) -> list[Member]:
    """The members in an answer of /v3/cluster/member/list."""
    return [Member(str(one["ID"]), one.get("name", ""), (one.get("peerURLs") or [""])[0]) for one in listed]


def renewal(current: Iterable[Member], name: str, peer: str) -> Renewal:
    """How a member whose data are gone gets its place again.

    One that is announced already, by a run that was interrupted, keeps that place.

    Args:
        current: Whom the others know.
        name: The member's.
        peer: The URL by which the others reach it.
    """
    others = [one for one in current if one.name != name and one.peer != peer]
    own = [one for one in current if one.name == name or one.peer == peer]
    announced = [one for one in own if not one.name and one.peer == peer]
    return Renewal(
        removes=tuple(one.identifier for one in own if one not in announced[:1]),
        adds=not announced,
        cluster=",".join(sorted([*(f"{one.name}={one.peer}" for one in others), f"{name}={peer}"])),
    )
