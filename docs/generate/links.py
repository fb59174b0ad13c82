"""Where pages are, and what they have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index
    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Host


def host_page(name: str) -> str:
    """Where a host's page is, below fleet/."""
    return f"hosts/{name}.md"


def to_host(name: str) -> str:
    """A link to a host, from a page of fleet/."""
    return f"[{name}]({host_page(name)})"


def to_sibling(name: str) -> str:
    """A link to a host, from another host's page."""
    return f"[{name}]({name}.md)"


def titles(index: Index, host: Host) -> str:
    """What the host carries, for people."""
    return " · ".join(index.services[service].title for service in host.services)
