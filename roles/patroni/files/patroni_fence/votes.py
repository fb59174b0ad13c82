"""Votes, in etcd: who no longer listens to whom.

Each member has one vote, about one term of one leader. A vote is taken back, and a term is ended, only if what was seen
still holds. So the two cannot cross: whoever takes a vote back in time keeps the term from ending, and whoever comes
too late goes on not listening.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .etcd import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .etcd import Etcd
    from .view import View

LASTS = 10
"""Seconds for which a vote counts. They begin before firewall.HOLD, and are fewer: no vote outlives what it says."""


class Votes:
    """One member's vote, and what it takes to end a term."""

    def __init__(self, etcd: Etcd, cluster: str, prefix: str, me: str) -> None:
        """Does nothing yet.

        Args:
            etcd: A client; a majority must answer it.
            cluster: The prefix of Patroni's keys.
            prefix: The prefix of votes.
            me: This member's name.
        """
        self._etcd = etcd
        self._cluster = cluster
        self._prefix = prefix
        self._me = me

    def prepare(self) -> str:
        """The time that a vote has, from now on, for `give`."""
        return str(self._etcd.call("/v3/lease/grant", {"TTL": str(LASTS)})["ID"])

    def give(self, view: View, lease: str) -> None:
        """Says that this member no longer listens to the leader of this term."""
        vote = {"key": encode(f"{self._prefix}{self._me}"), "value": encode(view.term), "lease": lease}
        self._etcd.call("/v3/kv/put", vote)

    def take_back(self, view: View) -> bool:
        """Says that this member listens again, if the leader is still the one that was seen."""
        return self._delete(f"{self._prefix}{self._me}", view, [])

    def end(self, view: View) -> bool:
        """Ends the term, if each synchronous replica's vote still stands."""
        votes = [
            {"key": encode(f"{self._prefix}{name}"), "target": "VALUE", "result": "EQUAL", "value": encode(view.term)}
            for name in sorted(view.synchronous)
        ]
        if not self._delete(f"{self._cluster}leader", view, votes):
            return False
        # Whatever else it kept: a member that is gone is not asked what it has.
        self._etcd.call("/v3/lease/revoke", {"ID": view.lease})
        return True

    def _delete(self, key: str, view: View, conditions: Sequence[dict[str, Any]]) -> bool:
        """Deletes a key if the view and the conditions hold; returns whether they did."""
        unchanged = [
            {"key": encode(name), "target": "MOD", "result": "EQUAL", "mod_revision": revision}
            for name, revision in view.revisions.items()
        ]
        request = {
            "compare": [*unchanged, *conditions],
            "success": [{"request_delete_range": {"key": encode(key)}}],
        }
        return bool(self._etcd.call("/v3/kv/txn", request).get("succeeded"))
