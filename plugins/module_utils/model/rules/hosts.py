"""Hosts: their addresses and what they carry."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from ..addresses import host_address, is_usable
from ..derive.clients import ADMINISTRATORS, ANYONE, arrivals, clients_of, find_path, way_in
from ..derive.peers import log_servers
from ..fields import spans
from ..problems import Location
from ..schema import CONTROL, LOG_SERVER, Guest
from .placement import sites_for
from .registry import choice, few, listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..addresses import Address
    from ..fields import Purpose
    from ..index import Index
    from ..schema import Host, Listen, Network, Node, Rented
    from .registry import Finding

type Port = tuple[str, int]

_SSH: Port = "tcp", 22
"""Where sshd answers on every host."""

_ADMINISTERED_BY = frozenset({"administration", "public"})


def _connected(index: Index) -> Iterator[Host]:
    """Hosts of which all networks exist; the others have a problem already."""
    return (host for host in index.hosts.values() if index.networks.keys() >= host.addresses.keys())


def _addresses(index: Index) -> Iterator[tuple[Host, Network, int]]:
    """Each host's number in each network that exists."""
    for host in index.hosts.values():
        for name, number in host.addresses.items():
            if name in index.networks:
                yield host, index.networks[name], number


def _administered(index: Index) -> Iterator[Host]:
    """Hosts that have an address by which they can be administered, likewise."""
    return (host for host in _connected(index) if not _ADMINISTERED_BY.isdisjoint(index.networks_of(host)))


@rule("unknown-site", "sites")
def sites_of_hosts(index: Index) -> Iterator[Finding]:
    """The site of a node or of a rented host exists."""
    placed: tuple[Node | Rented, ...] = (*index.model.nodes, *index.model.rented)
    for host in placed:
        if host.site not in index.sites:
            yield host.at("site"), f"there is no site '{host.site}'; {choice(index.sites)}"


@rule("unknown-network", "networks")
def unknown_networks(index: Index) -> Iterator[Finding]:
    """The networks in which a host has addresses exist."""
    for host in index.hosts.values():
        for name in host.addresses:
            if name not in index.networks:
                yield host.at("addresses", name), f"there is no network '{name}'; {choice(index.networks)}"


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
    """No two hosts have one address, and none has its gateway's, or that of a server which is not ours."""
    owners: dict[Address, str] = {}
    for network in index.networks.values():
        owners[network.gateway4] = owners[network.gateway6] = f"the gateway of '{network.name}'"
    for host, network, number in _addresses(index):
        for prefix in (network.ipv4, network.ipv6):
            address = host_address(prefix, number)
            if not is_usable(prefix, address):
                continue  # address-outside-network says so
            owner = owners.setdefault(address, f"'{host.name}'")
            if owner != f"'{host.name}'":
                sentence = f"{address} is the address of {owner} already; choose another number"
                yield host.at("addresses", network.name), sentence
    hosts = {f"'{name}'" for name in index.hosts}
    for system in index.model.autonomous_systems:
        for server in system.servers:
            for key, address in (("ipv4", server.ipv4), ("ipv6", server.ipv6)):
                # A gateway may well resolve names.
                if owners.get(address) in hosts:
                    yield (
                        server.at(key),
                        f"{address} is the address of {owners[address]}; write that of a server elsewhere",
                    )


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
    for host in index.hosts.values():
        sites = [site for site in sites_for(index, host) if site in index.sites]
        for network in (index.networks[name] for name in host.addresses if name in index.networks):
            missing = [site for site in sites if site not in network.sites]
            if missing and index.sites.keys() >= set(network.sites):
                why = "it may run there" if isinstance(host, Guest) else "it is there"
                sentence = f"'{network.name}' is not at {listed(missing)}, and {why}; extend the network or use another"
                yield host.at("addresses", network.name), sentence


@rule("unreachable-host", "networks", "nodes", "guests", "rented")
def unreachable_hosts(index: Index) -> Iterator[Finding]:
    """Each host can be administered."""
    for host in _connected(index):
        if _ADMINISTERED_BY.isdisjoint(index.networks_of(host)):
            sentence = f"'{host.name}' cannot be administered; give it an administration or a public address"
            yield host.at("addresses"), sentence


@rule("unknown-service", "services")
def unknown_services(index: Index) -> Iterator[Finding]:
    """The services that a host carries exist."""
    for host in index.hosts.values():
        for name in host.services:
            if name not in index.services:
                yield host.at("services", name), f"there is no service '{name}'; {choice(index.services)}"


