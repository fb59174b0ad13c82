"""Options are what the documentation says."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.aurore.infra.plugins.module_utils import options

DOCUMENTATION = """
module: example
options:
  name:
    description: Who.
    type: str
    required: true
  parts:
    description: What.
    type: list
    elements: dict
    default: []
    suboptions:
      size:
        description: How much.
        type: int
        default: 3
"""


def test_descriptions_go_and_the_rest_stays_at_every_depth() -> None:
    assert options.documented(DOCUMENTATION) == {
        "name": {"type": "str", "required": True},
        "parts": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"size": {"type": "int", "default": 3}},
        },
    }


def test_ansible_validates_by_it() -> None:
    validator = ArgumentSpecValidator(options.documented(DOCUMENTATION))
    good = validator.validate({"name": "a", "parts": [{}, {"size": "5"}]})
    assert good.error_messages == []
    assert good.validated_parameters["parts"] == [{"size": 3}, {"size": 5}]
    bad = validator.validate({"parts": [{"size": "much"}], "prats": []})
    assert len(bad.error_messages) == 3


ACTIONS = [
    *("campaign_outcome", "emergency_authority", "emergency_certificate", "host_identity", "nftables_ruleset"),
    *("user_certificate", "user_register", "user_revocation", "user_token"),
]


@pytest.mark.parametrize("name", ACTIONS)
def test_the_actions_of_the_collection_take_theirs_from_their_documentation(name: str) -> None:
    module = importlib.import_module(f"ansible_collections.aurore.infra.plugins.modules.{name}")
    described: dict[str, Any] = yaml.safe_load(module.DOCUMENTATION)["options"]
    spec = options.documented(module.DOCUMENTATION)
    assert spec.keys() == described.keys()
    assert {name: one.get("default") for name, one in spec.items()} == {
        name: one.get("default") for name, one in described.items()
    }
