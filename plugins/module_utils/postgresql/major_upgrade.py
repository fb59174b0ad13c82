"""Where an upgrade to a new major version stands, by what each member has and has noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

type Phase = Literal["none", "begun", "made", "runs", "same", "over"]
"""Nothing is noted; it has begun; the first member has the new version's data; the new version runs; it was found to
have what the old one had; it is over."""


class State(TypedDict):
    """What a member has, as the program postgresql_upgrade tells it.

    Attributes:
        name: The member's.
        clusters: What the data of each version says of itself, by the version.
        runs: The version that runs.
        leads: Whether it takes writes.
        note: What was noted of the last upgrade.
    """

    name: str
    clusters: dict[str, dict[str, Any]]
    runs: int | None
    leads: bool
    note: dict[str, Any] | None


class Plan(TypedDict):
    """Where it stands.

    Attributes:
        phase: How far it has come.
        old: The old version; 0 where nobody knows.
        primary: The member that is upgraded, and that the others copy.
        way: `there` or `back`.
        place: Where the log stood when no client was let in any more.
        identifiers: Of the cluster, by the version, as the primary's data says.
        problems: Why it cannot go on; a sentence each.
    """

    phase: Phase
    old: int
    primary: str
    way: str
    place: str
    identifiers: dict[str, str]
    problems: list[str]


def plan(states: Sequence[State], to: int) -> Plan:
    """Where an upgrade stands.

    Args:
        states: Of all members.
        to: The new version.
    """
    notes = {one["name"]: one["note"] for one in states if one["note"] and one["note"]["new"] == to}
    unfinished = {name: note for name, note in notes.items() if not note["is_over"]}
    if unfinished:
        return _unfinished(states, to, unfinished)
    running = {one["runs"] for one in states}
    if running == {to}:
        old = next((note["old"] for note in notes.values()), 0)
        primary = next((note["primary"] for note in notes.values()), "")
        return _plan(states, "over", old, primary)
    old = max((version for version in running if version), default=0)
    leaders = [one["name"] for one in states if one["leads"]]
    found = _plan(states, "none", old, leaders[0] if len(leaders) == 1 else "")
    if len(running) > 1 or not old:
        told = ", ".join(f"{one['name']} {_running(one)}" for one in states)
        found["problems"].append(f"The members do not all run one version: {told}. See the cluster whole first.")
    elif old > to:
        found["problems"].append(f"PostgreSQL {old} runs, which is newer than {to}: nothing goes back.")
    if len(leaders) != 1:
        found["problems"].append(f"There must be one primary, and is {', '.join(leaders) or 'none'}.")
    return found


def _unfinished(states: Sequence[State], to: int, notes: Mapping[str, Mapping[str, Any]]) -> Plan:
    primaries = sorted({note["primary"] for note in notes.values()})
    note = notes.get(primaries[0]) or next(iter(notes.values()))
    by_name = {one["name"]: one for one in states}
    phase: Phase = "begun"
    if len(primaries) > 1 or primaries[0] not in by_name:
        found = _plan(states, phase, note["old"], primaries[0])
        found["problems"].append(
            f"An upgrade has begun from {' and from '.join(primaries)}: run this on all members, or give that up "
            "(-e way_back=true)."
        )
        return found
    first = by_name[primaries[0]]
    if note["is_same"]:
        phase = "same"
    elif first["runs"] == to:
        phase = "runs"
    elif str(to) in first["clusters"]:
        phase = "made"
    found = _plan(states, phase, note["old"], primaries[0])
    found["way"], found["place"] = note["way"], note["place"]
    return found


def _plan(states: Sequence[State], phase: Phase, old: int, primary: str) -> Plan:
    clusters = next((one["clusters"] for one in states if one["name"] == primary), {})
    identifiers = {version: str(cluster["identifier"]) for version, cluster in clusters.items()}
    return Plan(phase=phase, old=old, primary=primary, way="there", place="", identifiers=identifiers, problems=[])


def _running(one: State) -> str:
    return f"has {one['runs']}" if one["runs"] else "runs none"
