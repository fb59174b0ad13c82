"""Tests are found, run, and leave nothing to chance."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING

from .house import Finding, Repository, found, hold, tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

PROOFS = {"check", "converge", "idempotence", "verify", "side_effect"}
EVASIONS = {"skip", "skipif", "xfail", "importorskip", "flaky"}


def _scenarios(repository: Repository) -> Iterator[tuple[str, str, str]]:
    """Yield each scenario, its file and the directory of its tests, which the shared configuration may set."""
    shared = repository.yaml(".config/molecule/config.yml") or {}
    for path, _ in repository.matching("molecule/*/molecule.yml"):
        name = PurePosixPath(path).parent.name
        own = repository.yaml(path) or {}
        directory = (shared.get("verifier") or {}) | (own.get("verifier") or {})
        target = re.sub(r"\$\{?MOLECULE_SCENARIO_NAME\}?", name, directory.get("directory", "tests"))
        inside = re.sub(r"^\$\{?MOLECULE_PROJECT_DIRECTORY\}?/", "", target)
        yield name, path, normpath(inside if inside != target else f"molecule/{name}/{target}")


def unverified(repository: Repository) -> Iterator[Finding]:
    """Scenarios whose tests are not there, and tests that belong to no scenario. `default` only makes the hosts."""
    files = repository.matching("tests/testinfra/*/test_*.py", "molecule/*/test_*.py")
    with_tests = {str(PurePosixPath(path).parent) for path, _ in files}
    verified = set()
    for name, path, directory in _scenarios(repository):
        if directory in with_tests:
            verified.add(directory)
        elif name != "default":
            yield Finding(path, 1, f"its verifier's directory {directory} has no test_*.py")
    for directory in sorted(with_tests - verified):
        yield Finding(directory, 1, "no scenario's verifier has this directory")


def sequences(repository: Repository) -> Iterator[Finding]:
    """Sequences that leave out what proves something. `default` only makes the hosts."""
    for path, _ in repository.matching("molecule/*/molecule.yml", ".config/molecule/config.yml"):
        if path == "molecule/default/molecule.yml":
            continue
        sequence = ((repository.yaml(path) or {}).get("scenario") or {}).get("test_sequence")
        if sequence is None:
            continue
        for step in sorted(PROOFS - {*sequence}):
            yield Finding(path, 1, f"its test_sequence has no {step}")
        if "side_effect" in sequence and "verify" not in sequence[sequence.index("side_effect") :]:
            yield Finding(path, 1, "its test_sequence has no verify after side_effect")


def faultless(repository: Repository) -> Iterator[Finding]:
    """Scenarios in which nothing breaks: Molecule passes over a step that has no playbook."""
    for name, path, _ in _scenarios(repository):
        if name != "default" and f"molecule/{name}/side_effect.yml" not in repository.files:
            yield Finding(path, 1, f"there is no molecule/{name}/side_effect.yml")


def _side_effects(repository: Repository) -> Iterator[str]:
    """Yield the playbooks by which scenarios break things: `side_effect` in a sequence may name one of its own."""
    for path, _ in repository.matching("molecule/*/molecule.yml"):
        own = (repository.yaml(path) or {}).get("scenario") or {}
        named = [step.partition(" ")[2] for step in own.get("test_sequence", []) if step.startswith("side_effect ")]
        yield from (str(PurePosixPath(path).with_name(name)) for name in ["side_effect.yml", *named])


def not_run(repository: Repository) -> Iterator[Finding]:
    """Tests that `make test` does not reach."""
    makefile = repository.files.get("Makefile", "")
    targets = {
        match[1]: (match[2], match[3])
        for match in re.finditer(r"^([\w-]+):([^#\n]*)[^\n]*\n((?:\t[^\n]*\n?|\n)*)", makefile, re.MULTILINE)
    }
    run, goals = "", ["test"]
    while goals:
        needed, recipe = targets.pop(goals.pop(), ("", ""))
        run += recipe
        goals += " ".join([needed, *re.findall(r"\$\(MAKE\)(.*)", recipe)]).split()
    for name, path, _ in _scenarios(repository):
        if name != "default" and not re.search(rf"--all\b|molecule/\*|(?<![\w-]){re.escape(name)}(?![\w-])", run):
            yield Finding(path, 1, "`make test` does not run this scenario")
    # What a scenario breaks, it may break by tests.
    run += "\n".join(repository.files.get(path, "") for path in _side_effects(repository))
    parents = {PurePosixPath(path).parent.parts for path, _ in repository.matching("tests/*/test_*.py")}
    directories = {"/".join(parts[: 3 if parts[1] == "faults" else 2]) for parts in parents if parts[1] != "testinfra"}
    for directory in sorted(directories):
        if not re.search(rf"{re.escape(directory)}(?![\w/-])", run):
            yield Finding(directory, 1, "`make test` does not run these")


def misnamed(repository: Repository) -> Iterator[Finding]:
    """Test functions in files where pytest does not look for them."""
    for path, number, line in repository.lines("tests/*.py"):
        if not PurePosixPath(path).name.startswith("test_") and re.match(r"\s*(async )?def test_", line):
            yield Finding(path, number, "pytest does not look into this file")


def _nodes(repository: Repository) -> Iterator[tuple[str, ast.expr, str]]:
    """Yield the names and attributes that tests use."""
    for path, text in repository.matching("tests/*.py"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute):
                yield path, node, ast.unparse(node)


def sleeps(repository: Repository) -> Iterator[Finding]:
    """Waiting for a time rather than for something. The lab's own machinery has the loop that awaits conditions."""
    for path, node, name in _nodes(repository):
        if name in {"time.sleep", "asyncio.sleep"}:
            yield Finding(path, node.lineno, name)
    for path, number, line in repository.lines("tests/*.py"):
        if re.match(r"\s*from (time|asyncio) import .*\bsleep\b", line):
            yield Finding(path, number, line.strip())
    for one in tasks(repository):
        if "ansible.builtin.pause" in one.modules and one.path.startswith(("molecule/", "tests/")):
            yield one.finding("ansible.builtin.pause")


