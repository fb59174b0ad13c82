"""Every page can be reached."""

from __future__ import annotations

import re
from posixpath import dirname, normpath
from typing import TYPE_CHECKING, Any

from .house import Finding, Repository, found, hold

if TYPE_CHECKING:
    from collections.abc import Iterator


def _pages(nav: Any) -> Iterator[str]:
    """Yield the pages of a navigation."""
    if isinstance(nav, str):
        yield nav
    for entry in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _pages(entry)


def unreachable(repository: Repository) -> Iterator[Finding]:
    """Pages that are not in the navigation."""
    pages = {*_pages((repository.yaml("mkdocs.yml") or {}).get("nav"))}
    for path, _ in repository.matching("docs/*.md"):
        if path.removeprefix("docs/") not in pages:
            yield Finding(path, 1, "is not in the navigation")


def dead_links(repository: Repository) -> Iterator[Finding]:
    """Links of READMEs to files that are not there. MkDocs looks after those of docs/."""
    for path, number, line in repository.lines("*.md", "!docs/*"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
            place = normpath(f"{dirname(path)}/{target}".lstrip("/"))
            if "://" not in target and place not in repository.files and not repository.below(place):
                yield Finding(path, number, f"a link to {target}, which is not there")


def unlisted(repository: Repository) -> Iterator[Finding]:
    """Operations that the table of operations does not have."""
    table = "playbooks/operations/README.md"
    rows = set(re.findall(r"^\| `(\w+\.yml)` \|", repository.files.get(table, ""), re.MULTILINE))
    for path, _ in repository.matching("playbooks/operations/*.yml"):
        if path.removeprefix("playbooks/operations/") not in rows:
            yield Finding(path, 1, f"has no row in {table}")


def test_pages_are_in_the_navigation(repository: Repository) -> None:
    hold(unreachable, "Add it to nav in mkdocs.yml.", repository)


def test_links_lead_somewhere(repository: Repository) -> None:
    hold(dead_links, "Correct the link.", repository)


def test_operations_are_in_their_table(repository: Repository) -> None:
    hold(unlisted, "Add a row: what it does, what it changes, and its page.", repository)


def test_the_checkers_see_what_is_wrong() -> None:
    nav = "nav:\n  - Home: index.md\n  - More:\n      - how/a.md\n"
    pages = {"docs/index.md": "", "docs/how/a.md": "", "docs/b.md": ""}
    assert found(unreachable, {"mkdocs.yml": nav, **pages}) == ["docs/b.md:1"]
    links = "[a](docs/b.md) [b](https://example.org/x) [c](docs/)\n[d](docs/c.md#there)\n"
    assert found(dead_links, {"README.md": links, **pages}) == ["README.md:2"]
    table = {"playbooks/operations/README.md": "| `a_b.yml` | does it | all | [A](a.md) |\n"}
    operations = {"playbooks/operations/a_b.yml": "", "playbooks/operations/c_d.yml": ""}
    assert found(unlisted, table | operations) == ["playbooks/operations/c_d.yml:1"]
