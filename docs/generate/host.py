"""The page of one host: what it is, its addresses, who may reach it, whom it depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.aurore.infra.plugins.module_utils.model.addresses import Prefix, host_address
from ansible_collections.aurore.infra.plugins.module_utils.model.fields import spans
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import ANY, Guest, Node

from .links import titles, to_sibling
from .markdown import NOTHING, code, page, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.aurore.infra.plugins.module_utils.model.derive import Fleet
    from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index
    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Host


def host_details(index: Index, fleet: Fleet, sources: Mapping[str, str], host: Host) -> str:
    """The page; sources are from `names_of_sources`."""
    variables = fleet.hosts[host.name]
    return page(
        host.name,
        f"`{variables['model_fqdn']}`: {_introduction(index, host)}.",
        table(["", ""], _facts(index, fleet, host)),
        "## Addresses\n",
        table(
            ["Interface", "Network", ">VLAN", "IPv4", "IPv6"],
            [
                (
                    f"`{interface['name']}`" + (", default route" if interface["default_route"] else ""),
                    f"[{interface['network']}](../networks.md#{interface['network']})",
                    interface["vlan"] or NOTHING,
                    f"`{interface['ipv4']}/{interface['prefix4']}`",
                    f"`{interface['ipv6']}/{interface['prefix6']}`",
                )
                for interface in variables["model_interfaces"]
            ],
        ),
        "## Open ports\n",
        "Everything else is refused. Who talks to whom is said in [Services](../services.md).",
        table(
            ["Port", "What for", "Interface", "From"],
            [
                (
                    f"{spans(opening['ports'])}/{opening['protocol']}",
                    opening["description"],
                    f"`{opening['interface']}`",
                    _from(sources, opening),
                )
                for opening in variables["model_openings"]
            ],
        ),
        *_companions(variables),
        "## At hand\n",
        _commands(host.name),
    )


def _introduction(index: Index, host: Host) -> str:
    if isinstance(host, Node):
        return f"a node at {index.sites[host.site].title}"
    if not isinstance(host, Guest):
        site = index.sites[index.site_of(host) or ""]
        return f"a host rented at {site.title}, in AS{index.autonomous_systems[site.system].number}"
    if host.node == ANY:
        return "a guest that runs on whichever node has room"
    site = index.sites[index.nodes[host.node].site]
    return f"a guest whose place is {to_sibling(host.node)}, at {site.title}"


def _facts(index: Index, fleet: Fleet, host: Host) -> Iterator[tuple[str, str]]:
    variables = fleet.hosts[host.name]
    yield "Carries", titles(index, host) or NOTHING
    yield "Memory", f"{host.memory} GiB"
    if isinstance(host, Node):
        yield "Cores", str(host.cores)
        yield "Disks", ", ".join(f"{disk.device}: {disk.size} GiB ({disk.use})" for disk in host.disks)
        yield "Guests", ", ".join(to_sibling(guest.name) for guest in _guests_of(index, host.name)) or NOTHING
    else:
        yield "Virtual cores" if isinstance(host, Guest) else "Cores", str(host.size["cores"])
        yield "Disk", f"{host.disk} GiB"
    if isinstance(host, Guest):
        apart = [other.name for other in index.model.guests if _apart(host, other)]
        if apart:
            yield "Never on one node with", ", ".join(to_sibling(name) for name in apart)
    yield "Names", code(variables["model_names"])
    yield "Groups", code(group for group, hosts in fleet.groups.items() if host.name in hosts)
    yield "Asks for names", code(variables["model_name_servers"])
    yield "Asks for time", code(server["name"] for server in variables["model_time_servers"])
    yield "Sends logs to", ", ".join(to_sibling(server["name"]) for server in variables["model_log_servers"]) or NOTHING


def _apart(guest: Guest, other: Guest) -> bool:
    return other.name != guest.name and guest.anti_affinity is not None and guest.anti_affinity == other.anti_affinity


def _guests_of(index: Index, node: str) -> list[Guest]:
    return [guest for guest in index.model.guests if guest.node == node]


def names_of_sources(index: Index) -> dict[str, str]:
    """The names of networks and hosts by how openings write them."""
    prefixes = {
        str(prefix): network.name for network in index.networks.values() for prefix in (network.ipv4, network.ipv6)
    }
    addresses = {
        str(Prefix.of(host_address(prefix, host.addresses[network.name]))): host.name
        for host in index.hosts.values()
        for network in index.networks_of(host).values()
        for prefix in (network.ipv4, network.ipv6)
    }
    return prefixes | addresses


def _from(sources: Mapping[str, str], opening: Mapping[str, Any]) -> str:
    if opening["anyone"]:
        return "everyone"
    prefixes = [*opening["ipv4"], *opening["ipv6"]]
    return ", ".join(dict.fromkeys(sources.get(prefix, f"`{prefix}`") for prefix in prefixes))


def _companions(variables: Mapping[str, Any]) -> Iterator[str]:
    """The other hosts of the services that it carries."""
    own = variables["model_name"]
    rows = [
        (f"`{service}`", ", ".join(to_sibling(peer["name"]) for peer in peers if peer["name"] != own))
        for service, peers in variables["model_peers"].items()
        if any(peer["name"] != own for peer in peers)
    ]
    if rows:
        yield "## Together with\n"
        yield table(["Service", "Its other hosts"], rows)


def _commands(name: str) -> str:
    return f"""\
```sh
# log in to the lab's
make ssh HOST={name}
# all that is derived for it
ansible-inventory -i inventory/production.yml --host {name}
# what a run would change
ansible-playbook playbooks/site.yml --limit {name} --check --diff
```
"""
