from dataclasses import replace

from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index

from docs.generate import hook
from docs.generate.capacity import capacity_page
from docs.generate.picture import draw
from docs.generate.view import scene


def test_the_picture_of_the_readme_is_what_the_model_gives(index: Index) -> None:
    assert hook.PICTURE.read_text(encoding="utf-8") == draw(scene(index)), (
        "`make docs` draws it anew: commit the result"
    )


def test_every_host_is_in_the_picture_once(index: Index) -> None:
    drawn = scene(index)
    names = [node.name for node in drawn.nodes]
    names += [guest.name for node in drawn.nodes for guest in node.guests]
    names += [guest.name for guest in drawn.anywhere] + [rented.host.name for rented in drawn.rented]
    assert sorted(names) == sorted(index.hosts)


def test_memory_is_what_the_page_about_capacity_says(index: Index) -> None:
    page = capacity_page(index)
    for node in scene(index).nodes:
        (row,) = (line for line in page.splitlines() if f"| [{node.name}]" in line and " virtual |" in line)
        _, _, memory, reserve, _, taken, free = (cell.strip() for cell in row.strip("|").split(" | "))
        assert (node.memory, node.reserve, node.taken) == (int(memory), int(reserve), int(taken))
        assert f">{taken} GiB of guests · {int(free.strip(' |'))} GiB free<" in draw(scene(index))


def test_all_equipment_is_under_its_site(index: Index) -> None:
    drawn = scene(index)
    shown = {(site, gear.name, gear.state) for site, items in drawn.gear.items() for gear in items}
    assert shown == {(index.sites[item.site].title, item.name, item.state) for item in index.model.equipment}


def test_doors_are_what_everyone_may_reach(index: Index, fleet) -> None:
    doors = scene(index).doors
    for name, variables in fleet.hosts.items():
        open_ports = sorted(
            {port for opening in variables["model_openings"] if opening["anyone"] for port in opening["ports"]}
        )
        assert doors.get(name, "") == ", ".join(map(str, open_ports))


def test_a_fleet_without_nodes_can_be_described(index: Index) -> None:
    drawn = scene(Index(replace(index.model, nodes=(), guests=(), rented=(), equipment=())))
    assert drawn.summary == "0 nodes: none; 0 guests; 0 rented hosts."
    assert draw(drawn).startswith("<svg ")
