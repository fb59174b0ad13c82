"""DNS zones: their name servers (RFC 2182, section 3.1: several, and not in one place)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import DNS_PRIMARY, DNS_SECONDARY
from .registry import listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..index import Index
    from .registry import Finding

MIN_NAME_SERVERS = 2


@rule("zone-name-servers")
def enough_name_servers(index: Index) -> Iterator[Finding]:
    """A zone has two name servers at least (RFC 1034, section 4.1)."""
    for zone in index.model.zones:
        if len(zone.name_servers) < MIN_NAME_SERVERS:
            sentence = f"'{zone.name}' has {len(zone.name_servers)} name server(s); name {MIN_NAME_SERVERS} at least"
            yield zone.at("name_servers"), sentence


@rule("unknown-host", "nodes", "guests", "rented")
def unknown_name_servers(index: Index) -> Iterator[Finding]:
    """The name servers of a zone are hosts."""
    for zone in index.model.zones:
        for name in zone.name_servers:
            if name not in index.hosts:
                yield zone.at("name_servers", name), f"there is no host '{name}'; use one of guests.yml or rented.yml"


@rule("name-server-service")
def services_of_name_servers(index: Index) -> Iterator[Finding]:
    """The first name server is a primary, the others are secondaries."""
    for zone in index.model.zones:
        for name in zone.name_servers:
            service = DNS_PRIMARY if name == zone.name_servers[0] else DNS_SECONDARY
            host = index.hosts.get(name)
            if host is not None and service not in host.services:
                sentence = f"'{name}' does not carry {service}; add that to its services or name another host"
                yield zone.at("name_servers", name), sentence


@rule("zone-one-system", "sites", "nodes", "guests", "rented")
def systems_of_name_servers(index: Index) -> Iterator[Finding]:
    """A zone's name servers are not all in one autonomous system: others must find us while ours is cut off."""
    for zone in index.model.zones:
        hosts = [index.hosts[name] for name in zone.name_servers if name in index.hosts]
        each = [index.systems_of(host) for host in hosts]
        systems = frozenset[str]().union(*each)
        if len(hosts) >= MIN_NAME_SERVERS and all(each) and len(systems) == 1:
            sentence = (
                f"'{zone.name}' has all name servers in the autonomous system {listed(systems)}; add one elsewhere"
            )
            yield zone.at("name_servers"), sentence
