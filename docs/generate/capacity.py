"""The page about capacity: how much room there is, and what the loss of each node would mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.model.rules.placement import Placement, room
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import ANY

from .links import to_host
from .markdown import NOTHING, count, page, table

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index
    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Node

COPIES = 3
"""How many copies Ceph keeps of everything, unless told otherwise (osd_pool_default_size)."""


def capacity_page(index: Index) -> str:
    """How much room there is, and what the loss of each node would mean."""
    model, placement = index.model, Placement(index)
    wanted = sum(guest.disk for guest in model.guests)
    disks = [disk.size for node in model.nodes for disk in node.disks if disk.use == "osd"]
    return page(
        "Capacity",
        "Memory decides: a node that has none left starts no guest. All sizes are in GiB.",
        "## Each node\n",
        "A part of each node's memory is reserved for the node itself and for Ceph: `reserves` in "
        "`inventory/model/nodes.yml`. Guests that may run on any node are assumed to start, the largest first, where "
        "most memory is left.",
        table(
            ["Node", ">Cores", ">Memory", ">Reserved", "Guests", ">Their memory", ">Left"],
            [_node_row(index, placement, node) for node in index.nodes.values()],
        ),
        "## When a node is lost\n",
        "Its guests start again on the others. Replicas (guests of one anti-affinity group) that find another of their "
        "group on each other node wait for their own node instead: the group serves without them. `make check-model` "
        "refuses a model in which a guest would find no room.",
        table(
            ["Lost", "Start elsewhere", ">They want", ">The others have", ">Left then", "Wait"],
            [_loss_row(placement, name) for name in index.nodes],
        ),
        "## Storage\n",
        f"Ceph has {count(len(disks), 'disk')} of {sum(disks)} GiB in all. With {COPIES} copies of everything, "
        f"{sum(disks) // COPIES} GiB can be used. The guests' disks are {wanted} GiB, and take room as they fill.",
    )


def _node_row(index: Index, placement: Placement, node: Node) -> tuple[object, ...]:
    guests = placement.guests[node.name]
    free = room(index, node)
    return (
        to_host(node.name),
        f"{node.cores}, for {sum(guest.vcpus for guest in guests)} virtual",
        node.memory,
        node.memory - free,
        ", ".join(to_host(guest.name) + (" (any node)" if guest.node == ANY else "") for guest in guests) or NOTHING,
        sum(guest.memory for guest in guests),
        placement.rooms[node.name],
    )


def _loss_row(placement: Placement, lost: str) -> tuple[object, ...]:
    others = placement.rooms.keys() - {lost}
    waiting = [guest for guest in placement.guests[lost] if others and others <= placement.nodes_of_group(guest)]
    moving = [guest for guest in placement.guests[lost] if guest not in waiting]
    wanted = sum(guest.memory for guest in moving)
    there = sum(placement.rooms[name] for name in others)
    return (
        to_host(lost),
        ", ".join(to_host(guest.name) for guest in moving) or NOTHING,
        wanted,
        there,
        there - wanted,
        ", ".join(to_host(guest.name) for guest in waiting) or NOTHING,
    )
