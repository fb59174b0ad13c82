"""The variables of one host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..schema import Guest
from .firewall import Firewall
from .interfaces import Interfaces, main_purpose
from .peers import Peers

if TYPE_CHECKING:
    from ..index import Index
    from ..schema import AutonomousSystem, Host

_MAX_RESOLVERS = 3
"""The C library reads no more (resolv.conf(5), MAXNS)."""

_NTP = ("udp", [123])


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
        systems = [index.autonomous_systems[number] for number in sorted(index.systems_of(host))]
        main = main_purpose(index.networks_of(host))
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
            "model_time_servers": self._peers.clocks if isinstance(host, Guest) else _time_servers(systems),
            "model_time_clients": _time_clients(openings),
            "model_log_servers": self._peers.log_servers(host),
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
    clocks = [opening for opening in openings if (opening["protocol"], opening["ports"]) == _NTP]
    return [prefix for opening in clocks for prefix in (*opening["ipv4"], *opening["ipv6"])]
