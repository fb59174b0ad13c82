"""The pages about the whole fleet, as Markdown: pure functions of the model and of what is derived from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.model.addresses import host_address
from ansible_collections.aurore.infra.plugins.module_utils.model.fields import spans
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import ANY, Guest

from .capacity import capacity_page
from .host import host_details, names_of_sources
from .links import host_page, titles, to_host
from .markdown import NOTHING, code, count, page, sentence, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.aurore.infra.plugins.module_utils.model.derive import Fleet
    from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index
    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Equipment, Host, Listen, Network

KINDS = {"node": "Nodes", "guest": "Guests", "rented": "Rented hosts"}
CLIENTS = {
    "anyone": "everyone",
    "administrators": "the network `control`",
    "nodes": "all nodes",
    "guests": "all guests",
    "rented": "all rented hosts",
    "hosts": "all hosts",
}
GEAR = {"switch": "switch", "air_conditioner": "air conditioner", "fan": "fan", "ups": "UPS"}


def pages(index: Index, fleet: Fleet) -> dict[str, str]:
    """All pages by their path below docs/. A host's page has its name as title."""
    found = {
        "fleet/index.md": overview(index, fleet),
        "fleet/capacity.md": capacity_page(index),
        "fleet/networks.md": networks(index),
        "fleet/services.md": services(index),
        "fleet/equipment.md": equipment(index),
    }
    sources = names_of_sources(index)
    for host in index.hosts.values():
        found[f"fleet/{host_page(host.name)}"] = host_details(index, fleet, sources, host)
    return found


def overview(index: Index, fleet: Fleet) -> str:
    """All hosts on one page."""
    return page(
        "The fleet",
        "[![The fleet](../images/fleet.svg)](../images/fleet.svg)",
        f"{count(len(index.hosts), 'host')}, as `inventory/model/` describes them. "
        "The address is the one by which a host is administered.",
        *_by_kind(index, fleet),
    )


def _by_kind(index: Index, fleet: Fleet) -> Iterator[str]:
    for kind, title in KINDS.items():
        hosts = [host for host in index.hosts.values() if host.kind == kind]
        if hosts:
            yield f"## {title}\n"
            yield table(
                ["Host", "Where", "What", ">Memory", "Address"],
                [
                    (
                        to_host(host.name),
                        _place(index, host),
                        titles(index, host) or NOTHING,
                        f"{host.memory} GiB",
                        f"`{fleet.hosts[host.name]['ansible_host']}`",
                    )
                    for host in hosts
                ],
            )


def _place(index: Index, host: Host) -> str:
    if isinstance(host, Guest):
        return "any node" if host.node == ANY else to_host(host.node)
    site = index.site_of(host)
    return index.sites[site].title if site else "nowhere"


def networks(index: Index) -> str:
    """All networks, and who has which address there."""
    return page(
        "Networks",
        "Addresses are written in `inventory/model/networks.yml` and nowhere else: see "
        "[Replace the addresses](../how-to/replace-the-addresses.md). A host has a number in each of its networks.",
        table(
            ["Network", "For", "Where", ">VLAN", "IPv4", "IPv6"],
            [
                (
                    f"[{network.name}](#{network.name})",
                    network.purpose.replace("_", " "),
                    _sites(index, network.sites),
                    network.vlan or NOTHING,
                    f"`{network.ipv4}`",
                    f"`{network.ipv6}`",
                )
                for network in index.networks.values()
            ],
        ),
        "## Autonomous systems\n",
        table(
            ["Number", "Title", "Sites", "Resolvers", "Time servers"],
            [
                (
                    f"AS{system.number}",
                    system.title,
                    ", ".join(site.title for site in index.sites.values() if site.system == system.name),
                    code(address for resolver in system.resolvers for address in (resolver.ipv4, resolver.ipv6)),
                    code(server.name for server in system.time_servers),
                )
                for system in index.model.autonomous_systems
            ],
        ),
        *(_addresses(index, network) for network in index.networks.values()),
    )


def _sites(index: Index, sites: Iterable[str]) -> str:
    return ", ".join(index.sites[site].title for site in sites)


def _addresses(index: Index, network: Network) -> str:
    rows: list[tuple[object, ...]] = [("", "gateway", f"`{network.gateway4}`", f"`{network.gateway6}`")]
    hosts = [host for host in index.hosts.values() if network.name in host.addresses]
    for host in sorted(hosts, key=lambda host: host.addresses[network.name]):
        number = host.addresses[network.name]
        four, six = host_address(network.ipv4, number), host_address(network.ipv6, number)
        rows.append((number, to_host(host.name), f"`{four}`", f"`{six}`"))
    # The anchor is the network's name: other pages point there.
    return f"## {network.name} {{ #{network.name} }}\n\n" + table([">Number", "Host", "IPv4", "IPv6"], rows)


def services(index: Index) -> str:
    """What the fleet is for, and who talks to whom."""
    zones = index.model.zones
    return page(
        "Services",
        "What the fleet is for. The name of a service is the name of a group in Ansible.",
        table(
            ["Service", "What", "Hosts", "Names"],
            [
                (
                    f"`{service.name}`",
                    service.title,
                    ", ".join(to_host(host.name) for host in index.carriers[service.name]) or NOTHING,
                    code(service.aliases) or NOTHING,
                )
                for service in index.services.values()
            ],
        ),
        "## Who talks to whom\n",
        "Every host's firewall follows from this table, and refuses everything else.",
        table(
            ["To", "Port", "What for", "From"],
            [
                *(
                    _listen(f"{sentence([KINDS[kind].lower() for kind in common.kinds])}", common)
                    for common in index.model.common
                ),
                *(
                    _listen(f"`{service.name}`", listen)
                    for service in index.services.values()
                    for listen in service.listens
                ),
            ],
        ),
        "## Zones\n",
        table(
            ["Zone", "Primary", "Secondaries", "Contact"],
            [
                (
                    f"`{zone.name}`",
                    *(
                        ", ".join(to_host(name) for name in names)
                        for names in (zone.name_servers[:1], zone.name_servers[1:])
                    ),
                    zone.contact,
                )
                for zone in zones
            ],
        ),
    )


def _listen(to: str, listen: Listen) -> tuple[str, str, str, str]:
    ports = spans(port for ports in listen.ports for port in ports)
    clients = ", ".join(CLIENTS.get(client, f"`{client}`") for client in listen.clients)
    return to, f"{ports}/{listen.protocol}", listen.description, clients


def equipment(index: Index) -> str:
    """What has no SSH, by site."""
    return page(
        "Equipment",
        "What has no SSH and is not configured from here. "
        "`inventory/model/equipment.yml` says what there is, where, and in which state.",
        *(section for site in index.sites for section in _gear(index, site)),
    )


def _gear(index: Index, site: str) -> Iterator[str]:
    items = [item for item in index.model.equipment if item.site == site]
    if items:
        yield f"## {index.sites[site].title}\n"
        yield table(["Name", "What", "State", "Notes"], [_item(item) for item in items])


def _item(item: Equipment) -> tuple[str, str, str, str]:
    notes = [f"To be replaced by {item.replaced_by}."] if item.replaced_by else []
    return item.name, GEAR[item.kind], item.state.replace("_", " "), " ".join([*notes, item.note or ""])
