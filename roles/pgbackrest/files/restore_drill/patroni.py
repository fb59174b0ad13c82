"""The cluster as this member's Patroni sees it."""

from __future__ import annotations

import json
import ssl
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .settings import RestoreError

if TYPE_CHECKING:
    from datetime import date

    from .settings import Settings

PATIENCE = 10
"""Seconds for an answer."""


@dataclass(frozen=True)
class Member:
    """A member of the cluster."""

    name: str
    role: str
    state: str
    host: str
    port: int


def members(settings: Settings) -> list[Member]:
    """All members.

    Raises:
        RestoreError: Patroni does not say.
    """
    files = settings.certificates
    try:
        context = ssl.create_default_context(cafile=files["authority"])
        context.load_cert_chain(files["certificate"], files["key"])
        url = f"{settings.patroni}/cluster"
        with urllib.request.urlopen(url, timeout=PATIENCE, context=context) as answer:  # noqa: S310 (ours is https)
            return parse(json.load(answer))
    except (OSError, ValueError) as error:
        raise RestoreError(f"Patroni does not say who is who: {error}.") from None


def parse(cluster: dict[str, Any]) -> list[Member]:
    """The members in an answer of Patroni's; those that have not started yet have no address."""
    return [
        Member(one["name"], one["role"], one["state"], one["host"], int(one["port"]))
        for one in cluster["members"]
        if "host" in one
    ]


def primary(found: list[Member]) -> Member:
    """Who is the primary.

    Raises:
        RestoreError: nobody is.
    """
    for member in found:
        if member.role == "leader" and member.state == "running":
            return member
    raise RestoreError("There is no primary.")


def whose_turn(found: list[Member], day: date) -> str | None:
    """Whose turn it is to rehearse: a replica that follows, another one each day. Nobody's while there is none.

    All members ask at the same time, and get the same answer.
    """
    replicas = sorted(member.name for member in found if member.role != "leader" and member.state == "streaming")
    return replicas[day.toordinal() % len(replicas)] if replicas else None
