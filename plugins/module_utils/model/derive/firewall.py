"""Firewall openings: who talks to whom, from services.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..addresses import Prefix, collapse, host_address
from ..schema import Common
from .clients import ANYONE, arrivals, clients_of, find_path
from .interfaces import INTERFACES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..fields import Purpose
    from ..index import Index
    from ..schema import Host, Listen, Network
    from .clients import Client


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
        networks = self.index.networks_of(host)
        # The space keeps kinds apart from services, whose names have none.
        found = [self._of_service(f"kind {host.kind}", self.index.common_of[host.kind], networks)]
        found += [self._of_service(name, self.index.services[name].listens, networks) for name in host.services]
        return sorted((opening for openings in found for opening in openings), key=_order)

    def _of_service(
        self, name: str, listens: Iterable[Listen], networks: dict[Purpose, Network]
    ) -> list[dict[str, Any]]:
        """Openings that all hosts with the same listens and the same purposes of networks share."""
        key = name, frozenset(networks)
        if key not in self._shared:
            self._shared[key] = [
                opening for listen in listens for opening in self._of_listen(name, listen, arrivals(listen, networks))
            ]
        return self._shared[key]

    def _of_listen(self, service: str, listen: Listen, ways: list[Purpose]) -> Iterator[dict[str, Any]]:
        """The openings of one listen: one per interface at which clients arrive."""
        anyone = ANYONE in listen.clients
        sources = {purpose: set[Prefix]() for purpose in ways} if anyone else self._sources(listen, ways)
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

    def _sources(self, listen: Listen, ways: list[Purpose]) -> dict[Purpose, set[Prefix]]:
        """Where clients come from, by the purpose of the network at which they arrive."""
        sources: dict[Purpose, set[Prefix]] = {}
        for word in listen.clients:
            for client in self._clients_of(word):
                path = find_path(client.networks, ways)
                if path:
                    arrival, network = path
                    sources.setdefault(arrival, set()).update(_prefixes(client, network))
        return sources

    def _clients_of(self, word: str) -> list[Client]:
        if word not in self._clients:
            self._clients[word] = list(clients_of(self.index, word))
        return self._clients[word]


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
