"""Hosts as others see them: members of a service, log servers, clocks."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ..addresses import host_address
from ..schema import LOG_SERVER
from .clients import way_in, ways_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..fields import Purpose
    from ..index import Index
    from ..schema import Host, Listen

_MAX_CLOCKS = 4
"""Enough to outvote one that is wrong (RFC 8633, section 3.2); more only make the list long."""

NTP = "udp", 123
"""Where clocks answer."""

type Peer = dict[str, str]
"""name, fqdn, ipv4, ipv6."""

type Server = tuple[Host, list[Listen]]
"""A host and where it answers, for one kind of request."""


def log_servers(index: Index) -> list[Server]:
    """The hosts that keep logs."""
    service = index.services.get(LOG_SERVER)
    return [(host, list(service.listens)) for host in index.carriers[service.name]] if service else []


def clocks(index: Index) -> list[Server]:
    """The hosts that tell the others the time: the first few that answer NTP."""
    answering = ((host, listens) for host in index.hosts.values() if (listens := list(_ntp_listens(index, host))))
    return list(islice(answering, _MAX_CLOCKS))


def _ntp_listens(index: Index, host: Host) -> Iterator[Listen]:
    """Where a host answers NTP."""
    protocol, port = NTP
    for _, listen in index.listens_of(host):
        if listen.protocol == protocol and any(port in ports for ports in listen.ports):
            yield listen


class Peers:
    """Derives peers; what is the same for many hosts is computed once.

    Attributes:
        index: The model.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._members: dict[str, list[Peer]] = {}
        self._peers: dict[tuple[str, Purpose], Peer] = {}
        self._log_servers = log_servers(index)
        self._clocks = clocks(index)
        self._asked: dict[tuple[object, ...], list[Peer]] = {}

    def fqdn(self, host: Host) -> str:
        """The full name of a host."""
        return f"{host.name}.{self.index.model.names.hosts}"

    def members(self, service: str) -> list[Peer]:
        """The hosts that carry a service, with the addresses by which it is reached first."""
        if service not in self._members:
            self._members[service] = [
                self._peer(host, ways_to(self.index, service, host)[0]) for host in self.index.carriers[service]
            ]
        return self._members[service]

    def log_servers(self, host: Host) -> list[Peer]:
        """Where a host sends its logs: by a network that it shares with the server, or to a public address."""
        return self._letting_in(host, self._log_servers)

    def is_clock(self, host: Host) -> bool:
        """Whether others take their time from the host."""
        return any(clock is host for clock, _ in self._clocks)

    def clocks(self, host: Host) -> list[Peer]:
        """The clocks of the fleet that let a host ask them, itself excepted."""
        return [peer for peer in self._letting_in(host, self._clocks) if peer["name"] != host.name]

    def _letting_in(self, host: Host, servers: list[Server]) -> list[Peer]:
        # Nothing but these tells one client from another.
        words = {word for _, listens in servers for listen in listens for word in listen.clients}
        key = id(servers), host.kind, frozenset(host.addresses), frozenset(words.intersection(host.services))
        if key not in self._asked:
            ways = ((server, way_in(self.index, host, server, listens)) for server, listens in servers)
            self._asked[key] = [self._peer(server, purpose) for server, purpose in ways if purpose is not None]
        return self._asked[key]

    def _peer(self, host: Host, purpose: Purpose) -> Peer:
        key = host.name, purpose
        if key not in self._peers:
            network = self.index.networks_of(host)[purpose]
            number = host.addresses[network.name]
            self._peers[key] = {
                "name": host.name,
                "fqdn": self.fqdn(host),
                "ipv4": str(host_address(network.ipv4, number)),
                "ipv6": str(host_address(network.ipv6, number)),
            }
        return self._peers[key]
