"""Whatever the files hold, the answer is a list of problems or a valid model."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import yaml
from ansible_collections.aurore.infra.plugins.module_utils.model import (
    Files,
    Model,
    ModelError,
    Problem,
    derive,
    validate,
)
from ansible_collections.aurore.infra.plugins.module_utils.model.addresses import parse_prefix
from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index
from ansible_collections.aurore.infra.plugins.module_utils.model.rules import check as check_rules
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import FILES
from hypothesis import given, settings
from hypothesis import strategies as st

from .fleet import edited, fleet

TREES: dict[str, Any] = {name: yaml.safe_load(text) for name, text in edited().items()}


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes values out where PyYAML would write an alias, which the model refuses."""

    def ignore_aliases(self, data: Any) -> bool:
        """No value has an alias."""
        return True


def files_of(trees: dict[str, Any]) -> dict[str, bytes]:
    """The fleet's files, with other trees in some of them."""
    return edited() | {name: yaml.dump(tree, Dumper=Dumper).encode() for name, tree in trees.items()}


def check(files: dict[str, bytes]) -> Model | None:
    """Validates, derives where it can, and checks what a person would see otherwise."""
    try:
        model = validate(Files(files))
    except ModelError as error:
        check_problems(error.problems, files)
        return None
    derive(model, date(2026, 6, 1))
    return model


def check_problems(problems: list[Problem], files: dict[str, bytes]) -> None:
    """Problems are sorted, each once, in lines that exist, and can be printed."""
    assert problems
    assert problems == sorted(set(problems))
    for problem in problems:
        text = files.get(problem.location.file, b"")
        assert problem.location.file in files.keys() | FILES.keys()
        assert 1 <= problem.location.line <= len(text.splitlines()) + 1
        assert problem.sentence.isprintable()
        assert str(problem).encode()


def paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value of a tree, and to the tree itself."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(below for key, item in items for below in paths(item, (*path, key)))]


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    """The value at the end of a way."""
    for step in path:
        tree = tree[step]
    return tree


def changed(tree: Any, path: tuple[Any, ...], change: Any) -> Any:
    """A copy in which `change` was applied to the container at the end of the way but one, and the last step."""
    if not path:
        return change(tree)
    head, *rest = path
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[head] = changed(tree[head], tuple(rest), change)
    return copy


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.dates(),
    st.text(max_size=20),
    st.sampled_from(["any", "node-north", "192.0.2.0/27", "192.0.2.1", "2001:db8::/64", "control", "public", "log"]),
    # Where the next address is none.
    st.sampled_from(["255.255.255.255/32", "223.255.255.255/32", f"{':'.join(['ffff'] * 8)}/128", "fdff::/16"]),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(scalars, inner, max_size=4), max_leaves=12
)
PATHS = [(name, path) for name, tree in TREES.items() for path in paths(tree)]


@given(st.dictionaries(st.sampled_from(sorted(FILES)), st.binary(max_size=200), max_size=10))
def test_garbage(files: dict[str, bytes]) -> None:
    check(edited() | files)


@given(st.sampled_from(sorted(FILES)), st.text(alphabet="[]{}:,-?&*!|>'\"% \n\t#ab\\", max_size=60))
def test_nearly_yaml(name: str, text: str) -> None:
    check(edited() | {name: text.encode()})


@given(st.sampled_from(sorted(FILES)), values)
def test_any_structure(name: str, value: Any) -> None:
    check(files_of({name: value}))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PATHS), values), min_size=1, max_size=3))
def test_any_value_anywhere(changes: list[tuple[tuple[str, tuple[Any, ...]], Any]]) -> None:
    trees: dict[str, Any] = {}
    for (name, path), value in changes:
        try:
            trees[name] = changed(trees.get(name, TREES[name]), path, lambda _, value=value: value)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has taken this place away
    check(files_of(trees))


@settings(max_examples=300)
@given(st.sampled_from(PATHS), st.sampled_from(PATHS))
def test_values_of_the_fleet_in_each_others_place(one: tuple[str, Any], other: tuple[str, Any]) -> None:
    """Plausible mistakes: what stands here is right elsewhere."""
    (name, path), (source, origin) = one, other
    tree = changed(TREES[name], path, lambda _: at(TREES[source], origin))
    check(files_of({name: tree}))


def test_each_key_and_item_missing() -> None:
    """The fleet without each of its values in turn: never an exception, rarely valid."""
    valid = 0
    for name, path in PATHS:
        if not path:
            continue

        def without(container: Any, key: Any = path[-1]) -> Any:
            if isinstance(container, dict):
                return {other: item for other, item in container.items() if other != key}
            return [item for number, item in enumerate(container) if number != key]

        tree = changed(TREES[name], path[:-1], without)
        valid += check(files_of({name: tree})) is not None
    assert 0 < valid < len(PATHS) / 2


@pytest.mark.parametrize("prefix", ["255.255.255.255/32", f"{':'.join(['ffff'] * 8)}/128"])
def test_numbers_beyond_the_last_address_there_is(prefix: str) -> None:
    """Two hosts with one number there: what no text could say is not compared."""
    version = 6 if ":" in prefix else 4
    model = fleet()
    edge = replace(model.networks[-1], **{f"ipv{version}": parse_prefix(prefix, version)})
    twin = replace(model.rented[0], name="twin")
    problems = check_rules(
        Index(replace(model, networks=(*model.networks[:-1], edge), rented=(*model.rented, twin))), set()
    )
    assert {problem.sentence for problem in problems if problem.rule == "address-outside-network"} == {
        f"number 11 gives no address for a host in {prefix}; choose another number"
    }
    assert len([problem for problem in problems if problem.rule == "duplicate-address"]) == 1  # of the other version


def test_a_valid_fleet_survives_the_loss_of_each_node() -> None:
    """What the rule promises holds by the simplest of sums: less memory than guests need is never enough."""
    verdicts = set()

    @given(st.lists(st.integers(1, 20), max_size=8), st.lists(st.integers(10, 40), min_size=2, max_size=4))
    def survives(memories: list[int], nodes: list[int]) -> None:
        model = check(files_of(fleet_of(memories, nodes)))
        verdicts.add(model is not None)
        if model is not None:
            rooms = sorted(node.memory - 9 for node in model.nodes)
            assert sum(guest.memory for guest in model.guests) <= sum(rooms[:-1])

    survives()
    assert verdicts == {True, False}


def fleet_of(memories: list[int], nodes: list[int]) -> dict[str, Any]:
    """Files with nodes and guests of some sizes; guests run on any node."""
    node = TREES["nodes.yml"]["nodes"][0]
    mail, dns, log = TREES["guests.yml"]["guests"][2:]
    database = TREES["guests.yml"]["guests"][0] | {"anti_affinity": None}
    guests = [database | {"name": f"db-{number}", "memory": memory} for number, memory in enumerate([1, *memories])]
    return {
        "nodes.yml": TREES["nodes.yml"]
        | {
            "nodes": [
                node | {"name": f"node-{number}", "memory": memory, "addresses": {"adm-north": 2 + number}}
                for number, memory in enumerate(nodes)
            ]
        },
        "guests.yml": {
            "guests": [
                guest | {"node": "any", "addresses": dict.fromkeys(guest["addresses"], 2 + number)}
                for number, guest in enumerate([mail, dns, log, *guests])
            ]
        },
    }
