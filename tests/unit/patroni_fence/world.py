"""Three members with their fences: a real daemon each, before an etcd, kernels and Patronis that are played."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from patroni_fence import __main__ as daemon
from patroni_fence import firewall
from patroni_fence.rest import PatroniUnavailableError
from patroni_fence.settings import Settings

from .memory import CLUSTER, VOTES, Client, Memory

if TYPE_CHECKING:
    import pytest

MEMBERS = {"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3"}
PATIENCE = 10
SILENCE = PATIENCE + 1
"""Seconds after which it is certain: etcd tells whole ones."""


def settings(me: str) -> Settings:
    """What the role writes for a member."""
    others = [address for name, address in MEMBERS.items() if name != me]
    return Settings(
        me=me,
        members=MEMBERS,
        endpoints=(MEMBERS[me], *others),
        cluster=CLUSTER,
        votes=VOTES,
        patience=PATIENCE,
        user="fence",
        password="secret",
        authority="ca.crt",
        certificate="nameless.crt",
        key="host.key",
        metrics="/nonexistent/patroni-fence.prom",
    )


@dataclass
class World:
    """All that is outside of the daemons.

    Attributes:
        etcd: The cluster's.
        kernels: Whom each member's kernel drops, and until when.
        failsafe: The members to whose Patroni the primary says, past etcd, that it goes on.
        deaf: The members whose Patroni does not answer.
        events: What the member whose turn it is did to its firewall, between what it changed in etcd.
    """

    etcd: Memory = field(default_factory=Memory)
    kernels: dict[str, tuple[str, float]] = field(default_factory=dict)
    failsafe: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    fences: dict[str, daemon.Fence] = field(default_factory=dict)
    turning: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[tuple[str, Any]]:
        return self.etcd.changes

    def install(self, patch: pytest.MonkeyPatch) -> World:
        """Take the place of what the daemon finds on a host."""
        patch.setattr(daemon, "tls", lambda *_: None)
        patch.setattr(daemon, "Etcd", lambda endpoints, *_, **__: Client(self.etcd, endpoints))
        patch.setattr(daemon, "Patroni", lambda address, *_, **__: _Patroni(self, address))
        patch.setattr(firewall, "close", self._close)
        patch.setattr(firewall, "open_all", self._open)
        return self

    def start(self, name: str) -> None:
        """Let a member's daemon begin, or begin anew."""
        self.fences[name] = daemon.Fence(settings(name))

    def turn(self, name: str) -> None:
        """Let a member look, and do what follows."""
        if name not in self.fences:
            self.start(name)
        self.turning.append(name)
        try:
            self.fences[name].turn()
        finally:
            self.turning.pop()

    def turns(self, names: str) -> list[tuple[str, Any]]:
        """The same for several; returns what they did meanwhile."""
        before = len(self.events)
        for name in names:
            self.turn(name)
        return self.events[before:]

    def drops(self, name: str) -> str | None:
        """Whom a member's kernel drops."""
        address, until = self.kernels.get(name, ("", 0))
        return address if self.etcd.now < until else None

    def _close(self, address: str) -> None:
        self.kernels[self.turning[-1]] = (address, self.etcd.now + firewall.HOLD)
        self.events.append(("close", address))

    def _open(self) -> None:
        self.kernels.pop(self.turning[-1], None)
        self.events.append(("open", self.turning[-1]))


@dataclass
class _Patroni:
    world: World
    address: str

    def get(self, path: str) -> Any:
        assert path == "/patroni"
        names = defaultdict(str, {f"{address}:8008": name for name, address in MEMBERS.items()})
        if names[self.address] in self.world.deaf:
            raise PatroniUnavailableError("Patroni does not answer")
        return {"failsafe_mode_is_active": True} if names[self.address] in self.world.failsafe else {"state": "running"}
