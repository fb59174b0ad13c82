"""What etcd says about the cluster, as one look sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
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
        silent: Seconds since the leader renewed it, at least. A new leader of etcd begins to count anew.
        synchronous: The replicas of which one has flushed whatever was acknowledged.
        votes: The members that no longer listen to the leader of this lease.
        revisions: Patroni's keys that this follows from, and etcd's number of their last change; 0 for one that is not
            there.
    """

    leader: str | None = None
    lease: str = ""
    silent: int = 0
    synchronous: frozenset[str] = frozenset()
    votes: frozenset[str] = frozenset()
    revisions: Mapping[str, str] = field(default_factory=dict)

    @property
    def term(self) -> str:
        """What a vote is about."""
        return f"{self.leader}/{self.lease}"


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
    leader, sync = (keys.get(f"{cluster}{name}", {}) for name in ("leader", "sync"))
    if not leader:
        return View()
    name, lease = decode(leader["value"]), str(leader.get("lease", ""))
    silent = 0
    if lease:
        life = etcd.call("/v3/lease/timetolive", {"ID": lease})
        if "grantedTTL" not in life:
            # It ended between the two questions, and the leader's key with it.
            return View()
        # What is left is told without its fraction, so up to a second less than it is.
        silent = max(0, int(life["grantedTTL"]) - int(life.get("TTL", 0)) - 1)
    term = View(name, lease).term
    return View(
        leader=name,
        lease=lease,
        silent=silent,
        synchronous=_synchronous(sync, name),
        votes=frozenset(
            key.removeprefix(votes) for key, vote in _keys(etcd, votes).items() if decode(vote["value"]) == term
        ),
        revisions={
            f"{cluster}leader": str(leader["mod_revision"]),
            f"{cluster}sync": str(sync.get("mod_revision", "0")),
        },
    )


def _keys(etcd: Etcd, prefix: str) -> dict[str, Any]:
    found = etcd.call("/v3/kv/range", {"key": encode(prefix), "range_end": encode(end_of(prefix))})
    return {decode(entry["key"]): entry for entry in found.get("kvs", [])}


def _synchronous(entry: Mapping[str, Any], leader: str) -> frozenset[str]:
    """The replicas that Patroni's key names, if it is about this leader."""
    if not entry:
        return frozenset()
    said = json.loads(decode(entry["value"]))
    names = (said.get("sync_standby") or "").split(",")
    return frozenset(name for name in names if name) if said.get("leader") == leader else frozenset()
