"""Where guests run, and what happens when a node is lost."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING

from ..schema import ANY, Guest
from .packing import GivenUp, Patience, Space, arrange, best_fit, shortage
from .registry import choice, few, listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..index import Index
    from ..schema import Host, Node
    from .packing import Spaces
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
    closed = index.closed_of_group[host.anti_affinity].copy()
    if host.node in index.nodes:
        closed[index.nodes[host.node].site] -= 1
    return [site for site, nodes in index.node_sites.items() if closed[site] < nodes]


class Placement:
    """Which guest is where while all is well.

    Guests with a node are on it. Of the others, and of those whose node does not exist, we assume that each, the one
    with the fewest open nodes and then the largest first, starts where most memory is left: what a careful person would
    do. Where that leaves one without a node, we look for a better way.

    Attributes:
        guests: Guests of each node.
        rooms: Memory left for guests on each node, in GiB.
        homeless: Guests that fit nowhere; they are on no node.
    """

    def __init__(self, index: Index) -> None:
        self.guests: dict[str, list[Guest]] = {name: [] for name in index.nodes}
        self.rooms = {name: room(index, node) for name, node in index.nodes.items()}
        self._groups: dict[str, set[str]] = {}
        for guest in index.model.guests:
            if guest.node in index.nodes:
                self._put(guest, guest.node)
        self._unmarked = self._count()
        wanderers = self.in_order(guest for guest in index.model.guests if guest.node not in index.nodes)
        nodes: Sequence[str | None] = self._spread(wanderers)
        if None in nodes:
            nodes = self._arrange(wanderers) or nodes
        self.homeless = [guest for guest, node in zip(wanderers, nodes, strict=True) if node is None]
        for guest, node in zip(wanderers, nodes, strict=True):
            if node is not None:
                self._put(guest, node)
        self._unmarked = self._count()

    def nodes_of_group(self, guest: Guest) -> set[str]:
        """Nodes where guests are with which this one never shares a node, its own included."""
        return set() if guest.anti_affinity is None else self._groups.get(guest.anti_affinity, set())

    def in_order(self, guests: Iterable[Guest], lost: str = "") -> list[Guest]:
        """Guests in the order in which to place them: fewest open nodes, then largest, then by name."""
        return sorted(guests, key=lambda guest: (-len(self.nodes_of_group(guest) - {lost}), -guest.memory, guest.name))

    def spaces(self, guests: Iterable[Guest], lost: str = "") -> Spaces:
        """What is left of the nodes to some guests, without a node that is lost."""
        marked = self._marked(guests)
        spaces = self._unmarked.copy()
        spaces.subtract(Space(self.rooms[node], frozenset()) for node in {*marked, lost} if node in self.rooms)
        spaces.update(space for node, space in marked.items() if node != lost)
        return +spaces  # without those of which there are none

    def _count(self) -> Spaces:
        """The nodes, as if they were open to everyone."""
        return Counter(Space(left, frozenset()) for left in self.rooms.values())

    def _marked(self, guests: Iterable[Guest]) -> dict[str, Space]:
        """The nodes that are closed to one of some guests."""
        groups: dict[str, set[str]] = {}
        for group in {guest.anti_affinity for guest in guests if guest.anti_affinity is not None}:
            for node in self._groups.get(group, ()):
                groups.setdefault(node, set()).add(group)
        return {node: Space(self.rooms[node], frozenset(found)) for node, found in groups.items()}

    def _put(self, guest: Guest, node: str) -> None:
        self.guests[node].append(guest)
        self.rooms[node] -= guest.memory
        if guest.anti_affinity is not None:
            self._groups.setdefault(guest.anti_affinity, set()).add(node)

    def _spread(self, guests: Iterable[Guest]) -> list[str | None]:
        """The roomiest node that is open to each guest, after those before it; None where it does not fit."""
        heap = [(-left, name) for name, left in self.rooms.items()]
        heapq.heapify(heap)
        groups = {name: set(nodes) for name, nodes in self._groups.items()}
        found: list[str | None] = []
        for guest in guests:
            closed = set[str]() if guest.anti_affinity is None else groups.setdefault(guest.anti_affinity, set())
            passed = []
            while heap and heap[0][1] in closed:
                passed.append(heapq.heappop(heap))
            if heap and -heap[0][0] >= guest.memory:
                left, node = heap[0]
                heapq.heapreplace(heap, (left + guest.memory, node))
                closed.add(node)
                found.append(node)
            else:
                found.append(None)
            for entry in passed:
                heapq.heappush(heap, entry)
        return found

    def _arrange(self, guests: Sequence[Guest]) -> Sequence[str] | None:
        """A node for each guest; None where there is no such arrangement, or none is found."""
        try:
            chosen = arrange(guests, self.spaces(guests), Patience())
        except GivenUp:
            return None
        if chosen is None:
            return None
        marked = self._marked(guests)
        names: dict[Space, list[str]] = {}
        for node, left in self.rooms.items():
            names.setdefault(marked.get(node, Space(left, frozenset())), []).append(node)
        found = []
        for guest, space in zip(guests, chosen, strict=True):
            found.append(names[space].pop())
            names.setdefault(space.with_guest(guest), []).append(found[-1])
        return found


class Evacuation:
    """Restarting the guests of a lost node on the others, where running guests stay.

    A person might find more room by moving those, but should not have to on the day of the loss. A guest whose group
    has a member on each other node stays down without harm: that is what its replicas are for.

    Attributes:
        refused: Guests for which no room was found.
        missing: How much there is too little for them, in GiB, when each takes what is left where most is.
        is_certain: Whether there is no other arrangement that has room for all.
    """

    def __init__(self, placement: Placement, lost: str, patience: Patience) -> None:
        guests = placement.in_order(placement.guests[lost], lost)
        spaces = placement.spaces(guests, lost)
        needing = [guest for guest in guests if not spaces or any(space.is_open_to(guest) for space in spaces)]
        # Two of one group on one node break another rule; one of them is enough for this one.
        needing = list({guest.anti_affinity or (guest.name,): guest for guest in needing}.values())
        left = spaces.copy()
        self.refused = best_fit(needing, left)
        self.is_certain = True
        if self.refused:
            try:
                if arrange(needing, spaces, patience):
                    self.refused = []
            except GivenUp:
                self.is_certain = False
        self.missing = shortage(self.refused, left)


@rule("unknown-node", "nodes")
def unknown_nodes(index: Index) -> Iterator[Finding]:
    """The node of a guest exists."""
    for guest in index.model.guests:
        if guest.node != ANY and guest.node not in index.nodes:
            yield guest.at("node"), f"there is no node '{guest.node}'; {choice([ANY, *index.nodes])}"


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


@rule("members-apart", "services", "nodes", "guests")
def members_apart(index: Index) -> Iterator[Finding]:
    """Of a service whose hosts are apart, no two can be on one node: not now, and not after the loss of another."""
    for service in index.model.services:
        if service.placement != "apart":
            continue
        carriers = index.carriers[service.name]
        nodes = {carrier.name for carrier in carriers} & index.nodes.keys()
        guests = [carrier for carrier in carriers if isinstance(carrier, Guest)]
        group = next((guest.anti_affinity for guest in guests if guest.anti_affinity is not None), None)
        for guest in guests:
            if guest.node in nodes or (guest.node == ANY and nodes):
                sentence = f"'{service.name}' is on the node of '{guest.name}' or may be, too; keep one of the two"
                yield guest.at("services", service.name), sentence
            elif len(guests) > 1 and (guest.anti_affinity is None or guest.anti_affinity != group):
                sentence = (
                    f"the hosts of '{service.name}' are apart, and '{guest.name}' may come beside another of them; "
                    f"write anti_affinity: {group or service.name}"
                )
                yield guest.at("services", service.name), sentence


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
    placement = Placement(index)
    for guest in placement.homeless:
        closed = placement.nodes_of_group(guest)
        if len(closed) == len(index.nodes) > 0:
            continue  # anti-affinity-size says so
        roomy = sorted(node for node in closed if placement.rooms[node] >= guest.memory)
        but = f" but {few(roomy)}, which its group '{guest.anti_affinity}' closes to it," if roomy else ""
        sentence = f"no node{but} has {guest.memory} GiB left for '{guest.name}'; add memory or make guests smaller"
        yield guest.at("memory"), sentence


@rule("node-loss", "nodes", "guests", "reserves")
def node_loss(index: Index) -> Iterator[Finding]:
    """The loss of any one node leaves room for its guests on the others."""
    placement, patience = Placement(index), Patience()
    for name, node in index.nodes.items():
        evacuation = Evacuation(placement, name, patience)
        if evacuation.refused:
            guests = listed(f"{guest.name} ({guest.memory} GiB)" for guest in evacuation.refused)
            finding = (
                "the other nodes have no room for all its guests"
                if evacuation.is_certain
                else "no way was found to fit all its guests on the other nodes"
            )
            sentence = (
                f"without '{name}' {finding}: {guests} would be left, by {evacuation.missing} GiB; "
                "add memory, make guests smaller or remove some"
            )
            yield node.at("memory"), sentence
