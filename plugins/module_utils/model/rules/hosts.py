"""Hosts: their addresses and what they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..addresses import host_address, is_usable
from ..schema import Guest
from .placement import sites_for
from .registry import listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..addresses import Address
    from ..fields import Purpose
    from ..index import Index
    from ..schema import Host, Network, Node, Rented
    from .registry import Finding


def _connected(index: Index) -> Iterator[Host]:
    """Hosts of which all networks exist; the others have a problem already."""
    return (host for host in index.hosts.values() if index.networks.keys() >= host.addresses.keys())


def _addresses(index: Index) -> Iterator[tuple[Host, Network, int]]:
    """Each host's number in each network that exists."""
    for host in index.hosts.values():
        for name, number in host.addresses.items():
            if name in index.networks:
                yield host, index.networks[name], number


@rule("unknown-site", "sites")
def sites_of_hosts(index: Index) -> Iterator[Finding]:
    """The site of a node or of a rented host exists."""
    placed: tuple[Node | Rented, ...] = (*index.model.nodes, *index.model.rented)
    for host in placed:
        if host.site not in index.sites:
            yield host.at("site"), f"there is no site '{host.site}'; use one of {listed(index.sites)}"


@rule("unknown-network", "networks")
def unknown_networks(index: Index) -> Iterator[Finding]:
    """The networks in which a host has addresses exist."""
    for host in index.hosts.values():
        for name in host.addresses:
            if name not in index.networks:
                known = listed(index.networks)
                yield host.at("addresses", name), f"there is no network '{name}'; use one of {known}"


@rule("address-outside-network")
def addresses_outside(index: Index) -> Iterator[Finding]:
    """A host's number gives addresses of the network, which are neither the network's own nor for broadcasts."""
    for host, network, number in _addresses(index):
        for prefix in (network.ipv4, network.ipv6):
            if not is_usable(prefix, host_address(prefix, number)):
                sentence = f"number {number} gives no address for a host in {prefix}; choose another number"
                yield host.at("addresses", network.name), sentence


@rule("duplicate-address")
def duplicate_addresses(index: Index) -> Iterator[Finding]:
    """No two hosts have one address, and none has its gateway's."""
    owners: dict[Address, str] = {}
    for network in index.networks.values():
        owners[network.gateway4] = owners[network.gateway6] = f"the gateway of '{network.name}'"
    for host, network, number in _addresses(index):
        for prefix in (network.ipv4, network.ipv6):
            address = host_address(prefix, number)
            owner = owners.setdefault(address, f"'{host.name}'")
            if owner != f"'{host.name}'":
                sentence = f"{address} is the address of {owner} already; choose another number"
                yield host.at("addresses", network.name), sentence


@rule("two-addresses-of-a-purpose")
def addresses_of_a_purpose(index: Index) -> Iterator[Finding]:
    """A host has one interface per purpose: that is how firewalls and routes know it."""
    for host in index.hosts.values():
        first: dict[Purpose, str] = {}
        for name in host.addresses:
            if name not in index.networks:
                continue
            other = first.setdefault(index.networks[name].purpose, name)
            if other != name:
                sentence = f"'{name}' has the same purpose as '{other}'; keep one of them"
                yield host.at("addresses", name), sentence


@rule("network-not-at-site", "sites", "networks", "nodes", "guests")
def networks_at_sites(index: Index) -> Iterator[Finding]:
    """A host's networks are present wherever it may be; a guest restarts on another node with its addresses."""
    for host, network, _ in _addresses(index):
        missing = [site for site in sites_for(index, host) if site in index.sites and site not in network.sites]
        if missing and index.sites.keys() >= set(network.sites):
            why = "it may run there" if isinstance(host, Guest) else "it is there"
            sentence = f"'{network.name}' is not at {listed(missing)}, and {why}; extend the network or use another"
            yield host.at("addresses", network.name), sentence


@rule("unreachable-host", "networks", "nodes", "guests", "rented")
def unreachable_hosts(index: Index) -> Iterator[Finding]:
    """Each host can be administered."""
    for host in _connected(index):
        if not {"administration", "public"} & index.networks_of(host).keys():
            sentence = f"'{host.name}' cannot be administered; give it an administration or a public address"
            yield host.at("addresses"), sentence


@rule("unknown-service", "services")
def unknown_services(index: Index) -> Iterator[Finding]:
    """The services that a host carries exist."""
    for host in index.hosts.values():
        for name in host.services:
            if name not in index.services:
                yield host.at("services", name), f"there is no service '{name}'; use one of {listed(index.services)}"


@rule("unreachable-service", "networks", "nodes", "guests", "rented")
def unreachable_services(index: Index) -> Iterator[Finding]:
    """A host has an address by which its services are reached."""
    for host in _connected(index):
        purposes = index.networks_of(host).keys()
        for name in host.services:
            listens = index.services[name].listens if name in index.services else ()
            for listen in listens:
                if purposes.isdisjoint(listen.via):
                    sentence = (
                        f"'{name}' is reached by {' or '.join(listen.via)}, where '{host.name}' has no address; "
                        "give it one, or change the service's via"
                    )
                    yield host.at("services", name), sentence


@rule("port-conflict")
def port_conflicts(index: Index) -> Iterator[Finding]:
    """No two services of a host answer on one port."""
    for host in index.hosts.values():
        owners = {
            (listen.protocol, port): listen.name
            for listen in index.model.common
            if host.kind in listen.kinds
            for ports in listen.ports
            for port in ports
        }
        for name in host.services:
            taken = {
                (listen.protocol, port)
                for listen in (index.services[name].listens if name in index.services else ())
                for ports in listen.ports
                for port in ports
            }
            for protocol, port in sorted(taken & owners.keys()):
                other = owners[protocol, port]
                sentence = f"'{name}' and '{other}' both want {protocol} port {port}; move one to another host or port"
                yield host.at("services", name), sentence
            owners |= dict.fromkeys(taken, name)
