"""What ansible-doc says of a module's options is what the module takes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aurore.infra.plugins.module_utils import options

ROOT = Path(__file__).resolve().parents[3]
# The others are run by actions, which take what they validate from the documentation.
MODULES = sorted(
    path.stem for path in (ROOT / "plugins/modules").glob("*.py") if not (ROOT / "plugins/action" / path.name).exists()
)


class RanError(Exception):
    """The module has said what it takes."""


@cache
def documented() -> dict[str, Any]:
    """Return what ansible-doc knows of the modules, with what they share."""
    program = str(Path(sys.executable).parent / "ansible-doc")
    argv = [program, "--json", "--type", "module", *(f"aurore.infra.{name}" for name in MODULES)]
    shown: dict[str, Any] = json.loads(subprocess.run(argv, cwd=ROOT, capture_output=True, check=True).stdout)
    return shown


def plain(spec: dict[str, Any]) -> dict[str, Any]:
    """Return options without what is not documented, or says what is the case anyway."""
    return {
        name: {key: value for key, value in option.items() if key not in {"no_log", "options"} and value is not False}
        | ({"options": plain(option["options"])} if "options" in option else {})
        for name, option in spec.items()
    }


@pytest.mark.parametrize("name", MODULES)
def test_the_options_are_those_of_the_documentation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def take(_: AnsibleModule, argument_spec: dict[str, Any], **rules: bool) -> None:
        given.update(spec=argument_spec, **rules)
        raise RanError

    monkeypatch.setattr(AnsibleModule, "__init__", take)
    with pytest.raises(RanError):
        importlib.import_module(f"ansible_collections.aurore.infra.plugins.modules.{name}").main()
    shown = documented()[f"aurore.infra.{name}"]["doc"]
    assert plain(given["spec"]) == plain(options.argument_spec(shown["options"]))
    assert given["supports_check_mode"] == (shown["attributes"]["check_mode"]["support"] == "full")