def evasions(repository: Repository) -> Iterator[Finding]:
    """Tests that may be left out, may fail, or are tried again."""
    for path, node, name in _nodes(repository):
        if name.split(".")[0] == "pytest" and name.split(".")[-1] in EVASIONS:
            yield Finding(path, node.lineno, name)
    reruns = "--re" + "runs"
    for path, number, line in repository.lines("pyproject.toml", "Makefile", ".ci/*", "molecule/*.yml", ".config/*"):
        if reruns in line:
            yield Finding(path, number, reruns)


def chance(repository: Repository) -> Iterator[Finding]:
    """Tests with random input."""
    for path, text in repository.matching("tests/*.py"):
        if re.search(r"^\s*(import random|from random import)", text, re.MULTILINE):
            yield Finding(path, 1, "random")
        parents = [f"{parent}/conftest.py" for parent in PurePosixPath(path).parents]
        settings = [text, *(repository.files.get(conftest, "") for conftest in parents)]
        if re.search(r"^@given\b", text, re.MULTILINE) and not any("derandomize=True" in one for one in settings):
            yield Finding(path, 1, "hypothesis without derandomize=True")


def test_every_scenario_is_verified_and_every_test_belongs_to_one(repository: Repository) -> None:
    hold(unverified, "Set verifier.directory in the scenario's molecule.yml to tests/testinfra/<scenario>.", repository)


def test_scenarios_prove_something(repository: Repository) -> None:
    hold(sequences, "Leave test_sequence to the shared configuration, or add the step.", repository)


def test_scenarios_break_something(repository: Repository) -> None:
    hold(faultless, "Write the accident that the scenario's second verify finds mended.", repository)


def test_make_test_runs_every_test(repository: Repository) -> None:
    hold(not_run, "Add it to a target that `test` in the Makefile depends on.", repository)


def test_test_functions_are_found(repository: Repository) -> None:
    hold(misnamed, "Call the file test_<subject>.py.", repository)


def test_tests_do_not_sleep(repository: Repository) -> None:
    hold(sleeps, "Await the condition itself; the lab's machinery and testinfra's hosts have what waits.", repository)


def test_tests_do_not_evade(repository: Repository) -> None:
    hold(evasions, "A test passes or is removed.", repository)


def test_tests_leave_nothing_to_chance(repository: Repository) -> None:
    hold(chance, "Use fixed data; settings(derandomize=True) for hypothesis.", repository)


