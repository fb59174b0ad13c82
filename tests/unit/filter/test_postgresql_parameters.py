"""PostgreSQL's parameters, as a template asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.aurore.infra.plugins.filter import postgresql_parameters as plugin
from yaml import safe_load

SIZES = [{"memory": 8, "cores": 4, "disk": 200}] * 3
DATABASES = [{"name": "forge", "pool": 15, "pool_reserve": 3, "owner": "forge"}]


def parameters(arguments: str) -> Any:
    templar = Templar(loader=DataLoader(), variables={"sizes": SIZES, "databases": DATABASES})
    return templar.template(trust_as_template(f"{{{{ sizes | aurore.infra.postgresql_parameters({arguments}) }}}}"))


def test_what_is_documented_is_returned() -> None:
    assert parameters("databases") == safe_load(plugin.RETURN)["_value"]["sample"]


def test_options_are_passed_on() -> None:
    found = parameters("databases, superusers={'Patroni': 4}, others={}, max_connections=50")
    assert (found["superuser_reserved_connections"], found["max_connections"]) == (4, 50)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(
        AnsibleError, match=r"postgresql_parameters: 33 connections are declared, .* is 20: take 13 from"
    ):
        parameters("databases, max_connections=20")
