"""Hosts as others see them: members of a service, log servers, clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..addresses import host_address
from .firewall import find_path
from .interfaces import main_purpose

if TYPE_CHECKING:
    from ..fields import Purpose
    from ..index import Index
    from ..schema import Host

LOG_SERVICE = "log_server"
"""The service that keeps all hosts' logs."""

_MAX_CLOCKS = 4
"""Enough to outvote one that is wrong (RFC 8633, section 3.2); more only make the list long."""

type Peer = dict[str, str]
"""name, fqdn, ipv4, ipv6."""


class Peers:
    """Derives peers; each list is computed once and shared.

    Attributes:
        index: The model.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._members: dict[str, list[Peer]] = {}
        self._log_servers: dict[frozenset[Purpose], list[Peer]] = {}
        self.clocks = [
            self._peer(node, main_purpose(index.networks_of(node))) for node in index.model.nodes[:_MAX_CLOCKS]
        ]

    def fqdn(self, host: Host) -> str:
        """The full name of a host."""
        return f"{host.name}.{self.index.model.names.hosts}"

    def members(self, service: str) -> list[Peer]:
        """The hosts that carry a service, with the addresses by which it is reached first."""
        if service not in self._members:
            self._members[service] = [
                self._peer(host, self._arrivals(service, host)[0]) for host in self.index.carriers[service]
            ]
        return self._members[service]

    def log_servers(self, host: Host) -> list[Peer]:
        """Where a host sends its logs: by a network that it shares with the server, or to a public address."""
        networks = self.index.networks_of(host)
        key = frozenset(networks)
        if key not in self._log_servers:
            servers = self.index.carriers.get(LOG_SERVICE, [])
            paths = [(server, find_path(networks, self._arrivals(LOG_SERVICE, server))) for server in servers]
            self._log_servers[key] = [self._peer(server, path[0]) for server, path in paths if path]
        return self._log_servers[key]

    def _arrivals(self, service: str, host: Host) -> list[Purpose]:
        """Purposes by which a service of the host is reached; where it listens to nothing, by which the host is."""
        networks = self.index.networks_of(host)
        declared = [purpose for listen in self.index.services[service].listens for purpose in listen.via]
        return [purpose for purpose in declared if purpose in networks] or [main_purpose(networks)]

    def _peer(self, host: Host, purpose: Purpose) -> Peer:
        network = self.index.networks_of(host)[purpose]
        number = host.addresses[network.name]
        return {
            "name": host.name,
            "fqdn": self.fqdn(host),
            "ipv4": str(host_address(network.ipv4, number)),
            "ipv6": str(host_address(network.ipv6, number)),
        }
