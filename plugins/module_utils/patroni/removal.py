"""Whether a member may be taken out of a cluster to begin anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .whole import SYNCHRONOUS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PRIMARY = frozenset({"leader", "master", "primary"})
"""What Patroni calls it, in its versions."""


def obstacles(views: Sequence[Sequence[Mapping[str, Any]]], name: str) -> list[str]:
    """Why the member must stay.

    Args:
        views: The members as each of the others sees them, of Patroni's /cluster.
        name: The member's.

    Returns:
        A sentence for each reason; none where it may go.
    """
    found = []
    for view in views:
        if any(member["name"] == name and member.get("role") in PRIMARY for member in view):
            found.append(
                f"{name} is the primary: playbooks/operations/switchover_postgresql.yml first, or await the failover"
            )
        others = [member for member in view if member["name"] != name]
        if not any(member.get("role") in PRIMARY for member in others):
            found.append(f"none of the others is the primary: there is nothing to copy {name} from")
        found += [
            f"{member['name']} is {member.get('role')}, {member.get('state')}: with {name} gone as well, nothing could "
            "be written"
            for member in others
            if not _serves(member)
        ]
    return sorted(set(found))


def _serves(member: Mapping[str, Any]) -> bool:
    """Whether it does its part: a primary runs, a replica has whatever is acknowledged."""
    role, state = member.get("role"), member.get("state")
    return state == "running" if role in PRIMARY else state == "streaming" and role in SYNCHRONOUS
