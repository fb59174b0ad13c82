"""Equipment without SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .registry import choice, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..index import Index
    from .registry import Finding


@rule("unknown-site", "sites")
def sites_of_equipment(index: Index) -> Iterator[Finding]:
    """The site of a piece of equipment exists."""
    for item in index.model.equipment:
        if item.site not in index.sites:
            yield item.at("site"), f"there is no site '{item.site}'; {choice(index.sites)}"


@rule("unknown-equipment", "equipment")
def replacements(index: Index) -> Iterator[Finding]:
    """What replaces a piece of equipment is another one."""
    names = {item.name for item in index.model.equipment}
    for item in index.model.equipment:
        if item.replaced_by is not None and item.replaced_by not in names - {item.name}:
            sentence = f"there is no other equipment '{item.replaced_by}'; {choice(names - {item.name})}"
            yield item.at("replaced_by"), sentence
