"""Where guests run, and what happens when a node is lost."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from ..schema import ANY, Guest
from .registry import listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..index import Index
    from ..schema import Host, Node
    from .registry import Finding


def room(index: Index, node: Node) -> int:
    """Memory of a node that guests can have, in GiB; negative where the reserves want more than there is."""
    osds = sum(disk.use == "osd" for disk in node.disks)
    return node.memory - index.model.reserves.node - osds * index.model.reserves.osd


def sites_for(index: Index, host: Host) -> list[str]:
    """The sites where a host may be, now or after the loss of a node."""
    if not isinstance(host, Guest):
        return [host.site]
    if host.anti_affinity is None:
        return list(index.node_sites)
    # Nodes where another of its group runs are closed to it.
    closed = {guest.node for guest in index.model.guests if guest.anti_affinity == host.anti_affinity} - {host.node}
    return list(dict.fromkeys(node.site for node in index.nodes.values() if node.name not in closed))


class Placement:
    """Which guest is where while all is well.

    Guests with a node are on it. Of the others, and of those whose node does not exist, we assume that each, the
    largest first, starts where most memory is left: what a careful person would do, and any other spread that fits
    leaves the same memory in all.

    Attributes:
        guests: Guests of each node.
        rooms: Memory left for guests on each node, in GiB.
        homeless: Guests that fit nowhere; they are on no node.
    """

    def __init__(self, index: Index) -> None:
        self.guests: dict[str, list[Guest]] = {name: [] for name in index.nodes}
        self.rooms = {name: room(index, node) for name, node in index.nodes.items()}
        self.homeless: list[Guest] = []
        self._groups: dict[str, set[str]] = {}
        for guest in index.model.guests:
            if guest.node in index.nodes:
                self._put(guest, guest.node)
        heap = [(-left, name) for name, left in self.rooms.items()]
        heapq.heapify(heap)
        for guest in largest_first(guest for guest in index.model.guests if guest.node not in index.nodes):
            self._spread(guest, heap)

    def nodes_of_group(self, guest: Guest) -> set[str]:
        """Nodes where guests are with which this one never shares a node."""
        return set() if guest.anti_affinity is None else self._groups.get(guest.anti_affinity, set())

    def _put(self, guest: Guest, node: str) -> None:
        self.guests[node].append(guest)
        self.rooms[node] -= guest.memory
        if guest.anti_affinity is not None:
            self._groups.setdefault(guest.anti_affinity, set()).add(node)

    def _spread(self, guest: Guest, heap: list[tuple[int, str]]) -> None:
        """Puts a guest on the roomiest node that is open to it."""
        closed = self.nodes_of_group(guest)
        passed = []
        while heap and heap[0][1] in closed:
            passed.append(heapq.heappop(heap))
        if heap and -heap[0][0] >= guest.memory:
            left, node = heap[0]
            self._put(guest, node)
            heapq.heapreplace(heap, (left + guest.memory, node))
        else:
            self.homeless.append(guest)
        for entry in passed:
            heapq.heappush(heap, entry)


def largest_first(guests: Iterable[Guest]) -> list[Guest]:
    """Guests in the order in which they are placed; by name where the size is the same."""
    return sorted(guests, key=lambda guest: (-guest.memory, guest.name))


class Evacuation:
    """Restarting the guests of a lost node on the others.

    First fit decreasing: each guest, the largest first, goes to the first node that has room and none of its group.
    That finds room unless the fleet is nearly full; where it finds none, a person might still by moving running guests,
    but should not have to on the day of the loss.

    A guest whose group has a member on each other node stays down without harm: that is what its replicas are for.

    Attributes:
        refused: Guests for which there is no room.
        missing: How much there is too little for them, in GiB, when each takes what is left where most is.
    """

    def __init__(self, placement: Placement, lost: str) -> None:
        self._placement = placement
        self._lost = lost
        self._taken: dict[str, int] = {}
        self._groups: dict[str, set[str]] = {}
        self.refused = [guest for guest in largest_first(placement.guests[lost]) if not self._restart(guest)]
        self.missing = sum(map(self._squeeze, self.refused))

    def _left(self, node: str) -> int:
        return self._placement.rooms[node] - self._taken.get(node, 0)

    def _open_to(self, guest: Guest) -> Iterator[str]:
        """Nodes that a guest could be on, if there were room."""
        closed = self._placement.nodes_of_group(guest) | self._groups.get(guest.anti_affinity or "", set())
        return (node for node in self._placement.rooms if node != self._lost and node not in closed)

    def _put(self, guest: Guest, node: str) -> None:
        self._taken[node] = self._taken.get(node, 0) + guest.memory
        if guest.anti_affinity is not None:
            self._groups.setdefault(guest.anti_affinity, set()).add(node)

    def _restart(self, guest: Guest) -> bool:
        """Whether the guest has a place now, or does not need one."""
        node = next((node for node in self._open_to(guest) if self._left(node) >= guest.memory), None)
        if node is not None:
            self._put(guest, node)
            return True
        others = len(self._placement.rooms) > 1
        return others and next(self._open_to(guest), None) is None

    def _squeeze(self, guest: Guest) -> int:
        """Puts a guest where there is no room; returns by how much there is too little."""
        node = max(self._open_to(guest), key=self._left, default=None)
        if node is None:
            return guest.memory
        missing = guest.memory - max(self._left(node), 0)
        self._put(guest, node)
        return missing


@rule("unknown-node", "nodes")
def unknown_nodes(index: Index) -> Iterator[Finding]:
    """The node of a guest exists."""
    for guest in index.model.guests:
        if guest.node != ANY and guest.node not in index.nodes:
            sentence = f"there is no node '{guest.node}'; use {ANY} or one of {listed(index.nodes)}"
            yield guest.at("node"), sentence


@rule("anti-affinity")
def anti_affinity(index: Index) -> Iterator[Finding]:
    """Two guests of one anti-affinity group are not on one node."""
    first: dict[tuple[str, str], str] = {}
    for guest in index.model.guests:
        if guest.anti_affinity is None or guest.node == ANY:
            continue
        other = first.setdefault((guest.anti_affinity, guest.node), guest.name)
        if other != guest.name:
            sentence = f"'{other}' of the same group '{guest.anti_affinity}' is on '{guest.node}'; choose another node"
            yield guest.at("node"), sentence


@rule("anti-affinity-size", "nodes")
def anti_affinity_size(index: Index) -> Iterator[Finding]:
    """A group has no more guests than there are nodes."""
    sizes: dict[str, int] = {}
    for guest in index.model.guests:
        if guest.anti_affinity is not None:
            sizes[guest.anti_affinity] = sizes.get(guest.anti_affinity, 0) + 1
            if sizes[guest.anti_affinity] > len(index.nodes):
                sentence = f"group '{guest.anti_affinity}' has more guests than there are nodes; leave it or add a node"
                yield guest.at("anti_affinity"), sentence


@rule("node-memory", "nodes", "reserves")
def node_memory(index: Index) -> Iterator[Finding]:
    """The guests of a node fit in its memory beside the hypervisor and Ceph."""
    wanted = dict.fromkeys(index.nodes, 0)
    for guest in index.model.guests:
        if guest.node in wanted:
            wanted[guest.node] += guest.memory
    for name, node in index.nodes.items():
        left = room(index, node)
        if wanted[name] > left:
            sentence = (
                f"the guests of '{name}' want {wanted[name]} GiB, {wanted[name] - left} GiB more than the reserves "
                "leave; move some or make them smaller"
            )
            yield node.at("memory"), sentence


@rule("guest-memory", "nodes", "guests", "reserves")
def guest_memory(index: Index) -> Iterator[Finding]:
    """There is a node with room for each guest that has no node of its own."""
    for guest in Placement(index).homeless:
        sentence = f"no node has {guest.memory} GiB left for '{guest.name}'; add memory or make guests smaller"
        yield guest.at("memory"), sentence


@rule("node-loss", "nodes", "guests", "reserves")
def node_loss(index: Index) -> Iterator[Finding]:
    """The loss of any one node leaves room for its guests on the others."""
    placement = Placement(index)
    for name, node in index.nodes.items():
        evacuation = Evacuation(placement, name)
        if evacuation.refused:
            guests = listed(f"{guest.name} ({guest.memory} GiB)" for guest in evacuation.refused)
            sentence = (
                f"without '{name}' the other nodes have no room for {guests}, by {evacuation.missing} GiB; "
                "add memory, make guests smaller or remove some"
            )
            yield node.at("memory"), sentence
