"""The comparison inside of databases, as a template asks for it."""

from __future__ import annotations

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.aurore.infra.plugins.filter import postgresql_inside as plugin
from yaml import safe_load


def test_what_is_documented_is_returned() -> None:
    variables = {
        "databases": [{"name": "forge", "owner": "forge", "extensions": ["pg_trgm"]}],
        "found": {"forge": {"extensions": ["plpgsql"], "objects": None}},
    }
    asked = trust_as_template("{{ found | aurore.infra.postgresql_inside(databases) }}")
    assert (
        Templar(loader=DataLoader(), variables=variables).template(asked)
        == (safe_load(plugin.RETURN)["_value"]["sample"])
    )
