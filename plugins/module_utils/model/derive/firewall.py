"""Firewall openings: who talks to whom, from services.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..addresses import Prefix, collapse, host_address
from ..schema import CONTROL, Common
from .interfaces import INTERFACES, default_purpose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..fields import Purpose
    from ..index import Index
    from ..schema import Host, Listen, Network

KINDS: dict[str, tuple[str, ...]] = {
    "nodes": ("node",),
    "guests": ("guest",),
    "rented": ("rented",),
    "hosts": ("node", "guest", "rented"),
}
"""Words for clients that are all hosts of some kinds. Their networks are opened, not their addresses: the list stays
short, and a new host does not change the firewall of all others."""

ADMINISTRATORS = "administrators"
"""Word for the clients in the network `control`."""

ANYONE = "anyone"
"""Word for clients wherever they are."""


class Client(NamedTuple):
    """Someone who talks to a service.

    Attributes:
        networks: Where it has an address, by purpose; not empty.
        host: Whose addresses are meant; None when the whole networks are.
    """

    networks: dict[Purpose, Network]
    host: Host | None


class Firewall:
    """Derives openings. What does not depend on one host is computed once, so that the work grows with the hosts.

    Attributes:
        index: The model.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._shared: dict[tuple[str, frozenset[Purpose]], list[dict[str, Any]]] = {}
        self._clients: dict[str, list[Client]] = {}

    def openings(self, host: Host) -> list[dict[str, Any]]:
        """The variable `model_openings` of a host."""
        purposes = frozenset(self.index.networks_of(host))
        # The space keeps kinds apart from services, whose names have none.
        found = [self._of_service(f"kind {host.kind}", self._common(host.kind), purposes)]
        found += [self._of_service(name, self.index.services[name].listens, purposes) for name in host.services]
        return sorted((opening for openings in found for opening in openings), key=_order)

    def _common(self, kind: str) -> tuple[Common, ...]:
        return tuple(listen for listen in self.index.model.common if kind in listen.kinds)

    def _of_service(self, name: str, listens: tuple[Listen, ...], purposes: frozenset[Purpose]) -> list[dict[str, Any]]:
        """Openings that all hosts with the same listens and the same purposes of networks share."""
        if (name, purposes) not in self._shared:
            self._shared[name, purposes] = [
                opening for listen in listens for opening in self._of_listen(name, listen, purposes)
            ]
        return self._shared[name, purposes]

    def _of_listen(self, service: str, listen: Listen, purposes: frozenset[Purpose]) -> Iterator[dict[str, Any]]:
        """The openings of one listen: one per interface at which clients arrive."""
        arrivals = [purpose for purpose in listen.via if purpose in purposes]
        anyone = ANYONE in listen.clients
        sources = {purpose: set[Prefix]() for purpose in arrivals} if anyone else self._sources(listen, arrivals)
        for purpose, prefixes in sources.items():
            yield {
                "service": listen.name if isinstance(listen, Common) else service,
                "description": listen.description,
                "protocol": listen.protocol,
                "ports": sorted({port for ports in listen.ports for port in ports}),
                "interface": INTERFACES[purpose],
                "anyone": anyone,
                "ipv4": _written(prefixes, 4),
                "ipv6": _written(prefixes, 6),
            }

    def _sources(self, listen: Listen, arrivals: list[Purpose]) -> dict[Purpose, set[Prefix]]:
        """Where clients come from, by the purpose of the network at which they arrive."""
        sources: dict[Purpose, set[Prefix]] = {}
        for word in listen.clients:
            for client in self._clients_of(word):
                path = find_path(client.networks, arrivals)
                if path:
                    arrival, network = path
                    sources.setdefault(arrival, set()).update(_prefixes(client, network))
        return sources

    def _clients_of(self, word: str) -> list[Client]:
        if word not in self._clients:
            self._clients[word] = list(self._find_clients(word))
        return self._clients[word]

    def _find_clients(self, word: str) -> Iterable[Client]:
        index = self.index
        if word == ADMINISTRATORS:
            return [Client({"administration": index.networks[CONTROL]}, None)]
        if word in INTERFACES:
            return [Client({n.purpose: n}, None) for n in index.networks.values() if n.purpose == word]
        if word in KINDS:
            hosts = [host for host in index.hosts.values() if host.kind in KINDS[word]]
            # Many hosts have the same networks.
            distinct = {frozenset(host.addresses): index.networks_of(host) for host in hosts}
            return [Client(networks, None) for networks in distinct.values()]
        return [Client(index.networks_of(host), host) for host in index.carriers[word]]


def find_path(client: dict[Purpose, Network], arrivals: Iterable[Purpose]) -> tuple[Purpose, Network] | None:
    """How a client gets to a service.

    Networks of one purpose are routed among themselves (`routes` of the interfaces). A client that shares no purpose
    with the service uses its default route, which leads to public addresses only.

    Args:
        client: The client's networks by purpose; not empty.
        arrivals: Purposes by which the service can be reached, the preferred one first.

    Returns:
        The purpose of the network where it arrives and the network from which it comes; None when there is no way.
    """
    for purpose in arrivals:
        if purpose in client:
            return purpose, client[purpose]
    if "public" in arrivals:
        return "public", client[default_purpose(client)]
    return None


def _prefixes(client: Client, network: Network) -> Iterable[Prefix]:
    """The addresses of a client in one of its networks."""
    both = (network.ipv4, network.ipv6)
    if client.host is None:
        return both
    number = client.host.addresses[network.name]
    return (Prefix.of(host_address(prefix, number)) for prefix in both)


def _written(prefixes: set[Prefix], version: int) -> list[str]:
    return [str(prefix) for prefix in collapse(prefix for prefix in prefixes if prefix.version == version)]


def _order(opening: dict[str, Any]) -> tuple[Any, ...]:
    return opening["service"], opening["protocol"], opening["ports"], opening["interface"], opening["description"]
