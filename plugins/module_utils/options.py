"""A module's options, written once: in its DOCUMENTATION, from which an action takes what it validates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible.plugins.action import ActionBase


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


def validated(action: ActionBase, documentation: str, **rules: Any) -> dict[str, Any]:
    """Return the arguments of an action's task, validated by its module's DOCUMENTATION.

    An option that is null is one that is not given: Ansible's validation would let it through.

    Args:
        action: The action plugin at work.
        documentation: Its module's.
        rules: What goes between options, such as mutually_exclusive, as `validate_argument_spec` takes it.

    Raises:
        AnsibleError: They are not valid.
    """
    action._task.args = {name: value for name, value in action._task.args.items() if value is not None}
    _, options = action.validate_argument_spec(documented(documentation), **rules)
    return dict(options)
