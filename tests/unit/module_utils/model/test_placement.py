"""Where guests go, at rest and when a node is lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index
from ansible_collections.aurore.infra.plugins.module_utils.model.rules import placement as rules
from ansible_collections.aurore.infra.plugins.module_utils.model.rules.packing import Patience
from ansible_collections.aurore.infra.plugins.module_utils.model.rules.placement import (
    Evacuation,
    Placement,
    guest_memory,
    node_loss,
    room,
    sites_for,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from .fleet import Edit, edited, fleet, problems

if TYPE_CHECKING:
    import pytest
    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Guest

ONE_NODE: list[Edit] = [
    (
        "nodes.yml",
        "  - name: node-south\n    site: south\n    memory: 32\n    cores: 8\n    disks:\n"
        "      - {device: sda, size: 240, use: system}\n      - {device: sdb, size: 960, use: osd}\n"
        "    services: [hypervisors]\n    addresses: {adm-south: 11}\n",
        "",
    ),
]
type Wish = tuple[str, int, str | None]
"""Node, memory and group of a guest."""

LOST = "a"
HARD: list[Wish] = [(LOST, 3, None), (LOST, 2, None), (LOST, 2, None), (LOST, 2, None)]


def cluster(rooms: list[int], guests: list[Wish]) -> Index:
    """Nodes a, b, c and so on with so much room for guests, and guests g0, g1 and so on."""
    model = fleet()
    node, guest = model.nodes[0], model.guests[0]
    reserved = node.memory - room(Index(model), node)
    return Index(
        replace(
            model,
            nodes=tuple(
                replace(node, name="abcdefgh"[number], site=["north", "south"][number % 2], memory=left + reserved)
                for number, left in enumerate(rooms)
            ),
            guests=tuple(
                replace(guest, name=f"g{number}", node=place, memory=memory, anti_affinity=group)
                for number, (place, memory, group) in enumerate(guests)
            ),
        )
    )


def evacuation(index: Index, patience: Patience | None = None) -> Evacuation:
    """What becomes of the guests of the first node."""
    return Evacuation(Placement(index), LOST, patience or Patience())


def names(placement: Placement) -> dict[str, list[str]]:
    """Names of the guests of each node."""
    return {node: [guest.name for guest in guests] for node, guests in placement.guests.items()}


def test_reserves() -> None:
    index = Index(fleet())
    assert [room(index, node) for node in index.nodes.values()] == [23, 23]


def test_guests_without_a_node_spread_where_most_memory_is_left() -> None:
    placement = Placement(Index(fleet()))
    assert names(placement) == {"node-north": ["db-north", "mail"], "node-south": ["db-south", "log", "dns"]}
    assert placement.rooms == {"node-north": 13, "node-south": 14}


def test_guests_of_a_group_spread() -> None:
    group = [("guests.yml", f"memory: {memory}\n", f"memory: {memory}\n    anti_affinity: x\n") for memory in (1, 2)]
    placement = Placement(Index(fleet(*group)))
    assert names(placement) == {"node-north": ["db-north", "mail", "dns"], "node-south": ["db-south", "log"]}


def test_guests_without_a_node_are_arranged_where_spreading_leaves_one_out() -> None:
    """The largest where most is left, 4 in 6, would leave no room for the second 3."""
    index = cluster([6, 4], [("any", 3, None), ("any", 4, None), ("any", 3, None)])
    placement = Placement(index)
    assert placement.homeless == []
    assert names(placement) == {"a": ["g0", "g2"], "b": ["g1"]}
    assert list(guest_memory(index)) == []
    assert [guest.name for guest in evacuation(index).refused] == ["g0", "g2"]


def test_guests_stay_as_spread_when_the_search_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "Patience", lambda: Patience(0))
    placement = Placement(cluster([6, 4], [("any", 3, None), ("any", 4, None), ("any", 3, None)]))
    assert [guest.name for guest in placement.homeless] == ["g2"]


def test_guests_that_fit_in_no_arrangement_are_homeless() -> None:
    placement = Placement(cluster([6, 4], [("any", 5, None), ("any", 5, None), ("any", 1, None)]))
    assert [guest.name for guest in placement.homeless] == ["g1"]
    assert placement.rooms == {"a": 1, "b": 3}


def test_of_a_guest_whose_group_closes_the_roomy_node_that_is_said() -> None:
    index = cluster([30, 4], [("a", 2, "x"), ("any", 6, "x")])
    assert [sentence for _, sentence in guest_memory(index)] == [
        "no node but 'a', which its group 'x' closes to it, has 6 GiB left for 'g1'; add memory or make guests smaller"
    ]


def test_a_guest_whose_group_is_everywhere_waits_for_its_node() -> None:
    assert evacuation(cluster([6, 6], [("a", 6, "x"), ("b", 6, "x")])).refused == []
    # With a third node it has somewhere to go, and needs room there.
    assert [guest.name for guest in evacuation(cluster([6, 6, 5], [("a", 6, "x"), ("b", 6, "x")])).refused] == ["g0"]


def test_what_does_not_fit_leaves_its_room_to_what_does() -> None:
    found = evacuation(cluster([9, 5], [("a", 6, None), ("a", 3, None), ("b", 1, None)]))
    assert [guest.name for guest in found.refused] == ["g0"]
    assert (found.missing, found.is_certain) == (5, True)


def test_who_has_the_fewest_open_nodes_chooses_first() -> None:
    """Were the largest first, it could take the only node that is open to the other one."""
    found = evacuation(cluster([11, 6, 7], [("a", 6, None), ("a", 5, "x"), ("c", 1, "x")]))
    assert found.refused == []


def test_the_tightest_place_is_taken_first() -> None:
    assert evacuation(cluster([9, 8, 4], [("a", 4, None), ("a", 5, None), ("b", 1, None)])).refused == []


def test_what_best_fit_does_not_find_is_searched_for() -> None:
    """The largest first, where it fits tightest, is 3 in 4; then one of the others is left. But 2 and 2 fit in 4."""
    index = cluster([10, 5, 4], HARD)
    assert evacuation(index).refused == []
    assert list(node_loss(index)) == []


def test_who_gives_up_the_search_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    index = cluster([10, 5, 4], HARD)
    found = evacuation(index, Patience(0))
    assert ([guest.name for guest in found.refused], found.missing, found.is_certain) == (["g3"], 1, False)
    monkeypatch.setattr(rules, "Patience", lambda: Patience(0))
    assert [sentence for _, sentence in node_loss(index)] == [
        "without 'a' no way was found to fit all its guests on the other nodes: g3 (2 GiB) would be left, by 1 GiB; "
        "add memory, make guests smaller or remove some"
    ]


@settings(max_examples=400)
@given(
    st.lists(st.integers(0, 16), min_size=1, max_size=4),
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", "any"]), st.integers(1, 6), st.sampled_from([None, "x", "y"])),
        max_size=7,
    ),
)
def test_a_fleet_is_refused_only_if_no_arrangement_survives(rooms: list[int], guests: list[Wish]) -> None:
    """By trying all of them, each guest on each node."""
    index = cluster(rooms, guests)
    placement = Placement(index)
    groups = {node: [guest.anti_affinity for guest in there] for node, there in placement.guests.items()}
    for node, there in placement.guests.items():
        assert placement.rooms[node] == room(index, index.nodes[node]) - sum(guest.memory for guest in there)
    others = [node for node in index.nodes if node != LOST]

    def is_open(guest: Guest, node: str) -> bool:
        return guest.anti_affinity is None or guest.anti_affinity not in groups[node]

    needing = [guest for guest in placement.guests[LOST] if not others or any(is_open(guest, node) for node in others)]
    own = [guest.anti_affinity for guest in needing if guest.anti_affinity]
    if len(own) != len(set(own)):
        return  # two of one group on one node break another rule

    def fits(places: tuple[str, ...]) -> bool:
        wanted = dict.fromkeys(others, 0)
        for guest, place in zip(needing, places, strict=True):
            wanted[place] += guest.memory
        return all(wanted[node] <= max(placement.rooms[node], 0) for node in others) and all(
            map(is_open, needing, places)
        )

    found = evacuation(index)
    assert (found.refused == []) == any(map(fits, product(others, repeat=len(needing))))
    assert (found.missing > 0) == (found.refused != [])
    assert found.is_certain


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", "any", "far"]), st.sampled_from(["x", "y", None])), max_size=8)
)
def test_sites_of_a_guest_are_those_with_a_node_that_is_open_to_it(guests: list[tuple[str, str | None]]) -> None:
    index = cluster([9, 9, 9], [(node, 1, group) for node, group in guests])
    for guest in index.model.guests:
        group = [other.node for other in index.model.guests if other.anti_affinity == guest.anti_affinity]
        closed = set(group) - {guest.node} if guest.anti_affinity else set()
        expected = {node.site for node in index.model.nodes if node.name not in closed}
        assert set(sites_for(index, guest)) == expected


def test_one_node_cannot_be_lost() -> None:
    edits = [*ONE_NODE, ("guests.yml", "node: node-south\n    anti_affinity: db", "node: node-north")]
    assert (
        "nodes.yml:7: node-loss: without 'node-north' the other nodes have no room for all its guests: "
        "db-north (6 GiB), db-south (6 GiB), dns (1 GiB), log (2 GiB), mail (4 GiB) would be left, by 19 GiB; "
        "add memory, make guests smaller or remove some"
    ) in problems(edited(*edits))