@rule("unreachable-service", "networks", "nodes", "guests", "rented")
def unreachable_services(index: Index) -> Iterator[Finding]:
    """A host has an address by which its services are reached."""
    for host in _connected(index):
        networks = index.networks_of(host)
        for name in host.services:
            listens = index.services[name].listens if name in index.services else ()
            for listen in listens:
                if not arrivals(listen, networks):
                    sentence = (
                        f"'{name}' is reached by {' or '.join(listen.via)}, where '{host.name}' has no address; "
                        "give it one, or change the service's via"
                    )
                    yield host.at("services", name), sentence


@rule("unreachable-service", "networks", "nodes", "guests", "rented")
def unreachable_common_services(index: Index) -> Iterator[Finding]:
    """All hosts of the kinds that an entry of `common` names have an address by which it is reached."""
    hosts = list(_administered(index))
    for item in index.model.common:
        without = [
            host.name for host in hosts if host.kind in item.kinds and not arrivals(item, index.networks_of(host))
        ]
        if without:
            sentence = (
                f"'{item.name}' is reached by {' or '.join(item.via)}, where there is no address of {few(without)}; "
                "extend via, or give each one"
            )
            yield item.at("via"), sentence


@rule("locked-out", "networks", "nodes", "guests", "rented", "common", "services")
def locked_out(index: Index) -> Iterator[Finding]:
    """Administrators get to sshd on each host: whoever is locked out cannot mend that from here."""
    if CONTROL not in index.networks:
        return
    protocol, port = _SSH
    ((control, _),) = clients_of(index, ADMINISTRATORS)

    def lets_in(host: Host, listen: Listen) -> bool:
        return (
            listen.protocol == protocol
            and any(port in ports for ports in listen.ports)
            and not {ADMINISTRATORS, ANYONE}.isdisjoint(listen.clients)
            and find_path(control, arrivals(listen, index.networks_of(host))) is not None
        )

    without = [
        host.name
        for host in _administered(index)
        if not any(lets_in(host, listen) for _, listen in index.listens_of(host))
    ]
    if without:
        sentence = (
            f"nothing lets {ADMINISTRATORS} in to {protocol} port {port} of {few(without)}; "
            "add that to `common`, for all kinds of hosts and by all networks that they need"
        )
        yield Location("services.yml", 1), sentence


@rule("no-way-to-logs", "networks", "nodes", "guests", "rented", "services")
def ways_to_logs(index: Index) -> Iterator[Finding]:
    """Each host gets to a log server: without one, who breaks in there erases the traces."""
    servers = log_servers(index)
    without = [
        host.name
        for host in _administered(index)
        if all(way_in(index, host, server, listens) is None for server, listens in servers)
    ]
    if without and servers:
        sentence = (
            f"no '{LOG_SERVER}' lets in {few(without)}, which could not send their logs; "
            "extend its clients or via, or give it a public address"
        )
        yield index.services[LOG_SERVER].at("listens"), sentence


@rule("port-conflict")
def port_conflicts(index: Index) -> Iterator[Finding]:
    """No two services of a host answer on one port."""
    wanted = {name: _ports(service.listens) for name, service in index.services.items()}
    common = {item.name: _ports([item]) for item in index.model.common}
    for host in index.hosts.values():
        own = [(item.name, common[item.name]) for item in index.common_of[host.kind]]
        for name in dict.fromkeys(host.services):
            for other, ports in own:
                for sentence in _clashes(name, wanted.get(name, frozenset()) & ports, other):
                    yield host.at("services", name), f"{sentence}; move one to another host or port"
            own.append((name, wanted.get(name, frozenset())))


@rule("port-conflict")
def port_conflicts_of_all(index: Index) -> Iterator[Finding]:
    """No two entries of `common` answer on one port of the same hosts."""
    for one, other in combinations(index.model.common, 2):
        if not set(one.kinds).isdisjoint(other.kinds):
            for sentence in _clashes(other.name, _ports([one]) & _ports([other]), one.name):
                yield other.at("ports"), f"{sentence}; choose another port"


def _ports(listens: Iterable[Listen]) -> frozenset[Port]:
    return frozenset((listen.protocol, port) for listen in listens for ports in listen.ports for port in ports)


def _clashes(name: str, shared: frozenset[Port], other: str) -> Iterator[str]:
    for protocol in sorted({protocol for protocol, _ in shared}):
        numbers = [port for one, port in shared if one == protocol]
        yield f"'{name}' and '{other}' both want {protocol} port{'s' * (len(numbers) > 1)} {spans(numbers)}"
