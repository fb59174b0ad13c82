"""What etcd says about the cluster, as one look sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .etcd import decode, encode, end_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .etcd import Etcd


@dataclass(frozen=True)
class View:
    """The cluster, at one moment.

    Attributes:
        leader: The member that has the leader key; None while nobody has.
        lease: The lease of that key, which the leader renews; empty where it has none.
        silent: Seconds since the leader renewed it. A new leader of etcd begins to count anew.
        synchronous: The replicas of which one has flushed whatever was acknowledged.
        votes: The members that no longer listen to the leader of this lease.
    """

    leader: str | None
    lease: str
    silent: int
    synchronous: frozenset[str]
    votes: frozenset[str]


def look(etcd: Etcd, cluster: str, votes: str) -> View:
    """Looks.

    Args:
        etcd: A client; a majority must answer it.
        cluster: The prefix of Patroni's keys.
        votes: The prefix of ours.

    Raises:
        EtcdError: etcd did not answer, or refused.
    """
    keys = _keys(etcd, cluster)
    leader = keys.get(f"{cluster}leader")
    if leader is None:
        return View(None, "", 0, frozenset(), frozenset())
    name, lease = decode(leader["value"]), str(leader.get("lease", ""))
    silent = 0
    if lease:
        life = etcd.call("/v3/lease/timetolive", {"ID": lease})
        silent = int(life.get("grantedTTL", 0)) - int(life.get("TTL", 0))
    prefix = f"{votes}{name}/{lease}/"
    return View(
        leader=name,
        lease=lease,
        silent=silent,
        synchronous=_synchronous(keys.get(f"{cluster}sync"), name),
        votes=frozenset(key.removeprefix(prefix) for key in _keys(etcd, prefix)),
    )


def _keys(etcd: Etcd, prefix: str) -> dict[str, Any]:
    found = etcd.call("/v3/kv/range", {"key": encode(prefix), "range_end": encode(end_of(prefix))})
    return {decode(entry["key"]): entry for entry in found.get("kvs", [])}


def _synchronous(entry: Mapping[str, Any] | None, leader: str) -> frozenset[str]:
    """The replicas that Patroni's key names, if it is about this leader."""
    if entry is None:
        return frozenset()
    said = json.loads(decode(entry["value"]))
    names = (said.get("sync_standby") or "").split(",")
    return frozenset(name for name in names if name) if said.get("leader") == leader else frozenset()
