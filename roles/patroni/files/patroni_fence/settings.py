"""What the role wrote for this member."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The role's file.

    Attributes:
        me: This member's name.
        members: The address of each member's PostgreSQL, by its name.
        endpoints: Addresses of etcd's members, this host's first.
        cluster: The prefix of Patroni's keys.
        votes: The prefix of ours.
        patience: Seconds for which a leader may be silent.
        user: Of etcd.
        password: Theirs.
        authority: Paths of PEM files, by which both sides prove themselves.
        certificate: See authority.
        key: See authority.
        metrics: Path of the file that the node exporter reads.
    """

    me: str
    members: Mapping[str, str]
    endpoints: tuple[str, ...]
    cluster: str
    votes: str
    patience: int
    user: str
    password: str
    authority: str
    certificate: str
    key: str
    metrics: str


def read(path: Path) -> Settings:
    """Reads them; the password is in a file beside."""
    found = json.loads(path.read_text())
    password = (path.parent / "password").read_text().strip()
    return Settings(**(found | {"endpoints": tuple(found["endpoints"])}), password=password)
