"""What MkDocs calls while it builds the site: adds the pages about the fleet, which are not kept in the repository.

The README's picture is kept, and refreshed here when the model has changed.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
# MkDocs knows nothing of collections: Python finds this one by the link that `make setup` has made.
sys.path[:0] = [str(ROOT), str(ROOT / ".ansible" / "collections")]
from ansible_collections.aurore.infra.plugins.module_utils.model import ModelError, derive, load
from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index

from docs.generate.links import host_page
from docs.generate.pages import KINDS, pages
from docs.generate.picture import draw
from docs.generate.view import scene

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

MODEL = ROOT / "inventory" / "model"
PICTURE = ROOT / "docs" / "images" / "fleet.svg"
FLEET = "fleet/index.md"


def read() -> Index:
    """The model.

    Raises:
        PluginError: It has problems; MkDocs prints them and stops.
    """
    try:
        return Index(load(MODEL))
    except ModelError as error:
        raise PluginError(f"the model has problems, mend them all:\n{error}") from error


def refresh_picture() -> None:
    """Writes the README's picture if it is not what the model gives."""
    picture = draw(scene(read()))
    if not PICTURE.exists() or PICTURE.read_text(encoding="utf-8") != picture:
        PICTURE.write_text(picture, encoding="utf-8")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the hosts to the navigation, below the page that shows the whole fleet."""
    index = read()
    config.watch.append(str(MODEL))
    by_kind: dict[str, list[Any]] = {}
    for host in index.hosts.values():
        by_kind.setdefault(KINDS[host.kind], []).append({host.name: f"fleet/{host_page(host.name)}"})
    for entry in config.nav or []:
        for section in entry.values() if isinstance(entry, dict) else ():
            if isinstance(section, list) and FLEET in section:
                section += [{title: hosts} for title, hosts in by_kind.items()]
    return config


def on_pre_build(config: MkDocsConfig) -> None:  # noqa: ARG001 (MkDocs passes it by name)
    """Refreshes the picture before MkDocs lists the files."""
    refresh_picture()


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    index = read()
    fleet = derive(index.model, datetime.now(tz=UTC).date())
    for path, content in pages(index, fleet).items():
        files.append(File.generated(config, path, content=content))
    return files
