"""Files to a model: what is missing, unknown or unreadable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import Files, ModelError, load, validate

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
        "nodes.yml, guests.yml, rented.yml, services.yml, zones.yml, people.yml, certificates.yml, equipment.yml",
        f"{directory}/guests.yml:1: missing-file: the file does not exist; add it, with the keys guests",
        f"{directory}/sites.yml:1: wrong-type: the file is not a mapping; give it the keys sites",
    ]


def test_files_that_cannot_be_read_do_not_hide_what_is_wrong_elsewhere(directory: Path) -> None:
    for name in ("zones.yml", "people.yml", "guests.yml", "sites.yml"):
        (directory / name).unlink()
    (directory / "zones.yml").mkdir()
    os.mkfifo(directory / "people.yml")
    (directory / "guests.yml").symlink_to("/proc/self/mem")  # the first bytes cannot be read, whoever asks
    (directory / "sites.yml").symlink_to("nowhere")
    (directory / "rented.yml").write_text("- a list\n", encoding="utf-8")
    with pytest.raises(ModelError) as error:
        load(directory)
    assert list(map(str, error.value.problems)) == [
        f"{directory}/guests.yml:1: unreadable-file: Input/output error; make it a file that you can read",
        f"{directory}/people.yml:1: unreadable-file: this is not a file; make it a file that you can read",
        f"{directory}/rented.yml:1: wrong-type: the file is not a mapping; give it the keys rented",
        f"{directory}/sites.yml:1: unreadable-file: this is not a file; make it a file that you can read",
        f"{directory}/zones.yml:1: unreadable-file: this is not a file; make it a file that you can read",
    ]


def test_what_editors_leave_beside_the_files_does_not_matter(directory: Path) -> None:
    (directory / ".#guests.yml").symlink_to("rt@laptop.example.org.4242:1700000000")
    (directory / ".guests.yml.swp").write_bytes(b"\0")
    (directory / "guests.yml~").write_text("old", encoding="utf-8")
    assert len(load(directory).guests) == 5


def test_a_directory_that_is_no_model_s(directory: Path) -> None:
    (directory / "x.yml").mkdir()
    (directory / "\udcff.yml").write_text("", encoding="utf-8")
    with pytest.raises(ModelError) as error:
        load(directory)
    assert [problem.rule for problem in error.value.problems] == ["unknown-file"] * 2
    assert str(error.value).encode()


@pytest.mark.parametrize(
    ("name", "reason"), [("nowhere", "No such file or directory"), ("zones.yml", "Not a directory")]
)
def test_a_missing_directory_is_one_problem(directory: Path, name: str, reason: str) -> None:
    with pytest.raises(ModelError) as error:
        load(directory / name)
    assert str(error.value) == (
        f"{directory / name}:1: missing-directory: {reason}; correct the path, or put the model's files there"
    )


def test_nothing_at_all() -> None:
    assert len(problems({})) == 11


def test_an_empty_file() -> None:
    files = edited() | {"equipment.yml": b""}
    assert problems(files) == [
        "equipment.yml:1: wrong-type: the file is not a mapping; give it the keys equipment",
    ]


def test_paths_are_those_that_were_asked_for() -> None:
    with pytest.raises(ModelError, match=r"^some/where/zones\.yml:1: missing-file"):
        validate(Files({name: text for name, text in edited().items() if name != "zones.yml"}, "some/where"))
