"""Markdown's small pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOTHING = "-"
"""What an empty cell of a table shows."""


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table. A header that begins with `>` is of a column of numbers."""
    rule = ["--:" if header.startswith(">") else "---" for header in headers]
    lines = [[header.removeprefix(">") for header in headers], rule, *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def page(title: str, *parts: str) -> str:
    """A page: its title, then paragraphs, tables and sections."""
    return "\n".join([f"# {title}\n", *(part.rstrip("\n") + "\n" for part in parts)])


def code(items: Iterable[object]) -> str:
    """The items as code, with commas."""
    return ", ".join(f"`{item}`" for item in items)


def count(number: int, thing: str) -> str:
    """The number and the thing, in the plural unless there is one."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def sentence(items: Sequence[str]) -> str:
    """The items as in a sentence: a, b and c."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]])) or "none"
