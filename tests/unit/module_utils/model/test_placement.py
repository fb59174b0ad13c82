"""Where guests go, at rest and when a node is lost."""

from __future__ import annotations

from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index
from ansible_collections.aurore.infra.plugins.module_utils.model.rules.placement import Evacuation, Placement, room

from .fleet import Edit, edited, fleet, problems

ONE_NODE: list[Edit] = [
    (
        "nodes.yml",
        "  - name: node-south\n    site: south\n    memory: 32\n    cores: 8\n    disks:\n"
        "      - {device: sda, size: 240, use: system}\n      - {device: sdb, size: 960, use: osd}\n"
        "    services: [hypervisors]\n    addresses: {adm-south: 11}\n",
        "",
    ),
]


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


def test_a_guest_whose_group_is_everywhere_waits_for_its_node() -> None:
    placement = Placement(Index(fleet()))
    evacuation = Evacuation(placement, "node-north")
    assert (evacuation.refused, evacuation.missing) == ([], 0)
    # Were it to restart, 6 + 4 GiB would not fit in what is left.
    placement.rooms["node-south"] = 4
    assert Evacuation(placement, "node-north").refused == []


def test_what_does_not_fit_leaves_its_room_to_what_does() -> None:
    placement = Placement(Index(fleet()))
    placement.rooms["node-north"] = 1
    evacuation = Evacuation(placement, "node-south")
    assert [guest.name for guest in evacuation.refused] == ["log"]
    assert evacuation.missing == 2


def test_one_node_cannot_be_lost() -> None:
    found = problems(edited(*ONE_NODE, ("guests.yml", "node: node-south", "node: any")))
    assert (
        "nodes.yml:7: node-loss: without 'node-north' the other nodes have no room for db-north (6 GiB), dns (1 GiB), "
        "log (2 GiB), mail (4 GiB), by 13 GiB; add memory, make guests smaller or remove some"
    ) in found


def test_the_members_of_a_group_restart_apart() -> None:
    """Two replicas of one node are a mistake, but the evacuation does not put them together again."""
    model = fleet()
    third = Index(model)
    placement = Placement(third)
    placement.rooms |= {"node-east": 20, "node-west": 20}
    placement.guests["node-north"] = [guest for guest in model.guests if guest.anti_affinity == "db"]
    evacuation = Evacuation(placement, "node-north")
    assert evacuation.refused == []
    assert evacuation._groups == {"db": {"node-east", "node-west"}}
