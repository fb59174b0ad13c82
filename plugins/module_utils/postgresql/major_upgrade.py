"""Where an upgrade to a new major version stands, by what each member has and has noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

type Phase = Literal["none", "begun", "made", "runs", "same", "over"]
"""Nothing is noted; it has begun; the first member has the new version's data; the new version runs; it was found to
have what the old one had; it is over."""

REPLICAS = {"shut down in recovery", "in archive recovery"}
"""What the data of a replica says of its state."""


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
        primary: The member that is upgraded, or has the data to go back to, and that the others copy: whoever leads
            with the old version, or else who is noted.
        ahead: Who has more of the old version's log than the primary; mostly nobody.
        way: `there` or `back`.
        is_back: Whether the old version works as if no upgrade had been, or as it did before one had come far: a member
            leads with it, and none has data of the new one.
        place: Where the log stood when no client was let in any more.
        may_lose: Whether clients may have written into the new version, which is lost on the way back.
        identifiers: Of the cluster, by the version, as the primary's data says.
        problems: Why it cannot go on; a sentence each.
    """

    phase: Phase
    old: int
    primary: str
    ahead: str
    way: str
    is_back: bool
    place: str
    may_lose: bool
    identifiers: dict[str, str]
    problems: list[str]


def plan(states: Sequence[State], to: int) -> Plan:
    """Where an upgrade stands.

    Args:
        states: Of all members.
        to: The new version.
    """
    notes = {one["name"]: one["note"] for one in states if one["note"] and one["note"]["new"] == to}
    if not all(note["is_over"] for note in notes.values()):
        return _unfinished(states, to, notes)
    running = {one["runs"] for one in states}
    leaders = [one["name"] for one in states if one["leads"]]
    if running <= {to, None} and (notes or running == {to}):
        # It is over, also while a member is down.
        note = next(iter(notes.values()), None)
        found = _plan(states, "over", note["old"] if note else 0, note["primary"] if note else "")
        found["may_lose"] = True
    else:
        old = max((version for version in running if version), default=0)
        found = _plan(states, "none", old, leaders[0] if len(leaders) == 1 else "")
        if old > to:
            found["problems"].append(f"PostgreSQL {old} runs, which is newer than {to}: nothing goes back.")
        if len(leaders) != 1:
            found["problems"].append(_leaders(leaders))
    if len(running) > 1 or running == {None}:
        found["problems"].append(
            f"The members do not all run one version: {_all(states)}. See the cluster whole first."
        )
    return found


def fits(version: int, versions: Collection[int], note: Mapping[str, Any] | None) -> bool:
    """Whether a member may have the programs and the configuration of a version.

    The old version's data is kept beside the new one's, so what was noted comes before what is there. While an upgrade
    is not over, nothing may start a server or let clients in but what completes it: from the old data they would write
    what the new data has not, and into new data that nobody has compared.

    Args:
        version: The version.
        versions: Of which the member has data.
        note: What it has noted of the last upgrade.
    """
    if note is None:
        return not versions or version in versions
    if note["way"] == "back":
        return bool(version == note["old"])
    if note["is_over"]:
        return bool(version == note["new"])
    return bool(version == note["new"] and version in versions and note["is_same"])


