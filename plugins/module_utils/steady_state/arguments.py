"""What a task of `aurore.infra.steady_state` may say, and what it means when it says nothing.

Ansible's own validation does not tell which item of a list is wrong; this one names each, and all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

type Item = dict[str, Any]
type Kind = Literal["text", "path", "mode", "flag", "number", "texts", "state", "sysctl"]


class Key(NamedTuple):
    """A key of an item.

    Attributes:
        kind: What its value must be.
        default: Its value when it is not given.
        required: Whether it must be given.
    """

    kind: Kind
    default: object = None
    required: bool = False


_NAME = Key("text", required=True)
_PATH = Key("path", required=True)
_OWNERSHIP = {"owner": Key("text", "root"), "group": Key("text", "root")}

ITEMS: dict[str, dict[str, Key]] = {
    "groups": {"name": _NAME, "gid": Key("number"), "system": Key("flag", default=False)},
    "users": {
        "name": _NAME,
        "uid": Key("number"),
        "group": Key("text"),
        "groups": Key("texts"),
        "home": Key("path"),
        "shell": Key("path"),
        "comment": Key("text"),
        "system": Key("flag", default=False),
    },
    "directories": {"path": _PATH, **_OWNERSHIP, "mode": Key("mode", "0755"), "exclusive": Key("flag", default=False)},
    "links": {"path": _PATH, "target": Key("text", required=True)},
    "files": {
        "path": _PATH,
        "template": Key("text"),
        "source": Key("text"),
        "content": Key("text"),
        **_OWNERSHIP,
        "mode": Key("mode", "0644"),
        "validate": Key("text"),
        "restarts": Key("texts", ()),
        "reloads": Key("texts", ()),
        "notify": Key("texts", ()),
        "no_log": Key("flag", default=False),
    },
    "absent": {"path": _PATH, "recursive": Key("flag", default=False)},
    "units": {"name": _NAME, "enabled": Key("flag"), "state": Key("state"), "masked": Key("flag")},
}
"""The options that are lists of items, and the items' keys."""

SHORT: dict[str, str] = {"groups": "name", "absent": "path"}
"""Options whose items may be plain text: the value of this key."""

TEXTS = ("packages", "packages_absent")
"""The options that are lists of text."""

OPTIONS = frozenset({*TEXTS, *ITEMS, "sysctls", "sysctl_file"})

_CONTENTS = ("template", "source", "content")
_EXPECTED: dict[Kind, str] = {
    "text": "text",
    "path": "an absolute path, without `..` and without a slash at the end",
    "mode": 'a string of three or four octal digits, such as "0644"',
    "flag": "true or false",
    "number": "a whole number",
    "texts": "a list of text",
    "state": "started or stopped",
    "sysctl": "text or a whole number",
}


def parse(arguments: Mapping[str, Any]) -> tuple[Item, list[str]]:
    """Read a task's arguments.

    Args:
        arguments: As Ansible gives them, templates resolved.

    Returns:
        All options with all keys, and what is wrong with them. Options are of use only if nothing is.
    """
    problems = [
        f"{name}: no such option; use {', '.join(sorted(OPTIONS))}"
        for name in sorted(map(str, arguments))
        if name not in OPTIONS
    ]
    options: Item = {name: _texts(name, arguments.get(name), problems) for name in TEXTS}
    options |= {name: _items(name, arguments.get(name), problems) for name in ITEMS}
    options["sysctls"] = _sysctls(arguments.get("sysctls"), problems)
    options["sysctl_file"] = arguments.get("sysctl_file")
    if options["sysctls"] and not _fits("path", options["sysctl_file"]):
        problems.append(
            "sysctl_file: sysctls need a file that keeps them, such as /etc/sysctl.d/60-firewall.conf; add it"
        )
    problems += _contradictions(options)
    return options, problems


def _texts(name: str, value: object, problems: list[str]) -> list[str]:
    if value is None:
        return []
    if not _fits("texts", value):
        problems.append(f"{name}: must be {_EXPECTED['texts']}")
        return []
    return list(dict.fromkeys(value))  # type: ignore[call-overload, no-any-return]


def _items(name: str, value: object, problems: list[str]) -> list[Item]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        problems.append(f"{name}: must be a list")
        return []
    items = [_item(name, number, item, problems) for number, item in enumerate(value)]
    return [item for item in items if item is not None]


def _item(option: str, number: int, given: object, problems: list[str]) -> Item | None:
    keys = ITEMS[option]
    short = SHORT.get(option)
    if short and isinstance(given, str):
        given = {short: given}
    if not isinstance(given, Mapping):
        problems.append(f"{option}[{number}]: must be a mapping with the keys {', '.join(keys)}")
        return None
    label = given.get("path", given.get("name"))
    where = f"{option}[{number}]" + (f" ({label})" if isinstance(label, str) else "")
    # A key that is null is a key that is not given, so that a role can pass an optional variable on.
    values = {key: value for key, value in given.items() if value is not None}
    problems += [f"{where}: no such key: {key}; use {', '.join(keys)}" for key in values if key not in keys]
    problems += [f"{where}: {name} is missing" for name, key in keys.items() if key.required and name not in values]
    problems += [
        f"{where}: {name} must be {_EXPECTED[key.kind]}"
        for name, key in keys.items() if name in values and not _fits(key.kind, values[name])
    ]  # fmt: skip
    if option == "files" and sum(key in values for key in _CONTENTS) != 1:
        problems.append(f"{where}: give one of {', '.join(_CONTENTS)}")
    return {name: values.get(name, key.default) for name, key in keys.items()}


def _sysctls(value: object, problems: list[str]) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        problems.append("sysctls: must be a mapping from names to values")
        return {}
    problems += [
        f"sysctls ({name}): must be {_EXPECTED['sysctl']}" for name, one in value.items() if not _fits("sysctl", one)
    ]
    return {str(name): str(one) for name, one in value.items()}


def _fits(kind: Kind, value: object) -> bool:
    match kind:
        case "text":
            return isinstance(value, str)
        case "path":
            return isinstance(value, str) and bool(re.fullmatch(r"(/[^/\0]+)+", value)) and ".." not in value.split("/")
        case "mode":
            return isinstance(value, str) and bool(re.fullmatch(r"[0-7]{3,4}", value))
        case "flag":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int) and not isinstance(value, bool)
        case "texts":
            return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        case "state":
            return value in {"started", "stopped"}
        case "sysctl":
            return isinstance(value, str) or _fits("number", value)


def _contradictions(options: Item) -> list[str]:
    """Items that two options, or one twice, want to be different things."""
    problems = [
        f"packages: {name} is in packages_absent too; remove one"
        for name in options["packages"]
        if name in options["packages_absent"]
    ]
    for option in ("groups", "users", "units"):
        names = [item["name"] for item in options[option]]
        problems += [f"{option}: {name} is listed twice; keep one" for name in _twice(names)]
    paths = [item["path"] for option in ("directories", "links", "files", "absent") for item in options[option]]
    return problems + [f"paths: {path} is listed twice; keep one" for path in _twice(paths)]


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if isinstance(name, str) and names.count(name) > 1})
