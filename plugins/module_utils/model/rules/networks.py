"""Sites and networks: what exists, what overlaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..addresses import Prefix, is_usable, overlapping
from ..problems import Location
from ..schema import CONTROL
from .registry import choice, listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..addresses import Address
    from ..index import Index
    from ..schema import Network
    from .registry import Finding


@rule("unknown-system", "autonomous_systems")
def systems_of_sites(index: Index) -> Iterator[Finding]:
    """The autonomous system of a site exists."""
    for site in index.model.sites:
        if site.system not in index.autonomous_systems:
            sentence = (
                f"there is no autonomous system '{site.system}' in networks.yml; {choice(index.autonomous_systems)}"
            )
            yield site.at("system"), sentence


@rule("unknown-site", "sites")
def sites_of_networks(index: Index) -> Iterator[Finding]:
    """The sites of a network exist."""
    for network in index.model.networks:
        for site in network.sites:
            if site not in index.sites:
                yield network.at("sites", site), f"there is no site '{site}'; {choice(index.sites)}"


@rule("network-systems", "sites")
def systems_of_networks(index: Index) -> Iterator[Finding]:
    """A network is in one autonomous system: its prefix is announced by one."""
    for network in index.model.networks:
        systems = {index.sites[site].system for site in network.sites if site in index.sites}
        if len(systems) > 1:
            sentence = f"its sites are in the autonomous systems {listed(systems)}; make it a network for each"
            yield network.at("sites"), sentence


@rule("duplicate-address")
def addresses_of_servers(index: Index) -> Iterator[Finding]:
    """A system's resolvers differ, and so do its time servers: one that is there twice helps as little as one."""
    for system in index.model.autonomous_systems:
        for servers in (system.resolvers, system.time_servers):
            for key in ("ipv4", "ipv6"):
                seen: set[Address] = set()
                for server in servers:
                    address = getattr(server, key)
                    if address in seen:
                        yield server.at(key), f"{address} is in this list already; keep one, or correct it"
                    seen.add(address)


@rule("duplicate-vlan")
def duplicate_vlans(index: Index) -> Iterator[Finding]:
    """One VLAN is one network, at all sites: their switches are linked, and two would become one."""
    first: dict[int, Network] = {}
    for network in index.model.networks:
        if network.vlan is None:
            continue
        other = first.setdefault(network.vlan, network)
        if other is not network:
            yield network.at("vlan"), f"VLAN {network.vlan} is that of '{other.name}' already; choose a free one"


@rule("overlapping-networks")
def overlapping_networks(index: Index) -> Iterator[Finding]:
    """No address is in two networks."""
    for key in ("ipv4", "ipv6"):
        owners: dict[Prefix, list[Network]] = {}
        for network in index.model.networks:
            owners.setdefault(getattr(network, key), []).append(network)
        for prefix, networks in owners.items():
            for network in networks[1:]:
                yield network.at(key), f"{prefix} is that of '{networks[0].name}' already; choose another"
        for wide, narrow in overlapping(owners):
            sentence = f"{narrow} shares addresses with {wide} of '{owners[wide][0].name}'; choose another"
            yield owners[narrow][0].at(key), sentence


@rule("gateway-outside-network")
def gateways(index: Index) -> Iterator[Finding]:
    """A gateway is a neighbour of the hosts that use it."""
    for network in index.model.networks:
        for key, address, prefix in (
            ("gateway4", network.gateway4, network.ipv4),
            ("gateway6", network.gateway6, network.ipv6),
        ):
            if not is_usable(prefix, address):
                yield network.at(key), f"{address} is not an address for a host of {prefix}; correct one of them"


@rule("control-network", "networks")
def control_network(index: Index) -> Iterator[Finding]:
    """There is a network from which hosts are administered: without it, firewalls would lock everybody out."""
    control = index.networks.get(CONTROL)
    if control is None:
        yield Location("networks.yml", 1), f"there is no network '{CONTROL}' to administer hosts from; add it"
    elif control.purpose != "administration":
        yield control.at("purpose"), f"hosts are administered from '{CONTROL}'; make its purpose administration"
