"""What the picture shows, as plain data, and how it follows from the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.model.fields import spans
from ansible_collections.aurore.infra.plugins.module_utils.model.rules.placement import Placement, room
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import ANY

from .markdown import count, sentence

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index
    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Host

ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class Guest:
    """A host with the titles of its services; memory in GiB."""

    name: str
    memory: int
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A node, at a site; memory in GiB.

    Attributes:
        name: Its name.
        site: The site's title.
        cores: Processors.
        memory: All of it.
        reserve: What guests cannot have.
        taken: What guests have: its own and those that may run on any node, where the page about capacity puts them.
        guests: Those whose place is there.
    """

    name: str
    site: str
    cores: int
    memory: int
    reserve: int
    taken: int
    guests: tuple[Guest, ...]


@dataclass(frozen=True, slots=True)
class Rented:
    """A host in another autonomous system."""

    system: str
    host: Guest


@dataclass(frozen=True, slots=True)
class Gear:
    """Equipment without SSH."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Scene:
    """The fleet.

    Attributes:
        summary: For who cannot see the picture.
        system: Title of our own autonomous system.
        storage: What the storage cluster is made of.
        nodes: With their guests.
        anywhere: Guests that have no place of their own.
        gear: By title of site.
        rented: Hosts elsewhere.
        doors: Ports that are open to everyone, by host.
    """

    summary: str
    system: str
    storage: str
    nodes: tuple[Node, ...]
    anywhere: tuple[Guest, ...]
    gear: dict[str, tuple[Gear, ...]]
    rented: tuple[Rented, ...]
    doors: dict[str, str]


def scene(index: Index) -> Scene:
    """The picture's content."""
    model, placement = index.model, Placement(index)
    disks = [disk.size for node in model.nodes for disk in node.disks if disk.use == "osd"]
    gear: dict[str, tuple[Gear, ...]] = {}
    for item in model.equipment:
        site = index.sites[item.site].title
        gear[site] = (*gear.get(site, ()), Gear(item.name, item.state))
    homes = dict.fromkeys(index.sites[node.site].system for node in model.nodes)
    return Scene(
        summary=_summary(index),
        system=sentence([_system(index, name) for name in homes]),
        storage=f"Ceph: {count(len(disks), 'disk')}, {sum(disks) / 1024:.1f} TiB raw, one storage for all guests",
        nodes=tuple(
            Node(
                name=node.name,
                site=index.sites[node.site].title,
                cores=node.cores,
                memory=node.memory,
                reserve=node.memory - room(index, node),
                taken=room(index, node) - placement.rooms[node.name],
                guests=tuple(_guest(index, guest) for guest in model.guests if guest.node == node.name),
            )
            for node in model.nodes
        ),
        anywhere=tuple(_guest(index, guest) for guest in model.guests if guest.node == ANY),
        gear=gear,
        rented=tuple(
            Rented(_system(index, index.sites[host.site].system), _guest(index, host)) for host in model.rented
        ),
        doors={host.name: spans(ports) for host in index.hosts.values() if (ports := _open_ports(index, host))},
    )


def _guest(index: Index, host: Host) -> Guest:
    return Guest(host.name, host.memory, tuple(index.services[service].title for service in host.services))


def _system(index: Index, name: str) -> str:
    system = index.autonomous_systems[name]
    return f"AS{system.number} · {system.title}"


def _open_ports(index: Index, host: Host) -> set[int]:
    listens = (listen for service in host.services for listen in index.services[service].listens)
    return {port for listen in listens if ANYONE in listen.clients for ports in listen.ports for port in ports}


def _summary(index: Index) -> str:
    model = index.model
    nodes = sentence([f"{node.name} ({index.sites[node.site].title})" for node in model.nodes])
    return (
        f"{count(len(model.nodes), 'node')}: {nodes}; {count(len(model.guests), 'guest')}; "
        f"{count(len(model.rented), 'rented host')}."
    )
