"""Schemas for editors say what the validation says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.aurore.infra.plugins.module_utils.model.__main__ import main
from ansible_collections.aurore.infra.plugins.module_utils.model.json_schema import schemas
from jsonschema import Draft202012Validator

from .fleet import Edit, edited

REAL = Path(__file__).parents[4] / "inventory" / "model"


def errors(*edits: Edit) -> dict[str, list[str]]:
    """What the schemas find in the small fleet after some edits, by file."""
    found: dict[str, list[str]] = {}
    for name, text in edited(*edits).items():
        schema: dict[str, Any] = json.loads(schemas()[name.replace(".yml", ".json")])
        Draft202012Validator.check_schema(schema)
        # Editors read an unquoted day as text.
        content = json.loads(json.dumps(yaml.safe_load(text), default=str))
        messages = [error.message for error in Draft202012Validator(schema).iter_errors(content)]
        if messages:
            found[name] = messages
    return found


def test_a_valid_fleet_satisfies_the_schemas() -> None:
    assert errors() == {}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("sites.yml", "title: Ailleurs", "titel: Ailleurs"), "Additional properties are not allowed"),
        (("sites.yml", "    title: Ailleurs\n", ""), "'title' is a required property"),
        (("networks.yml", "number: 64511", "number: many"), "'many' is not of type 'integer'"),
        (("networks.yml", "vlan: 12", "vlan: 4095"), "4095 is not valid under any of the given schemas"),
        (("networks.yml", "purpose: services", "purpose: serving"), "'serving' is not one of"),
        (("guests.yml", "name: mail", "name: Mail"), "'Mail' does not match"),
        (("services.yml", "ports: [22]", "ports: []"), "[] should be non-empty"),
        (("services.yml", "ports: [22]", "ports: [22, 22]"), "[22, 22] has non-unique elements"),
        (("zones.yml", "name: example.org", "name: example"), "'example' does not match"),
    ],
)
def test_mistakes_that_an_editor_shows(edit: Edit, message: str) -> None:
    (messages,) = errors(edit).values()
    assert any(found.startswith(message) for found in messages)


def test_schemas_are_those_of_the_code(directory: Path) -> None:
    assert main([str(directory), "--write-schemas"]) == 0
    written = {path.name: path.read_text() for path in (directory / "schema").iterdir()}
    assert written == {path.name: path.read_text() for path in (REAL / "schema").iterdir()}, (
        "run: PYTHONPATH=plugins/module_utils python -m model inventory/model --write-schemas"
    )


def test_each_file_names_its_schema() -> None:
    for name in schemas():
        file = (REAL / name).with_suffix(".yml")
        assert file.read_text(encoding="utf-8").startswith(f"# yaml-language-server: $schema=schema/{name}\n")


def test_schemas_say_what_editors_need() -> None:
    guest = json.loads(schemas()["guests.json"])["properties"]["guests"]["items"]
    assert guest["additionalProperties"] is False
    assert "anti_affinity" not in guest["required"]
    assert guest["properties"]["memory"] == {
        "description": "a whole number from 1 to 1048576",
        "type": "integer",
        "minimum": 1,
        "maximum": 1048576,
    }
