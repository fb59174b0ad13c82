"""Whether Patroni may be started: what hosts have of a cluster, compared with what etcd and the backups know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

type Data = Literal["none", "cluster", "other"]
"""What is in a data directory: nothing, a PostgreSQL cluster, or something else."""


class State(TypedDict):
    """What a host has.

    Attributes:
        directory: The data directory.
        data: What is in it.
        identifier: The system identifier of the cluster in it; empty where there is none, and while Patroni runs.
        initialized: The system identifier that etcd has; empty while the cluster is being made, None where there is
            none.
        runs: Whether Patroni runs already: then it is too late to ask.
    """

    directory: str
    data: Data
    identifier: str
    initialized: str | None
    runs: bool


def refusals(
    states: Mapping[str, State], backups: int = 0, *, forget_backups: bool = False, others: Sequence[str] = ()
) -> list[str]:
    """Why Patroni must not be started on some hosts.

    A cluster is made only where there is nothing: neither data on any host, nor a cluster in etcd, nor backups of one.
    A host joins with no data, or with data of that very cluster.

    Args:
        states: Of each host that was asked.
        backups: How many the repository has.
        forget_backups: Whether a new cluster is wanted although there are some.
        others: Members that were not asked, because the run is about some hosts alone.

    Returns:
        A sentence for each reason; none where it may be started.
    """
    if any(state["runs"] for state in states.values()):
        # The cluster lives: only those who would join it are asked.
        return [*_strangers({name: state for name, state in states.items() if not state["runs"]})]
    found = _strangers(states)
    known = next((state["initialized"] for state in states.values() if state["initialized"] is not None), None)
    with_data = [name for name, state in states.items() if state["data"] == "cluster"]
    if known is None and with_data:
        directory = states[with_data[0]]["directory"]
        found.append(
            f"etcd knows no cluster, but {_named(with_data)} a database in {directory}: a new cluster would take its "
            "place. Has etcd lost its data? docs/runbooks/etcd-quorum-lost.md. Is it an old server? Move it away, and "
            "adopt its databases: docs/runbooks/adopt-a-database.md"
        )
    if known is None and not with_data and others:
        found.append(
            f"a new cluster would be made, and {_named([*others])} not been asked for data of an old one: run this "
            "without --limit"
        )
    if known and not with_data and not others:
        found.append(
            f"etcd knows the cluster {known}, but no host has its data: there is nothing to start from. Restore it: "
            "docs/runbooks/restore-postgresql.md"
        )
    if known is None and not with_data and backups and not forget_backups:
        found.append(
            f"there is no cluster, but {backups} backup(s) of one: restore them (docs/runbooks/restore-postgresql.md), "
            "or say -e patroni_forget_backups=true to begin with an empty one"
        )
    return found


def _strangers(states: Mapping[str, State]) -> list[str]:
    """Hosts that have what does not belong there."""
    found = []
    for name, state in states.items():
        if state["data"] == "other":
            found.append(
                f"{name}: {state['directory']} is not empty, and is no database; look at what it is and move it away"
            )
        elif state["data"] == "cluster" and state["initialized"] and state["identifier"] != state["initialized"]:
            found.append(
                f"{name}: {state['directory']} is of the cluster {state['identifier']}, but etcd knows "
                f"{state['initialized']}; move it away, and the host is copied from the primary"
            )
    return found


def _named(names: list[str]) -> str:
    return f"{names[0]} has" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} have"
