"""The picture of the fleet, as SVG: sites with their nodes and guests, rented hosts, gear that has no SSH.

It has a background of its own and follows the reader's preference for light or dark, so it is readable wherever it is
shown. No font is embedded: widths are those of a wide one, so that text fits its box whatever font the reader has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from docs.generate.view import Gear, Guest, Node, Rented, Scene

WIDTH = 1200
MARGIN = 20
GAP = 14
CHIP = 46  # a guest's height
PADDING = 16  # inside panels
OUTSIDE = 236  # width of the column with what is outside
ANYWHERE_PER_ROW = 4
GEAR_PER_ROW = 4

SIZES = {"title": 14, "name": 13, "small": 11, "label": 12}
BOLD = {"title", "name"}

# Class: (property, light, dark). Written out for both, since not all programs that show SVG know CSS variables.
COLOURS = {
    "text": ("fill", "#172033", "#e9edf5"),
    ".small, .label": ("fill", "#566176", "#a5b0c4"),
    ".paper": ("fill", "#ffffff", "#151a25"),
    ".panel": ("fill", "#f4f6fa", "#1c2331"),
    ".chip": ("fill", "#ffffff", "#252e3f"),
    ".paper, .panel, .chip": ("stroke", "#dde2eb", "#323b4f"),
    ".frame": ("stroke", "#aab4c5", "#56627b"),
    ".node": ("fill", "#4054b2", "#8f9fff"),
    ".guest": ("fill", "#0b8578", "#45c4b2"),
    ".rented": ("fill", "#b45f06", "#f0a54a"),
    ".held": ("fill", "#97a2b7", "#6c7890"),
    ".free": ("fill", "#d9e0ec", "#3a4459"),
    ".on": ("fill", "#2e8540", "#5cc46f"),
    ".due": ("fill", "#d08700", "#f0c04a"),
    ".off": ("fill", "#b3362c", "#ff8b80"),
}
SHAPES = """text { font-family: system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif }
.title { font-size: 14px; font-weight: 600 }
.name { font-size: 13px; font-weight: 600 }
.small { font-size: 11px }
.label { font-size: 12px }
.right { text-anchor: end }
.frame { fill: none; stroke-dasharray: 5 4 }
"""

KEYS = {
    "node": "node: hypervisor and storage",
    "guest": "guest: virtual machine",
    "rented": "host rented elsewhere",
    "held": "memory that guests cannot have",
}
LEGEND = 20  # height of a line
STATES = {"in_service": "on", "to_install": "due", "to_sell": "due", "stopped": "off", "faulty": "off"}


def style_sheet() -> str:
    """The colours in light and dark, and the rest."""
    light = "".join(f"{name} {{ {what}: {colour} }}\n" for name, (what, colour, _) in COLOURS.items())
    dark = "".join(f"  {name} {{ {what}: {colour} }}\n" for name, (what, _, colour) in COLOURS.items())
    return f"{SHAPES}{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def text_width(text: str, style: str) -> float:
    """Pixels that the text takes at most, in the widest of the usual fonts (DejaVu Sans)."""
    parts = sum(
        0.37 if letter in " .,:;!|'()-iljtfr·" else 0.98 if letter in "mwMW%" else 0.73 if letter.isupper() else 0.61
        for letter in text
    )
    return parts * SIZES[style] * (1.11 if style in BOLD else 1)


def shortened(titles: Sequence[str], width: float, style: str) -> str:
    """The titles on one line. While they do not fit, details go (after a comma, in parentheses), then the end."""
    parts = [re.split(r"(?=, | \()", title) for title in titles]
    while text_width(line := " · ".join("".join(part) for part in parts), style) > width:
        longest = max(parts, key=lambda part: (len(part) > 1, len("".join(part))))
        if len(longest) == 1:
            while text_width(line + "…", style) > width:
                line = line[:-1].rstrip(" ,·")
            return line + "…"
        longest.pop()
    return line


@dataclass
class Canvas:
    """SVG elements, in drawing order."""

    elements: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, style: str, text: str, *, right: bool = False) -> None:
        """One line of text that begins (or ends) at x, with its base line at y."""
        classes = f"{style} right" if right else style
        self.elements.append(f'<text x="{x:g}" y="{y:g}" class="{classes}">{escape(text)}</text>')

    def box(self, x: float, y: float, width: float, height: float, style: str, radius: float = 6) -> None:
        """A rectangle."""
        self.elements.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" class="{style}"/>'
        )

    def dot(self, x: float, y: float, style: str) -> None:
        """A small disc."""
        self.elements.append(f'<circle cx="{x:g}" cy="{y:g}" r="4" class="{style}"/>')

    def heading(self, x: float, y: float, width: float, name: str, detail: str) -> None:
        """A name at the left of a line, and a detail at its right end."""
        self.text(x + width, y, "small", detail, right=True)
        room = width - text_width(detail, "small") - GAP
        self.text(x, y, "name", shortened([name], room, "name"))

    def chip(self, x: float, y: float, width: float, style: str, guest: Guest) -> None:
        """A guest: its name, memory and services."""
        self.box(x, y, width, CHIP, "chip")
        self.box(x, y, 5, CHIP, style, 2.5)
        self.heading(x + 16, y + 19, width - 28, guest.name, f"{guest.memory} GiB")
        self.text(x + 16, y + 36, "small", shortened(guest.titles, width - 28, "small"))


def _node(canvas: Canvas, x: float, y: float, width: float, node: Node) -> float:
    """A node with its own guests below it; returns where it ends."""
    inner = width - 2 * PADDING
    left = x + PADDING
    height = 134 + len(node.guests) * (CHIP + 8) + PADDING - 8
    canvas.box(x, y, width, height, "panel", 10)
    canvas.text(left, y + 27, "title", shortened([node.site], inner, "title"))
    canvas.box(left, y + 40, inner, 80, "chip")
    canvas.box(left, y + 40, 5, 80, "node", 2.5)
    canvas.heading(left + 16, y + 60, inner - 28, node.name, f"{node.cores} cores")
    canvas.text(left + 16, y + 77, "small", f"{node.memory} GiB, of which {node.reserve} reserved")

    bar = inner - 28
    reserve = bar * node.reserve / node.memory
    guests = bar * node.taken / node.memory
    canvas.box(left + 16, y + 86, bar, 8, "free", 4)
    canvas.box(left + 16, y + 86, reserve + guests, 8, "guest", 4)
    canvas.box(left + 16, y + 86, reserve, 8, "held", 4)
    free = node.memory - node.reserve - node.taken
    canvas.text(left + 16, y + 111, "small", f"{node.taken} GiB of guests · {free} GiB free")

    for index, guest in enumerate(node.guests):
        canvas.chip(left, y + 134 + index * (CHIP + 8), inner, "guest", guest)
    return y + height


def _anywhere(canvas: Canvas, x: float, y: float, width: float, guests: Sequence[Guest]) -> float:
    rows = -(-len(guests) // ANYWHERE_PER_ROW)
    height = 40 + rows * (CHIP + 8) + PADDING - 8
    canvas.box(x, y, width, height, "panel", 10)
    canvas.text(x + PADDING, y + 27, "title", "On whichever node has room: counted above where most is free")
    chip = (width - 2 * PADDING - (ANYWHERE_PER_ROW - 1) * GAP) / ANYWHERE_PER_ROW
    for index, guest in enumerate(guests):
        row, column = divmod(index, ANYWHERE_PER_ROW)
        canvas.chip(x + PADDING + column * (chip + GAP), y + 40 + row * (CHIP + 8), chip, "guest", guest)
    return y + height


def _gear(canvas: Canvas, x: float, y: float, width: float, site: str, gear: Sequence[Gear]) -> float:
    rows = -(-len(gear) // GEAR_PER_ROW)
    height = 36 + rows * 24 + 4
    canvas.box(x, y, width, height, "panel", 10)
    canvas.text(x + PADDING, y + 27, "title", site)
    cell = (width - 2 * PADDING) / GEAR_PER_ROW
    for index, item in enumerate(gear):
        row, column = divmod(index, GEAR_PER_ROW)
        left, base = x + PADDING + column * cell, y + 52 + row * 24
        canvas.dot(left + 4, base - 4, STATES[item.state])
        line = f"{item.name}, {item.state.replace('_', ' ')}"
        canvas.text(left + 16, base, "small", shortened([line], cell - 24, "small"))
    return y + height


def _doors(canvas: Canvas, x: float, y: float, width: float, doors: dict[str, str]) -> float:
    height = 36 + len(doors) * 21 + 8
    canvas.box(x, y, width, height, "panel", 10)
    canvas.text(x + PADDING, y + 27, "title", "Open to everyone")
    for index, (name, numbers) in enumerate(doors.items()):
        base = y + 52 + index * 21
        room = width - 2 * PADDING - GAP
        ports = shortened([numbers], 0.65 * room, "small")
        canvas.text(x + width - PADDING, base, "small", ports, right=True)
        canvas.text(x + PADDING, base, "small", shortened([name], room - text_width(ports, "small"), "small"))
    return y + height


def _rented(canvas: Canvas, x: float, y: float, width: float, rented: Rented) -> float:
    left, inner = x + PADDING, width - 2 * PADDING
    chip = 38 + len(rented.host.titles) * 17
    canvas.box(x, y, width, 42 + chip + PADDING, "frame", 12)
    canvas.text(left, y + 26, "label", rented.system)
    canvas.box(left, y + 42, inner, chip, "chip")
    canvas.box(left, y + 42, 5, chip, "rented", 2.5)
    canvas.heading(left + 16, y + 62, inner - 28, rented.host.name, f"{rented.host.memory} GiB")
    for index, title in enumerate(rented.host.titles):
        canvas.text(left + 16, y + 81 + index * 17, "small", shortened([title], inner - 28, "small"))
    return y + 42 + chip + PADDING


def _legend(canvas: Canvas, x: float, y: float) -> None:
    for index, (style, text) in enumerate(KEYS.items()):
        canvas.dot(x + 4, y + index * LEGEND + 8, style)
        canvas.text(x + 16, y + index * LEGEND + 12, "small", text)


def draw(scene: Scene) -> str:
    """The whole picture, as the text of an SVG file."""
    canvas = Canvas()
    home = WIDTH - 3 * MARGIN - OUTSIDE
    top = MARGIN + 42
    column = (home - 2 * MARGIN - (len(scene.nodes) - 1) * GAP) / max(1, len(scene.nodes))
    bottom = float(top)
    for index, node in enumerate(scene.nodes):
        bottom = max(bottom, _node(canvas, 2 * MARGIN + index * (column + GAP), top, column, node))
    if scene.anywhere:
        bottom = _anywhere(canvas, 2 * MARGIN, bottom + GAP, home - 2 * MARGIN, scene.anywhere)
    for site, gear in scene.gear.items():
        bottom = _gear(canvas, 2 * MARGIN, bottom + GAP, home - 2 * MARGIN, site, gear)
    bottom += MARGIN
    canvas.box(MARGIN, MARGIN, home, bottom - MARGIN, "frame", 12)
    canvas.text(2 * MARGIN, MARGIN + 26, "label", scene.system)
    canvas.text(MARGIN + home - MARGIN, MARGIN + 26, "label", scene.storage, right=True)

    left = 2 * MARGIN + home
    right = float(MARGIN)
    for rented in scene.rented:
        right = _rented(canvas, left, right, OUTSIDE, rented) + GAP
    right = _doors(canvas, left, right, OUTSIDE, scene.doors) + GAP
    height = max(bottom, right + LEGEND * len(KEYS)) + MARGIN
    _legend(canvas, left + PADDING, height - MARGIN - LEGEND * len(KEYS))

    paper = Canvas()
    paper.box(0.5, 0.5, WIDTH - 1, height - 1, "paper", 14)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
            f'width="{WIDTH}" height="{height:g}" role="img" aria-labelledby="title summary">',
            '<title id="title">The fleet</title>',
            f'<desc id="summary">{escape(scene.summary)}</desc>',
            f"<style>\n{style_sheet()}</style>",
            *paper.elements,
            *canvas.elements,
            "</svg>",
            "",
        ]
    )
