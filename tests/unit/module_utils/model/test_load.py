"""Files to a model: what is missing, unknown or unreadable."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import ModelError, load, validate

from .fleet import edited, problems

REAL = Path(__file__).parents[4] / "inventory" / "model"


def test_the_real_model_is_valid() -> None:
    model = load(REAL)
    assert {node.memory for node in model.nodes} == {64}
    assert "Résidence Émilie du Châtelet" in {site.title for site in model.sites}


def test_missing_unknown_and_misnamed_files(directory: Path) -> None:
    (directory / "guests.yml").rename(directory / "guest.yml")
    (directory / "sites.yml").write_text("- a list\n", encoding="utf-8")
    with pytest.raises(ModelError) as error:
        load(directory)
    assert list(map(str, error.value.problems)) == [
        f"{directory}/guest.yml:1: unknown-file: no such file is known; use one of fleet.yml, sites.yml, networks.yml, "
        "nodes.yml, guests.yml, rented.yml, services.yml, zones.yml, people.yml, equipment.yml",
        f"{directory}/guests.yml:1: missing-file: the file does not exist; add it, with the keys guests",
        f"{directory}/sites.yml:1: wrong-type: the file is not a mapping; give it the keys sites",
    ]


def test_a_file_that_cannot_be_read(directory: Path) -> None:
    (directory / "zones.yml").unlink()
    (directory / "zones.yml").mkdir()
    with pytest.raises(ModelError, match=r"zones\.yml:1: unreadable-file: Is a directory; make it readable"):
        load(directory)


def test_nothing_at_all() -> None:
    assert len(problems({})) == 10


def test_an_empty_file() -> None:
    files = edited() | {"equipment.yml": b""}
    assert problems(files) == [
        "equipment.yml:1: wrong-type: the file is not a mapping; give it the keys equipment",
    ]


def test_paths_are_those_that_were_asked_for() -> None:
    with pytest.raises(ModelError, match=r"^some/where/zones\.yml:1: missing-file"):
        validate({name: text for name, text in edited().items() if name != "zones.yml"}, "some/where")
