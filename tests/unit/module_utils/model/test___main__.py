"""The command for the shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.__main__ import main

ROOT = Path(__file__).parents[4]


def test_command_says_what_is_valid(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(directory)]) == 0
    assert capsys.readouterr().out == (
        f"{directory}: valid: 8 hosts (2 nodes, 5 guests, 1 rented), "
        "3 sites, 7 networks, 7 services, 1 zones, 2 people\n"
    )


def test_command_lists_problems(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(directory / "zones.yml", directory / "people.yml")
    assert main([str(directory)]) == 1
    assert capsys.readouterr().out == (
        f"{directory}/people.yml:1: missing-key: key 'people' is missing; add it\n"
        f"{directory}/people.yml:1: unknown-key: key 'zones' is unknown here; remove it or use one of people\n"
    )


@pytest.mark.parametrize("place", ["nowhere", "zones.yml"])
def test_schemas_that_cannot_be_written(directory: Path, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(directory / place), "--write-schemas"]) == 1
    assert re.fullmatch(
        rf"{directory}/{place}/schema:1: unwritable-file: .*; correct the path\n", capsys.readouterr().out
    )


def test_command_from_the_shell() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "model", "inventory/model"],
        env=os.environ | {"PYTHONPATH": "plugins/module_utils"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("inventory/model: valid: ")
    assert done.stderr == ""
