"""A model seen from its names: what rules and derivation look up, computed once."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from .schema import ANY, Guest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from .fields import Kind, Purpose
    from .schema import AutonomousSystem, Common, Host, Listen, Model, Network, Node, Service, Site

    class Named(Protocol):
        """What has a name."""

        @property
        def name(self) -> str:
            """The name."""


def by_name[N: Named](records: Iterable[N]) -> dict[str, N]:
    """Records by their names, in their order; of two with the same name, the first."""
    found: dict[str, N] = {}
    for item in records:
        found.setdefault(item.name, item)
    return found


class Index:
    """Look-ups in one model.

    They hold for a model that breaks rules, too: what does not exist is left out, so that each rule only says its own.

    Attributes:
        model: What is looked into.
        today: Decides what is over; without it, all is.
    """

    def __init__(self, model: Model, today: date = date.max) -> None:
        self.model = model
        self.today = today

    @cached_property
    def sites(self) -> dict[str, Site]:
        """Sites by name."""
        return by_name(self.model.sites)

    @cached_property
    def networks(self) -> dict[str, Network]:
        """Networks by name."""
        return by_name(self.model.networks)

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """Nodes by name."""
        return by_name(self.model.nodes)

    @cached_property
    def services(self) -> dict[str, Service]:
        """Services by name."""
        return by_name(self.model.services)

    @cached_property
    def listens(self) -> tuple[Listen, ...]:
        """All ports on which something answers."""
        return *self.model.common, *(listen for service in self.model.services for listen in service.listens)

    @cached_property
    def autonomous_systems(self) -> dict[str, AutonomousSystem]:
        """Autonomous systems by name."""
        return by_name(self.model.autonomous_systems)

    @cached_property
    def all_hosts(self) -> tuple[Host, ...]:
        """Nodes, guests and rented hosts, in the files' order."""
        return *self.model.nodes, *self.model.guests, *self.model.rented

    @cached_property
    def hosts(self) -> dict[str, Host]:
        """All hosts by name."""
        return by_name(self.all_hosts)

    @cached_property
    def carriers(self) -> dict[str, list[Host]]:
        """The hosts of each service that the model or a host names."""
        found: dict[str, list[Host]] = {name: [] for name in self.services}
        for host in self.all_hosts:
            for service in host.services:
                found.setdefault(service, []).append(host)
        return found

    @cached_property
    def networks_by_purpose(self) -> dict[Purpose, list[Network]]:
        """Networks of each purpose that has any."""
        found: dict[Purpose, list[Network]] = {}
        for network in self.networks.values():
            found.setdefault(network.purpose, []).append(network)
        return found

    @cached_property
    def common_of(self) -> dict[Kind, list[Common]]:
        """What runs on the hosts of each kind whatever their services."""
        found: dict[Kind, list[Common]] = {"node": [], "guest": [], "rented": []}
        for item in self.model.common:
            for kind in item.kinds:
                found[kind].append(item)
        return found

    @cached_property
    def node_sites(self) -> Counter[str]:
        """How many nodes each site has that has any."""
        return Counter(node.site for node in self.nodes.values())

    @cached_property
    def closed_of_group(self) -> dict[str, Counter[str]]:
        """How many nodes of each site the guests of each anti-affinity group close to each other."""
        nodes: dict[str, set[str]] = {}
        for guest in self.model.guests:
            if guest.anti_affinity is not None:
                nodes.setdefault(guest.anti_affinity, set()).add(guest.node)
        return {
            group: Counter(self.nodes[name].site for name in names if name in self.nodes)
            for group, names in nodes.items()
        }

    def networks_of(self, host: Host) -> dict[Purpose, Network]:
        """The networks in which the host has an address, by purpose; of two of one purpose, the last."""
        found = (self.networks[name] for name in host.addresses if name in self.networks)
        return {network.purpose: network for network in found}

    def site_of(self, host: Host) -> str | None:
        """The site where the host is while all is well; None for a guest that may be on any node."""
        if isinstance(host, Guest):
            node = None if host.node == ANY else self.nodes.get(host.node)
            return node.site if node else None
        return host.site

    def systems_of(self, host: Host) -> frozenset[str]:
        """Names of the autonomous systems in which the host may be."""
        site = self.site_of(host)
        names = self.node_sites if site is None else (site,)
        return frozenset(self.sites[name].system for name in names if name in self.sites)

    def listens_of(self, host: Host) -> Iterator[tuple[str, Listen]]:
        """Where the host answers, each with the name of its service or of its entry of `common`."""
        yield from ((item.name, item) for item in self.common_of[host.kind])
        for name in host.services:
            if name in self.services:
                yield from ((name, listen) for listen in self.services[name].listens)
