"""Plugins are documented, importable and tested where one looks for the tests."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from yaml import YAMLError

from .house import ROOT, Finding, Repository, constant, found, hold, load

if TYPE_CHECKING:
    from collections.abc import Iterator

# What ansible-doc can show, by directory, and what each must have beside DOCUMENTATION.
KINDS = {
    "become": ("become", ()),
    "cache": ("cache", ()),
    "callback": ("callback", ()),
    "connection": ("connection", ()),
    "inventory": ("inventory", ("EXAMPLES",)),
    "lookup": ("lookup", ("EXAMPLES", "RETURN")),
    "modules": ("module", ("EXAMPLES", "RETURN")),
    "strategy": ("strategy", ()),
    "vars": ("vars", ()),
}


def _plugins(repository: Repository) -> Iterator[tuple[str, str, str]]:
    """Yield the path, directory and name of plugins that ansible-doc can show."""
    for path, _ in repository.matching("plugins/*/*.py", "!plugins/module_utils/*", "!*/__init__.py"):
        parts = PurePosixPath(path).parts
        if len(parts) == 3 and parts[1] in KINDS:
            yield path, parts[1], PurePosixPath(path).stem


def _options(options: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, option in options.items():
        yield f"{prefix}{name}", option
        yield from _options(option.get("suboptions", {}), f"{prefix}{name}.")


def _shown(text: str, name: str) -> Any:
    """Return what a plugin says of itself; nothing if that is not YAML."""
    try:
        return load(constant(text, name) or "")
    except YAMLError:
        return None


def undocumented(repository: Repository) -> Iterator[Finding]:
    """Plugins without documentation, or with options that are not described."""
    for path, directory, _ in _plugins(repository):
        text = repository.files[path]
        documentation = _shown(text, "DOCUMENTATION") or {}
        missing = [
            f"{key} in DOCUMENTATION"
            for key in ("author", "short_description", "description")
            if not documentation.get(key)
        ]
        for name, option in _options(documentation.get("options", {})):
            keys = ("description", "type", "elements") if option.get("type") == "list" else ("description", "type")
            missing += [f"{key} of the option {name}" for key in keys if not option.get(key)]
        missing += [name for name in KINDS[directory][1] if not _shown(text, name)]
        yield from (Finding(path, 1, f"no {one}, or it is not YAML") for one in missing)


def undocumented_elsewhere(repository: Repository) -> Iterator[Finding]:
    """Actions without the module that documents them; filters and tests without documentation."""
    for path, _ in repository.matching("plugins/action/*.py", "!*/__init__.py"):
        module = f"plugins/modules/{PurePosixPath(path).name}"
        if module not in repository.files:
            yield Finding(path, 1, f"no {module} to document it")
    for path, text in repository.matching("plugins/filter/*.py", "plugins/test/*.py", "!*/__init__.py"):
        if not constant(text, "DOCUMENTATION") and path.replace(".py", ".yml") not in repository.files:
            yield Finding(path, 1, "no DOCUMENTATION")


def untested(repository: Repository) -> Iterator[Finding]:
    """Code without tests at the mirrored path.

    plugins/a/b/c.py has tests/unit/a/b/test_c.py, or several test_c_*.py, or a directory of them, or is tested with its
    package by tests/unit/a/test_b.py.
    """
    # What modules say is tested with them: tests/unit/modules/test_documentation.py.
    for path, text in repository.matching("plugins/*.py", "!*/__init__.py", "!plugins/doc_fragments/*"):
        place = PurePosixPath(path).relative_to("plugins").with_suffix("")
        action = f"plugins/action/{place.name}.py"
        # Its code is elsewhere.
        if place.parent.name == "modules" and action in repository.files:
            continue
        mirror = f"tests/unit/{place.parent}/test_{place.name}"
        expected = f"{mirror}.py"
        packages = [f"tests/unit/{one.parent}/test_{one.name}.py" for one in place.parents if one.name]
        tests = [expected, f"{mirror}_*.py", f"tests/unit/{place}/test_*.py", *packages]
        if text.strip() and not any(repository.matching(*tests)):
            yield Finding(path, 1, f"no {expected}")


def test_plugins_are_documented(repository: Repository) -> None:
    hold(undocumented, "ansible-doc is how an RT learns a plugin.", repository)
    hold(undocumented_elsewhere, "ansible-doc is how an RT learns a plugin.", repository)


def test_plugins_have_tests(repository: Repository) -> None:
    hold(untested, "Unit tests mirror plugins/.", repository)


def test_plugins_can_be_imported(repository: Repository) -> None:
    for path, _ in repository.matching("plugins/*.py"):
        name = ".".join(PurePosixPath(path).with_suffix("").parts).removesuffix(".__init__")
        assert importlib.import_module(f"ansible_collections.aurore.infra.{name}"), path


@pytest.mark.parametrize("directory", KINDS)
def test_ansible_doc_shows_every_plugin(repository: Repository, directory: str) -> None:
    names = {f"aurore.infra.{name}" for _, kind, name in _plugins(repository) if kind == directory}
    if names:
        program = str(Path(sys.executable).parent / "ansible-doc")
        command = [program, "--json", "--type", KINDS[directory][0], *sorted(names)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout).keys() == names, done.stderr


def test_the_checkers_see_what_is_wrong() -> None:
    good = 'DOCUMENTATION = """\nauthor: a\nshort_description: b\ndescription: c\n'
    examples = '"""\nEXAMPLES = "- a"\nRETURN = "a: {}"\n'
    assert found(undocumented, {"plugins/lookup/a.py": good + examples}) == []
    assert found(undocumented, {"plugins/lookup/a.py": good + '"""\n'}) == ["plugins/lookup/a.py:1"] * 2
    option = "options: {a: {type: dict, description: d, suboptions: {b: {type: list, description: e}}}}\n"
    assert found(undocumented, {"plugins/modules/a.py": good + option + examples}) == ["plugins/modules/a.py:1"]
    assert found(undocumented, {"plugins/inventory/a.py": ""}) == ["plugins/inventory/a.py:1"] * 4
    not_yaml = examples.replace("- a", "a: b: c")
    assert found(undocumented, {"plugins/lookup/a.py": good + not_yaml}) == ["plugins/lookup/a.py:1"]
    assert found(undocumented_elsewhere, {"plugins/action/a.py": ""}) == ["plugins/action/a.py:1"]
    assert found(undocumented_elsewhere, {"plugins/filter/a.py": ""}) == ["plugins/filter/a.py:1"]
    assert found(untested, {"plugins/doc_fragments/a.py": "x = 1\n"}) == []
    code = {"plugins/module_utils/a/b.py": "x = 1\n"}
    assert found(untested, code) == ["plugins/module_utils/a/b.py:1"]
    assert found(untested, {"tests/unit/module_utils/a/test_b.py": "", **code}) == []
    assert found(untested, {"tests/unit/module_utils/test_a.py": "", **code}) == []
    assert found(untested, {"plugins/modules/a.py": "x\n", "plugins/action/a.py": ""}) == []
