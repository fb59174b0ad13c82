"""Interfaces of hosts: addresses and routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..addresses import host_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..fields import Purpose
    from ..index import Index
    from ..schema import Host, Network

INTERFACES: dict[Purpose, str] = {
    "administration": "adm0",
    "services": "srv0",
    "public": "pub0",
    "ceph_public": "cpub0",
    "ceph_cluster": "cclu0",
}
"""The name of the interface of each purpose: the same on all hosts."""

_DEFAULT_ROUTE: tuple[Purpose, ...] = ("public", "services", "administration", "ceph_public", "ceph_cluster")
"""Where a host sends what it has no other route for: the first of these that it has."""

_MAIN: tuple[Purpose, ...] = ("administration", "public", "services", "ceph_public", "ceph_cluster")
"""By which of its addresses a host is called, as long as no service asks for another."""


class Interfaces:
    """Derives interfaces; routes are computed once per network.

    Attributes:
        index: The model.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._routes: dict[str, list[dict[str, str]]] = {}

    def of(self, host: Host) -> list[dict[str, Any]]:
        """The variable `model_interfaces` of a host, in the order of INTERFACES."""
        networks = self.index.networks_of(host)
        default = default_purpose(networks)
        return [
            self._interface(host, networks[purpose], is_default=purpose == default)
            for purpose in INTERFACES
            if purpose in networks
        ]

    def _interface(self, host: Host, network: Network, *, is_default: bool) -> dict[str, Any]:
        number = host.addresses[network.name]
        return {
            "name": INTERFACES[network.purpose],
            "network": network.name,
            "purpose": network.purpose,
            "vlan": network.vlan,
            "ipv4": str(host_address(network.ipv4, number)),
            "ipv6": str(host_address(network.ipv6, number)),
            "prefix4": network.ipv4.length,
            "prefix6": network.ipv6.length,
            "gateway4": str(network.gateway4),
            "gateway6": str(network.gateway6),
            "default_route": is_default,
            # The default route leads there anyway.
            "routes": [] if is_default else self._routes_from(network),
        }

    def _routes_from(self, network: Network) -> list[dict[str, str]]:
        """Routes to the other networks of the same purpose, so that this traffic keeps to its own networks."""
        if network.name not in self._routes:
            others = [other for other in self.index.networks_by_purpose[network.purpose] if other is not network]
            self._routes[network.name] = [
                {"to": str(to), "via": str(via)}
                for other in others
                for to, via in ((other.ipv4, network.gateway4), (other.ipv6, network.gateway6))
            ]
        return self._routes[network.name]


def default_purpose(networks: Mapping[Purpose, Network]) -> Purpose:
    """The purpose of the network that has the default route.

    Args:
        networks: A host's networks; at least one.
    """
    return next(purpose for purpose in _DEFAULT_ROUTE if purpose in networks)


def main_purposes(networks: Mapping[Purpose, Network]) -> list[Purpose]:
    """The purposes of a host's networks, in the order in which others use its addresses.

    In the first one the host is administered: administration, or else public, which the rules see to.
    """
    return [purpose for purpose in _MAIN if purpose in networks]
