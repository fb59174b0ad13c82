import re
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import Fleet
from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index
from ansible_collections.aurore.infra.plugins.module_utils.model.rules.placement import Placement, room

from docs.generate.capacity import capacity_page
from docs.generate.host import host_details, names_of_sources
from docs.generate.pages import KINDS, equipment, networks, overview, pages, services

ROOT = Path(__file__).parents[3]


def rows(text: str, section: str = "") -> dict[str, list[str]]:
    """The rows of a page's tables, of one section if it is named, by their first cell."""
    if section:
        text = text.split(f"\n## {section}", 1)[1].split("\n## ", 1)[0]
    cells = [
        [cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in text.splitlines() if line[:1] == "|"
    ]
    return {row[0]: row[1:] for row in cells}


def test_there_is_a_page_for_each_host_and_it_bears_its_name(index: Index, fleet: Fleet) -> None:
    found = pages(index, fleet)
    hosts = {path for path in found if path.startswith("fleet/hosts/")}
    assert hosts == {f"fleet/hosts/{name}.md" for name in index.hosts}
    assert all(found[f"fleet/hosts/{name}.md"].startswith(f"# {name}\n") for name in index.hosts)


def test_the_overview_lists_each_host_once_under_its_kind(index: Index, fleet: Fleet) -> None:
    text = overview(index, fleet)
    for kind, title in KINDS.items():
        names = {cell.split("]")[0].strip("[") for cell in rows(text, title) if cell.startswith("[")}
        assert names == {name for name, host in index.hosts.items() if host.kind == kind}


def test_a_host_shows_its_derived_addresses_and_openings(index: Index, fleet: Fleet) -> None:
    for name, host in index.hosts.items():
        text = host_details(index, fleet, names_of_sources(index), host)
        variables = fleet.hosts[name]
        for interface in variables["model_interfaces"]:
            assert f"`{interface['ipv4']}/{interface['prefix4']}`" in text
            assert f"`{interface['ipv6']}/{interface['prefix6']}`" in text
        assert text.count(", default route") == 1
        ports = [
            line
            for line in text.split("## Open ports")[1].split("\n## ")[0].splitlines()
            if "/tcp" in line or "/udp" in line
        ]
        assert len(ports) == len(variables["model_openings"])
        everyone = sum(line.endswith("| everyone |") for line in ports)
        assert everyone == sum(opening["anyone"] for opening in variables["model_openings"])


def test_sources_of_openings_have_the_names_of_networks_and_hosts(index: Index, fleet: Fleet) -> None:
    for host in index.hosts.values():
        openings = host_details(index, fleet, names_of_sources(index), host).split("## Open ports")[1].split("\n## ")[0]
        assert "| |" not in openings
        assert not [
            line for line in openings.splitlines() if line.rstrip(" |").endswith("`") and "/" in line.split("|")[-2]
        ]


def test_a_host_says_with_whom_it_works_and_from_whom_it_keeps_away(index: Index, fleet: Fleet) -> None:
    peers = index.carriers["postgresql"]
    text = host_details(index, fleet, names_of_sources(index), peers[0])
    for peer in peers[1:]:
        assert f"[{peer.name}]({peer.name}.md)" in rows(text)["Never on one node with"][0]
        assert f"[{peer.name}]({peer.name}.md)" in rows(text, "Together with")["`postgresql`"][0]


def test_every_host_shows_what_it_has(index: Index, fleet: Fleet) -> None:
    for host in index.hosts.values():
        facts = rows(host_details(index, fleet, names_of_sources(index), host))
        assert facts["Memory"] == [f"{host.memory} GiB"]
        cores = facts.get("Cores") or facts["Virtual cores"]
        assert cores == [str(host.size["cores"])]
        assert f"{host.size['disk']} GiB" in (facts.get("Disk") or facts["Disks"])[0]


def test_groups_are_those_of_the_inventory(index: Index, fleet: Fleet) -> None:
    for name, host in index.hosts.items():
        listed = {
            group.strip("`")
            for group in rows(host_details(index, fleet, names_of_sources(index), host))["Groups"][0].split(", ")
        }
        assert listed == {group for group, hosts in fleet.groups.items() if name in hosts}


def test_capacity_adds_up(index: Index) -> None:
    placement = Placement(index)
    text = capacity_page(index)
    for name, node in index.nodes.items():
        cells = rows(text, "Each node")[f"[{name}](hosts/{name}.md)"]
        _, memory, reserved, _, guests, left = cells
        assert int(memory) == node.memory
        assert int(memory) - int(reserved) == room(index, node)
        assert int(memory) - int(reserved) - int(guests) == int(left) == placement.rooms[name]


def test_each_guest_of_a_lost_node_either_starts_elsewhere_or_waits(index: Index) -> None:
    placement = Placement(index)
    text = capacity_page(index)
    for name in index.nodes:
        moving, wanted, there, left, waiting = rows(text, "When a node is lost")[f"[{name}](hosts/{name}.md)"]
        for guest in placement.guests[name]:
            assert (f"[{guest.name}]" in moving) != (f"[{guest.name}]" in waiting)
        assert int(wanted) == sum(guest.memory for guest in placement.guests[name] if f"[{guest.name}]" in moving)
        assert int(there) - int(wanted) == int(left) >= 0


def test_a_replica_without_a_peer_everywhere_does_not_wait(index: Index) -> None:
    replicas = [guest for guest in index.model.guests if guest.anti_affinity is not None]
    fewer = Index(replace(index.model, guests=tuple(guest for guest in index.model.guests if guest is not replicas[0])))
    lost = replicas[1]
    moving, *_, waiting = rows(capacity_page(fewer), "When a node is lost")[f"[{lost.node}](hosts/{lost.node}.md)"]
    assert f"[{lost.name}]" in moving
    assert f"[{lost.name}]" not in waiting


def test_networks_list_each_address_in_the_order_of_numbers(index: Index, fleet: Fleet) -> None:
    text = networks(index)
    for name, network in index.networks.items():
        section = text.split(f"## {name} {{ #{name} }}")[1].split("\n## ")[0]
        assert f"`{network.gateway4}`" in section
        numbers = [int(line.split("|")[1]) for line in section.splitlines() if line[2:3].isdigit()]
        assert numbers == sorted(host.addresses[name] for host in index.hosts.values() if name in host.addresses)
    for variables in fleet.hosts.values():
        assert all(f"`{address}`" in text for address in variables["model_addresses"])


def test_services_say_who_talks_to_whom(index: Index) -> None:
    text = services(index)
    assert set(rows(text)) >= {f"`{name}`" for name in index.services}
    talks = text.split("## Who talks to whom")[1]
    listens = sum(len(service.listens) for service in index.services.values()) + len(index.model.common)
    assert len([line for line in talks.splitlines() if "/tcp |" in line or "/udp |" in line]) == listens
    for zone in index.model.zones:
        primary, secondaries, contact = rows(text, "Zones")[f"`{zone.name}`"]
        assert zone.name_servers[0] in primary
        assert all(name in secondaries for name in zone.name_servers[1:])
        assert contact == zone.contact


def test_equipment_is_listed_by_site_with_state_and_successor(index: Index) -> None:
    text = equipment(index)
    for item in index.model.equipment:
        what, state, notes = rows(text, index.sites[item.site].title)[item.name]
        assert what
        assert state == item.state.replace("_", " ")
        assert (item.replaced_by is None) != (f"To be replaced by {item.replaced_by}." in notes)


def test_a_fleet_without_rented_hosts_has_no_empty_table(index: Index, fleet: Fleet) -> None:
    assert "Rented" not in overview(Index(replace(index.model, rented=())), fleet)


@pytest.mark.parametrize("page", ["fleet/capacity.md", "fleet/networks.md", "fleet/services.md", "fleet/equipment.md"])
def test_tables_are_regular(index: Index, fleet: Fleet, page: str) -> None:
    width = 0
    for line in pages(index, fleet)[page].splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = line.replace(r"\|", "").count("|")
        assert width in (0, cells), line
        width = cells


def test_architecture_names_every_variable(fleet: Fleet) -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("## Derivation")[1].split("\n## ")[0]
    named = set(re.findall(r"`(model_\w+)`", text))
    derived = {name for variables in fleet.hosts.values() for name in variables if name.startswith("model_")}
    # The last three are not derived from the model: a view, and where the model is, which the inventory plugin knows.
    assert named == derived | fleet.variables.keys() | {"model_hosts", "model_files", "model_inventory_dir"}
