"""The variables of one host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..addresses import EVERYWHERE
from .firewall import Firewall
from .interfaces import Interfaces, main_purposes
from .peers import NTP, Peers

if TYPE_CHECKING:
    from ..index import Index
    from ..schema import AutonomousSystem, Host

_MAX_RESOLVERS = 3
"""The C library reads no more (resolv.conf(5), MAXNS)."""


class HostVariables:
    """Derives the variables of hosts; what they have in common is computed once.

    Attributes:
        index: The model.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._interfaces = Interfaces(index)
        self._firewall = Firewall(index)
        self._peers = Peers(index)

    def of(self, host: Host) -> dict[str, Any]:
        """All variables of a host."""
        index = self.index
        site = index.site_of(host)
        interfaces = self._interfaces.of(host)
        openings = self._firewall.openings(host)
        names = index.systems_of(host)
        systems = [system for system in index.autonomous_systems.values() if system.name in names]
        main = main_purposes(index.networks_of(host))[0]
        return {
            "ansible_host": next(interface["ipv4"] for interface in interfaces if interface["purpose"] == main),
            "model_name": host.name,
            "model_fqdn": self._peers.fqdn(host),
            "model_kind": host.kind,
            "model_site": site,
            "model_site_title": None if site is None else index.sites[site].title,
            "model_size": host.size,
            "model_interfaces": interfaces,
            "model_addresses": [interface[version] for version in ("ipv4", "ipv6") for interface in interfaces],
            "model_names": [self._peers.fqdn(host), host.name, *self._aliases(host)],
            "model_services": list(host.services),
            "model_peers": {service: self._peers.members(service) for service in host.services},
            "model_openings": openings,
            "model_name_servers": _resolvers(systems),
            **self._time(host, openings, systems),
            "model_log_servers": self._peers.log_servers(host),
        }

    def _time(
        self, host: Host, openings: list[dict[str, Any]], systems: list[AutonomousSystem]
    ) -> dict[str, list[Any]]:
        """The variables about time.

        The fleet's clocks ask the servers outside, and each other, so that they stay together when nobody outside
        answers. The other hosts ask the clocks; one that has no way to any asks outside like them.
        """
        clocks = self._peers.clocks(host)
        if self._peers.is_clock(host):
            return {
                "model_time_servers": _time_servers(systems),
                "model_time_peers": clocks,
                "model_time_clients": _time_clients(openings),
            }
        return {
            "model_time_servers": clocks or _time_servers(systems),
            "model_time_peers": [],
            "model_time_clients": [],
        }

    def _aliases(self, host: Host) -> list[str]:
        return [alias for service in host.services for alias in self.index.services[service].aliases]


def _resolvers(systems: list[AutonomousSystem]) -> list[str]:
    """Addresses of the resolvers, IPv4 first, because every resolver should be tried before one is tried twice."""
    resolvers = [resolver for system in systems for resolver in system.resolvers]
    addresses = [resolver.ipv4 for resolver in resolvers] + [resolver.ipv6 for resolver in resolvers]
    return [str(address) for address in addresses[:_MAX_RESOLVERS]]


def _time_servers(systems: list[AutonomousSystem]) -> list[dict[str, str]]:
    servers = [server for system in systems for server in system.time_servers]
    return [{"name": server.name, "ipv4": str(server.ipv4), "ipv6": str(server.ipv6)} for server in servers]


def _time_clients(openings: list[dict[str, Any]]) -> list[str]:
    """Who may ask for time is who the firewall lets through to NTP."""
    protocol, port = NTP
    found = [opening for opening in openings if opening["protocol"] == protocol and port in opening["ports"]]
    if any(opening["anyone"] for opening in found):
        return [str(prefix) for prefix in EVERYWHERE]
    return [prefix for opening in found for prefix in (*opening["ipv4"], *opening["ipv6"])]