def _unfinished(states: Sequence[State], to: int, notes: Mapping[str, Mapping[str, Any]]) -> Plan:
    primaries = sorted({note["primary"] for note in notes.values()})
    note = notes.get(primaries[0]) or next(iter(notes.values()))
    first = next((one for one in states if one["name"] == primaries[0]), None)
    running = {one["runs"] for one in states}
    way = "back" if any(one["way"] == "back" for one in notes.values()) else "there"
    # Since it was noted, another member may have become the primary, and have acknowledged what the first one has not.
    leaders = [one["name"] for one in states if one["leads"] and one["runs"] == note["old"]]
    primary = leaders[0] if leaders else primaries[0]
    found = _plan(states, _phase(first, note, to), note["old"], primary)
    found["ahead"] = _ahead(states, note["old"], primary)
    found["way"], found["place"] = way, notes.get(primary, note)["place"]
    is_new_there = any(str(to) in one["clusters"] for one in states)
    found["is_back"] = len(leaders) == 1 and not found["ahead"] and not is_new_there
    # Whoever runs the new version may have been written to, also by a client whom nobody meant to let in; whether he
    # was is looked at. Once it is on its way back and stopped, that has been done.
    found["may_lose"] = to in running or (way == "there" and any(one["is_same"] for one in notes.values()))
    # Who leads is noted once more, on all members.
    if (len(primaries) > 1 and not leaders) or not first:
        found["problems"].append(
            f"An upgrade has begun from {' and from '.join(primaries)}: run this on all members, or give that up "
            "(-e way_back=true)."
        )
    if found["phase"] == "made" and note["old"] in running:
        found["problems"].append(
            f"PostgreSQL {note['old']} was started again after the data of {to} was made, which may lack what has been "
            "written since: give that up (-e way_back=true), and begin again."
        )
    if first:
        found["problems"] += _failed_over(states, found, first, leaders, to)
    return found


def _failed_over(states: Sequence[State], found: Plan, first: State, leaders: Sequence[str], to: int) -> list[str]:
    """Why it cannot go on from whoever leads now; said before a client is shut out."""
    old, name = found["old"], first["name"]
    if found["phase"] == "begun" and first["runs"] == old and len(leaders) != 1:
        return [f"{_leaders(leaders)} Run this again once there is."]
    if found["phase"] == "begun" and found["primary"] != name and {one["runs"] for one in states} != {old}:
        return [
            f"{found['primary']} is the primary now, rather than {name}, and not all members run: {_all(states)}. See "
            "the cluster whole, and run this again."
        ]
    leads = [one["name"] for one in states if one["leads"] and one["runs"] == to]
    if found["phase"] in {"made", "runs"} and leads and name not in leads:
        return [
            f"{leads[0]} is the primary now, and only {name} can be completed: see the cluster whole, hand over to it "
            f"(patronictl -c /etc/patroni/config.yml switchover --candidate {name}), and run this again."
        ]
    return []


def _ahead(states: Sequence[State], old: int, primary: str) -> str:
    """Who has more of the old version's log than the primary; nobody where that has most.

    Each promotion begins a timeline, and who was promoted has all of it. Only two replicas differ by how far they came.
    """

    def log(one: State) -> tuple[int, bool, int]:
        data = one["clusters"].get(str(old))
        return (data["timeline"], data["state"] not in REPLICAS, data["end"]) if data else (0, False, 0)

    most = max(states, key=log)
    has = max((log(one) for one in states if one["name"] == primary), default=(0, False, 0))
    return most["name"] if log(most) > has else ""


def _phase(first: State | None, note: Mapping[str, Any], to: int) -> Phase:
    if note["is_same"]:
        return "same"
    if first and first["runs"] == to:
        return "runs"
    return "made" if first and str(to) in first["clusters"] else "begun"


def _plan(states: Sequence[State], phase: Phase, old: int, primary: str) -> Plan:
    clusters = next((one["clusters"] for one in states if one["name"] == primary), {})
    return Plan(
        phase=phase,
        old=old,
        primary=primary,
        ahead="",
        way="there",
        is_back=False,
        place="",
        may_lose=False,
        identifiers={version: str(cluster["identifier"]) for version, cluster in clusters.items()},
        problems=[],
    )


def _leaders(names: Sequence[str]) -> str:
    return f"There must be one primary, and is {', '.join(names) or 'none'}."


def _all(states: Sequence[State]) -> str:
    return ", ".join(f"{one['name']} {f'has {one["runs"]}' if one['runs'] else 'runs none'}" for one in states)