def test_the_checkers_see_what_is_wrong() -> None:
    base = "verifier: {name: testinfra, directory: ../../tests/testinfra/base}\n"
    passing = {"molecule/base/molecule.yml": base, "tests/testinfra/base/test_a.py": ""}
    assert found(unverified, passing) == []
    assert found(unverified, {"molecule/base/molecule.yml": base}) == ["molecule/base/molecule.yml:1"]
    assert found(unverified, {"tests/testinfra/base/test_a.py": ""}) == ["tests/testinfra/base:1"]
    beside = {"molecule/base/molecule.yml": "", "molecule/base/tests/test_a.py": ""}
    assert found(unverified, beside) == []
    shared = "verifier: {directory: '${MOLECULE_PROJECT_DIRECTORY}/tests/testinfra/${MOLECULE_SCENARIO_NAME}'}\n"
    files = {"molecule/base/molecule.yml": "", ".config/molecule/config.yml": shared}
    assert found(unverified, files | {"tests/testinfra/base/test_a.py": ""}) == []
    sequence = "scenario: {test_sequence: [create, converge]}\n"
    assert found(sequences, {"molecule/base/molecule.yml": sequence}) == ["molecule/base/molecule.yml:1"] * 4
    blind = "scenario: {test_sequence: [check, converge, idempotence, verify, side_effect]}\n"
    assert found(sequences, {"molecule/base/molecule.yml": blind}) == ["molecule/base/molecule.yml:1"]
    assert found(faultless, passing) == ["molecule/base/molecule.yml:1"]
    assert found(faultless, {**passing, "molecule/base/side_effect.yml": ""}) == []
    assert found(sequences, {"molecule/default/molecule.yml": sequence}) == []
    make = {
        "Makefile": "test: unit scenarios ## All\nunit:\n\tpytest tests/unit\nscenarios:\n\tmolecule test -s base\n"
    }
    tests = {"tests/unit/test_a.py": "", "tests/faults/a/test_b.py": "", "molecule/other/molecule.yml": ""}
    assert found(not_run, {**make, **tests, **passing}) == ["molecule/other/molecule.yml:1", "tests/faults/a:1"]
    breaking = {"molecule/base/side_effect.yml": "- ansible.builtin.command: pytest tests/faults/a\n"}
    assert found(not_run, {**make, **tests, **passing, **breaking}) == ["molecule/other/molecule.yml:1"]
    last = {"molecule/base/last.yml": breaking["molecule/base/side_effect.yml"]}
    assert found(not_run, {**make, **tests, **passing, **last}) == ["molecule/other/molecule.yml:1", "tests/faults/a:1"]
    named = {"molecule/base/molecule.yml": base + "scenario: {test_sequence: [side_effect last.yml]}\n"}
    assert found(not_run, {**make, **tests, **passing, **last, **named}) == ["molecule/other/molecule.yml:1"]
    assert found(misnamed, {"tests/unit/check.py": "def test_a(): ...\n"}) == ["tests/unit/check.py:1"]
    naps = "import time\ntime.sleep(1)\nfrom time import monotonic, sleep\n"
    assert found(sleeps, {"tests/test_a.py": naps}) == ["tests/test_a.py:2", "tests/test_a.py:3"]
    pause = "- name: A\n  ansible.builtin.pause: {seconds: 3}\n"
    assert found(sleeps, {"molecule/a/wait.yml": pause}) == ["molecule/a/wait.yml:1"]
    evading = "import pytest\n@pytest.mark.skipif(True)\ndef test_a():\n    pytest.xfail()\n"
    assert found(evasions, {"tests/test_a.py": evading}) == ["tests/test_a.py:2", "tests/test_a.py:4"]
    assert found(evasions, {"Makefile": "\tpytest --re" + "runs 3\n"}) == ["Makefile:1"]
    assert found(chance, {"tests/test_a.py": "import random\n"}) == ["tests/test_a.py:1"]
    assert found(chance, {"tests/test_a.py": "@given(x)\n"}) == ["tests/test_a.py:1"]
    assert found(chance, {"tests/test_a.py": "@given(x)\n", "tests/conftest.py": "derandomize=True"}) == []
