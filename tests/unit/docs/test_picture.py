import itertools
from xml.etree import ElementTree

import pytest

from docs.generate.picture import BOLD, COLOURS, SIZES, STATES, draw, shortened, text_width
from docs.generate.view import Gear, Guest, Node, Rented, Scene

SVG = "{http://www.w3.org/2000/svg}"


def scene(nodes: int = 3, guests: int = 3, length: int = 0) -> Scene:
    """A fleet of any size; `length` makes names and titles longer."""
    more = "x" * length

    def some(place: str) -> tuple[Guest, ...]:
        titles = (f"etcd, where Patroni elects{more}", "Base de données (réplique)" + more)
        return tuple(Guest(f"guest-{place}-{number}{more}", 8, titles) for number in range(guests))

    return Scene(
        summary="A fleet <of tests> & accents: é.",
        system="AS64496 · Aurore",
        storage="Ceph: 6 disks",
        nodes=tuple(
            Node(f"node-{n}{more}", f"Résidence Émilie du Châtelet{more}", 16, 64, 17, 40, some(str(n)))
            for n in range(nodes)
        ),
        anywhere=some("any"),
        gear={"La Pacaterie": tuple(Gear(f"{state}{more}", state) for state in STATES)},
        rented=(
            Rented("AS64511 · OVH", Guest(f"relay{more}", 2, ("Mail relay", "Authoritative DNS, secondary" + more))),
        ),
        doors={f"host-{number}{more}": "25, 465, 587, 993" for number in range(9)},
    )


def texts(svg: str) -> list[tuple[str, float, float, float, float]]:
    """Each text with its box: left, top, right, bottom."""
    found = []
    for element in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        style, *right = element.attrib["class"].split()
        text = element.text or ""
        x, y, width = float(element.attrib["x"]), float(element.attrib["y"]), text_width(text, style)
        left = x - width if right else x
        found.append((text, left, y - 0.8 * SIZES[style], left + width, y + 0.25 * SIZES[style]))
    return found


@pytest.mark.parametrize(
    "drawn", [scene(), scene(guests=5, length=40), scene(nodes=2), scene(guests=0), scene(nodes=0)]
)
def test_no_text_overlaps_another_or_leaves_the_picture(drawn: Scene) -> None:
    svg = draw(drawn)
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    boxes = texts(svg)
    for text, left, top, right, bottom in boxes:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= width, text
        assert bottom <= height, text
    for (one, left, top, right, bottom), (two, left2, top2, right2, bottom2) in itertools.combinations(boxes, 2):
        assert right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top, f"{one} overlaps {two}"


def test_everything_is_named_with_its_accents() -> None:
    svg = draw(scene())
    shown = {text for text, *_ in texts(svg)}
    assert {
        "Résidence Émilie du Châtelet",
        "node-2",
        "guest-any-1",
        "relay",
        "La Pacaterie",
        "25, 465, 587, 993",
    } <= shown
    assert ElementTree.fromstring(svg).findtext(f"{SVG}desc") == "A fleet <of tests> & accents: é."


def test_each_colour_has_a_dark_twin_and_nothing_is_fetched() -> None:
    svg = draw(scene())
    light, dark = svg.split("@media (prefers-color-scheme: dark)")
    for name, (what, bright, dim) in COLOURS.items():
        assert f"{name} {{ {what}: {bright} }}" in light
        assert f"{name} {{ {what}: {dim} }}" in dark
    assert "href" not in svg
    assert "url(" not in svg


def test_memory_bar_is_to_scale() -> None:
    root = ElementTree.fromstring(draw(scene(nodes=1)))
    width = {
        box.attrib["class"]: float(box.attrib["width"])
        for box in root.iter(f"{SVG}rect")
        if box.attrib["height"] == "8"
    }
    assert width["held"] / width["free"] == pytest.approx(17 / 64, abs=1e-3)
    assert width["guest"] / width["free"] == pytest.approx((17 + 40) / 64, abs=1e-3)


def test_details_go_before_words_are_cut() -> None:
    titles = ["etcd, where Patroni elects the primary", "PostgreSQL (17)"]
    assert shortened(titles, 1000, "small") == "etcd, where Patroni elects the primary · PostgreSQL (17)"
    assert shortened(titles, text_width("etcd · PostgreSQL (17)", "small"), "small") == "etcd · PostgreSQL (17)"
    assert shortened(titles, text_width("etcd · PostgreSQL", "small"), "small") == "etcd · PostgreSQL"
    assert shortened(titles, text_width("etcd · Postgre…", "small"), "small") == "etcd · Postgre…"
    assert shortened([], 10, "small") == ""


@pytest.mark.parametrize("style", sorted(SIZES))
def test_text_is_never_wider_than_its_room(style: str) -> None:
    for width in range(20, 400, 7):
        assert text_width(shortened(["Continuous integration, in WMWM (Drone)"], width, style), style) <= width
    assert text_width("mm", "name") > text_width("mm", "small")
    assert set(SIZES) >= BOLD
