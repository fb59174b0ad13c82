"""YAML text becomes a tree of plain values that know their lines."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.aurore.infra.plugins.module_utils.model import document
from ansible_collections.aurore.infra.plugins.module_utils.model.document import MAX_DEPTH, Tree, parse

from .fleet import FILES


def plain(tree: Tree) -> Any:
    """The values of a tree, without their lines."""
    if isinstance(tree.value, dict):
        return {key: plain(item) for key, item in tree.value.items()}
    if isinstance(tree.value, list):
        return [plain(item) for item in tree.value]
    return tree.value


def read(text: str | bytes) -> Any:
    """The values of a text in which nothing is wrong."""
    tree, problems = parse("x.yml", text if isinstance(text, bytes) else text.encode())
    assert problems == []
    assert tree is not None
    return plain(tree)


def problems_of(text: str | bytes) -> list[str]:
    """What is wrong with a text."""
    _, problems = parse("x.yml", text if isinstance(text, bytes) else text.encode())
    return list(map(str, problems))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("012", "012"),  # octal to YAML 1.1, decimal to 1.2: nobody should have to know
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1.5", "1.5"),
        ("9" * 5000, "9" * 5000),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("null", None),
        ("~", None),
        ("2026-01-15", "2026-01-15"),
        ('"12"', "12"),
        ("'true'", "true"),
        ("|\n  12\n", "12\n"),
        ("Émilie", "Émilie"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    assert read(f"key: {text}") == {"key": value}


def test_an_empty_file_is_null() -> None:
    assert read("") is None
    assert read("# only a comment\n") is None


def test_utf_16() -> None:
    assert read("clé: é".encode("utf-16")) == {"clé": "é"}


def test_lines_are_those_of_keys() -> None:
    tree, _ = parse("x.yml", b"one:\n  - two: 2\n\n    three:\n      four: 4\n")
    assert tree is not None
    assert isinstance(tree.value, dict)
    one = tree.value["one"]
    assert isinstance(one.value, list)
    (item,) = one.value
    assert isinstance(item.value, dict)
    three = item.value["three"]
    assert isinstance(three.value, dict)
    assert [one.line, item.line, item.value["two"].line, three.line, three.value["four"].line] == [1, 2, 2, 4, 5]


def test_the_first_of_two_equal_keys_stays() -> None:
    tree, problems = parse("x.yml", b"a: 1\na: 2\n")
    assert tree is not None
    assert plain(tree) == {"a": 1}
    assert list(map(str, problems)) == ["x.yml:2: duplicate-key: key 'a' is already on line 1; keep one"]


def test_nesting_ends_before_the_stack_does() -> None:
    # The composer of PyYAML ends the interpreter here.
    assert problems_of("[" * 200_000) == [
        f"x.yml:1: yaml-depth: values are nested more than {MAX_DEPTH} deep; flatten them"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"a: \xff", "x.yml:1: yaml-syntax: the line holds what is not text"),
        (b"a: 1\nb: 2\nc: \x07", "x.yml:3: yaml-syntax: the line holds what is not text"),
        ("a: 1\n b: 2", "x.yml:2: yaml-syntax: this is not YAML (mapping values are not allowed in this context)"),
        ("a: [1\n", "x.yml:1: yaml-syntax: this is not YAML (did not find expected ',' or ']')"),
        ("%YAML 9.9\n---\na: 1", "x.yml:1: yaml-syntax: this is not YAML (found incompatible YAML document)"),
        ('a: "\\q"', "x.yml:1: yaml-syntax: this is not YAML (found unknown escape character)"),
        ("a: @x", "x.yml:1: yaml-syntax: this is not YAML (found character that cannot start any token)"),
    ],
)
def test_what_is_not_yaml(text: str | bytes, problem: str) -> None:
    (found,) = problems_of(text)
    assert found.startswith(problem)


def test_a_list_as_key() -> None:
    assert problems_of("? [1, 2]\n: 3\n") == ["x.yml:1: yaml-key: a key is not text; put it in quotes"]


def test_without_libyaml_the_answers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        *FILES.values(),
        "a: [1\n",
        "a: 1\n b: 2",
        "a: \x07",
        "a: !t 1",
        "[" * 200,
        "a: &x 1\nb: *x",
        "",
        "a: 1\n---\n",
    ]
    with_libyaml = [parse("x.yml", text.encode()) for text in texts]
    monkeypatch.setattr(document, "_LOADER", yaml.SafeLoader)
    for text, (tree, problems) in zip(texts, with_libyaml, strict=True):
        other, others = parse("x.yml", text.encode())
        assert (other and plain(other)) == (tree and plain(tree))
        # The words of a syntax error are the parser's own.
        assert [problem[:2] for problem in others] == [problem[:2] for problem in problems]
