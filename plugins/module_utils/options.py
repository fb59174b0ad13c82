"""A module's options, written once: in its DOCUMENTATION, from which an action takes what it validates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping


def argument_spec(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of a DOCUMENTATION as Ansible's validation wants them."""
    return {
        name: {key: value for key, value in option.items() if key not in {"description", "suboptions"}}
        | ({"options": argument_spec(option["suboptions"])} if "suboptions" in option else {})
        for name, option in options.items()
    }


def documented(documentation: str) -> dict[str, dict[str, Any]]:
    """Return the options of a module's DOCUMENTATION, which is YAML, for Ansible's validation."""
    return argument_spec(yaml.safe_load(documentation)["options"])
