"""Names that must differ, and where names must lie."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ..derive.clients import ADMINISTRATORS, ANYONE, KINDS
from ..derive.fleet import KIND_GROUPS, SITE_ANY, group_of_site
from ..derive.interfaces import INTERFACES
from ..schema import ANY, ROOT
from .registry import listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..index import Index
    from ..shape import Record
    from .registry import Finding

RESERVED = frozenset({*KINDS, *KIND_GROUPS.values(), *INTERFACES, ADMINISTRATORS, ANYONE, ROOT, "all", "ungrouped"})
"""Words that mean something else where a service could be named: to services.yml, as groups to Ansible, or as
principals to sshd."""

LOCAL = frozenset({"localhost", "ip6-localhost", "ip6-loopback", "ip6-allnodes", "ip6-allrouters"})
"""Names that /etc/hosts gives to other things than hosts of the fleet."""


def _repeated(records: Iterable[Record], key: str) -> Iterator[Finding]:
    """The second and later records with the same value of a key."""
    first: dict[object, Record] = {}
    for record in records:
        value = getattr(record, key)
        if value in first:
            where = first[value].at(key)
            sentence = f"'{value}' is already on line {where.line} of {where.file}; give one of them another {key}"
            yield record.at(key), sentence
        else:
            first[value] = record


@rule("duplicate-name")
def duplicate_names(index: Index) -> Iterator[Finding]:
    """Each thing has a name of its own among its kind; nodes, guests and rented hosts are one kind."""
    model = index.model
    yield from _repeated(index.all_hosts, "name")
    for records in (model.sites, model.networks, model.services, model.common, model.zones, model.equipment):
        yield from _repeated(records, "name")
    yield from _repeated((listen for listen in index.listens if listen.group), "group")
    yield from _repeated(model.people, "nick")
    yield from _repeated(model.autonomous_systems, "name")
    yield from _repeated(model.autonomous_systems, "number")
    for system in model.autonomous_systems:
        yield from _repeated(system.time_servers, "name")
    for node in model.nodes:
        yield from _repeated(node.disks, "device")


@rule("name-clash")
def host_is_group(index: Index) -> Iterator[Finding]:
    """No host has the name of a group: Ansible's patterns could not tell them apart."""
    sites = {group_of_site(name) for name in index.sites}
    clients = {listen.group for listen in index.listens}
    groups = {*index.services, *sites, *clients, *KIND_GROUPS.values(), "all", "ungrouped"}
    for name, host in index.hosts.items():
        if name in groups:
            yield host.at("name"), f"'{name}' is the name of a group as well; rename the host"
        if name in LOCAL:
            yield host.at("name"), f"'{name}' is every machine's name for itself; rename the host"
        if name == ROOT:
            yield host.at("name"), f"'{ROOT}' is the principal of who administers all hosts; rename the host"
        if name == ANY:
            yield host.at("name"), f"'{ANY}' stands for every node in guests.yml; rename the host"


@rule("reserved-name")
def reserved_names(index: Index) -> Iterator[Finding]:
    """No service, and no group of clients, has the name of something else that clients or groups may be called."""
    for name, service in index.services.items():
        if name in RESERVED or name.startswith("site_"):
            yield service.at("name"), f"'{name}' already means something else; rename the service"
    for listen in index.listens:
        if listen.group in {*RESERVED, *index.services} or (listen.group or "").startswith("site_"):
            yield listen.at("group"), f"'{listen.group}' already means something else; rename the group"
    for name, site in index.sites.items():
        if group_of_site(name) == SITE_ANY:
            yield site.at("name"), f"the group {SITE_ANY} is of guests that run on any node; rename the site"


@rule("duplicate-alias", "names")
def duplicate_aliases(index: Index) -> Iterator[Finding]:
    """An alias leads to the hosts of one service, and is no host's own name."""
    own = {f"{name}.{index.model.names.hosts}" for name in index.hosts}
    uses = Counter(alias for service in index.model.services for alias in service.aliases)
    for service in index.model.services:
        for alias in service.aliases:
            if alias in own:
                yield service.at("aliases", alias), f"'{alias}' is a host's own name; remove the alias"
            if uses[alias] > 1:
                yield service.at("aliases", alias), f"'{alias}' is an alias of {uses[alias]} services; keep one"


@rule("name-outside-zones", "names", "zones")
def names_outside_zones(index: Index) -> Iterator[Finding]:
    """We can only give names in zones that we are authoritative for."""
    zones = {zone.name for zone in index.model.zones}
    names = index.model.names
    wanted = [(names.domain, names.at("domain")), (names.hosts, names.at("hosts"))]
    wanted += [(alias, service.at("aliases", alias)) for service in index.model.services for alias in service.aliases]
    for name, location in wanted:
        labels = name.split(".")
        if not any(".".join(labels[start:]) in zones for start in range(len(labels))):
            yield location, f"'{name}' is in none of our zones ({listed(zones)}); correct it or add its zone"
