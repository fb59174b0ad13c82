"""Whether a cluster is whole, what an interruption would end, and who may be the next primary: pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    type Cluster = Mapping[str, Any]

PRIMARY = "leader"
SYNCHRONOUS = frozenset({"sync_standby", "quorum_standby"})
"""What Patroni calls a replica that has whatever was acknowledged, or one of those of which one has."""

MUST_NOT_SHRINK = frozenset(
    {
        "max_connections",
        "max_locks_per_transaction",
        "max_prepared_transactions",
        "max_wal_senders",
        "max_worker_processes",
    }
)
"""Parameters that a replica must not have lower than its primary: Patroni starts it with the primary's value."""


class Session(TypedDict):
    """A client of a server, in a transaction or in a backup.

    Attributes:
        pid: The server's process.
        user: Whose it is.
        database: Where it is.
        application: What it says that it is.
        seconds: Since its transaction began; 0 outside of one.
        is_backup: Whether it makes a backup.
    """

    pid: int
    user: str
    database: str
    application: str
    seconds: float
    is_backup: bool


class View(TypedDict):
    """What a member knows.

    Attributes:
        cluster: What its Patroni says at /cluster; None where it does not answer.
        problems: Whatever else did not answer, as sentences.
        sessions: Of its server.
        pending: Parameters that wait for a restart of its server, with `old_value` and `new_value`.
    """

    cluster: Cluster | None
    problems: list[str]
    sessions: list[Session]
    pending: Mapping[str, Mapping[str, str]]


class Limits(NamedTuple):
    """What still passes for well.

    Attributes:
        lag: Bytes that a replica may be behind.
        transaction: Seconds that a transaction may have run.
    """

    lag: int
    transaction: int


def primary(cluster: Cluster) -> str:
    """Who is the primary; empty where nobody is."""
    return next((member["name"] for member in cluster["members"] if member["role"] == PRIMARY), "")


def ailments(
    views: Mapping[str, View], limits: Limits, stops: Sequence[str] | None = None, members: Sequence[str] = ()
) -> list[str]:
    """Why a server of a cluster must not be stopped.

    Args:
        views: Of members, by their names.
        limits: What still passes for well.
        stops: The members whose server would be; of the others, it does not matter what they are doing. The primary,
            if nobody is named.
        members: Who must be in the cluster. Patroni itself forgets whoever it has not heard of for its ttl.

    Returns:
        A sentence for each reason; none where nothing speaks against it.
    """
    clusters = {name: view["cluster"] for name, view in views.items() if view["cluster"] is not None}
    followed = {name: primary(cluster) for name, cluster in clusters.items()}
    found = [f"{name}: {problem}" for name, view in views.items() for problem in view["problems"]]
    if len(set(followed.values())) > 1:
        said = ", ".join(f"{name} says {leader or 'nobody'}" for name, leader in followed.items())
        found.append(f"they do not agree on who is the primary: {said}")
    for cluster in clusters.values():
        found += _unwell(cluster, limits, members)
    if stops is None:
        stops = sorted({leader for leader in followed.values() if leader})
    for name in stops:
        if name not in views:
            found.append(f"nobody has asked {name} what it is doing")
        else:
            found += _busy(name, views[name]["sessions"], limits)
    # All of them say the same when all is well with them.
    return list(dict.fromkeys(found))


def _unwell(cluster: Cluster, limits: Limits, members: Sequence[str]) -> Iterator[str]:
    if cluster.get("pause"):
        yield "the cluster is paused: somebody is at work on it (patronictl resume)"
    if planned := cluster.get("scheduled_switchover"):
        yield f"a switchover is planned for {planned.get('at')} (patronictl flush)"
    leader = primary(cluster)
    if not leader:
        yield "there is no primary"
    if len(cluster["members"]) == 1:
        yield "there is no replica"
    present = {member["name"] for member in cluster["members"]}
    for name in sorted(set(members) - present):
        yield f"{name} is away: its host or its Patroni does not run, or does not reach etcd"
    for member in cluster["members"]:
        if member["name"] != leader:
            yield from _behind(member, limits)
        elif member["state"] != "running":
            yield f"{leader}, the primary, is {member['state']}"


def _behind(replica: Mapping[str, Any], limits: Limits) -> Iterator[str]:
    name, lag = replica["name"], replica.get("lag")
    if replica["state"] != "streaming":
        yield f"{name} does not follow the primary: it is {replica['state']}"
    elif not isinstance(lag, int) or lag > limits.lag:
        yield f"{name} is {lag} bytes behind the primary, and may be {limits.lag}"
    elif replica["role"] not in SYNCHRONOUS:
        yield f"{name} is no synchronous replica yet"


def _busy(name: str, sessions: Sequence[Session], limits: Limits) -> Iterator[str]:
    for session in sessions:
        who = f"{session['user']} in {session['database']} ({session['application'] or 'without a name'})"
        if session["is_backup"]:
            yield f"{name}: a backup is being made, which would fail: await its end"
        elif session["seconds"] > limits.transaction:
            yield (
                f"{name}: a transaction of {who} has run for {session['seconds']:.0f} s, and may for "
                f"{limits.transaction}: await its end, or SELECT pg_terminate_backend({session['pid']})"
            )


def successors(cluster: Cluster, wanted: str = "") -> list[str]:
    """Who may be the next primary of a cluster that is whole.

    Args:
        cluster: Of a member.
        wanted: Who is asked for; otherwise, it is whoever is first.

    Raises:
        ValueError: There is no such replica; a sentence says so.
    """
    replicas = sorted(member["name"] for member in cluster["members"] if member["role"] in SYNCHRONOUS)
    if wanted and wanted not in replicas:
        raise ValueError(f"{wanted} is no synchronous replica; these are: {', '.join(replicas)}")
    return [wanted] if wanted else replicas


def lowered(pending: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The parameters among those that wait which no restart as a replica brings, as `name (old, new)`."""
    found = []
    for name, change in sorted(pending.items()):
        old, new = str(change.get("old_value", "")), str(change.get("new_value", ""))
        if name in MUST_NOT_SHRINK and old.isdigit() and new.isdigit() and int(new) < int(old):
            found.append(f"{name} ({old}, wanted {new})")
    return found


class Sample(NamedTuple):
    """One look at who accepts writes.

    Attributes:
        when: Seconds of a clock that only goes forward.
        accepting: Whether somebody did.
    """

    when: float
    accepting: bool


def outage(samples: Sequence[Sample]) -> float:
    """The longest time between two looks at which somebody did, and between which nobody was seen to."""
    good = [sample.when for sample in samples if sample.accepting]
    return max((after - before for before, after in pairwise(good)), default=0.0)
