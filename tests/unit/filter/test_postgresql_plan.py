"""The plan for databases and roles, as a template asks for it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.aurore.infra.plugins.filter import postgresql_plan as plugin
from yaml import safe_load

DATABASES = [{"name": "forge", "owner": "forge"}]
ROLES = [{"name": "forge"}]


def plan(arguments: str) -> Any:
    templar = Templar(loader=DataLoader(), variables={"databases": DATABASES, "roles": ROLES})
    return templar.template(trust_as_template(f"{{{{ {{}} | aurore.infra.postgresql_plan({arguments}) }}}}"))


def test_what_is_documented_is_returned() -> None:
    assert plan("databases, roles") == safe_load(plugin.RETURN)["_value"]["sample"]


def test_options_are_passed_on() -> None:
    found = plan("databases, roles, system=[{'name': 'exporter'}], kept=['postgres'], drop={'roles': []}, check=true")
    assert [one["name"] for one in found["roles"]] == ["exporter", "forge"]
    assert found["enter"] == []


def test_what_contradicts_itself_is_told() -> None:
    with pytest.raises(
        AnsibleError, match="postgresql_plan: the database forge has 'forge' as owner: declare that role"
    ):
        plan("databases, []")
