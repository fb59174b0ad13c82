"""What a task of `aurore.infra.steady_state` may say, and what it means when it says nothing.

Ansible's own validation does not tell which item of a list is wrong; this one names each, and all of them at once.
"""

from __future__ import annotations

import base64
import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent

type Item = dict[str, Any]
type Kind = Literal["text", "name", "package", "unit", "path", "mode", "flag", "number", "command", "state", "base64"]


class Key(NamedTuple):
    """A key of an item.

    Attributes:
        kind: What its value must be; of a list, what each of its values must be.
        default: Its value when it is not given.
        required: Whether it must be given.
        is_list: Whether its value is a list; as everywhere in Ansible, one word is a list of one.
    """

    kind: Kind
    default: object = None
    required: bool = False
    is_list: bool = False


_NAME = Key("name", required=True)
_PATH = Key("path", required=True)
_FLAG = Key("flag", default=False)
_OWNERSHIP = {"owner": Key("name", "root"), "group": Key("name", "root")}
_NOTICE = {name: Key("unit", (), is_list=True) for name in ("restarts", "reloads")} | {
    "notify": Key("text", (), is_list=True)
}

ITEMS: dict[str, dict[str, Key]] = {
    "groups": {"name": _NAME, "gid": Key("number"), "system": _FLAG},
    "users": {
        "name": _NAME,
        "uid": Key("number"),
        "group": Key("name"),
        "groups": Key("name", is_list=True),
        "home": Key("path"),
        "shell": Key("path"),
        "comment": Key("text"),
        "system": _FLAG,
    },
    "directories": {"path": _PATH, **_OWNERSHIP, "mode": Key("mode", "0755"), "exclusive": _FLAG, **_NOTICE},
    "links": {"path": _PATH, "target": Key("text", required=True), **_NOTICE},
    "files": {
        "path": _PATH,
        "template": Key("text"),
        "source": Key("text"),
        "content": Key("text"),
        "content_base64": Key("base64"),
        **_OWNERSHIP,
        "mode": Key("mode", "0644"),
        "validate": Key("command"),
        **_NOTICE,
        "no_log": _FLAG,
    },
    "absent": {"path": _PATH, "recursive": _FLAG, **_NOTICE},
    "units": {
        "name": Key("unit", required=True),
        "enabled": _FLAG._replace(default=None),
        "state": Key("state"),
        "masked": _FLAG._replace(default=None),
        "may_wait": _FLAG,
    },
}
"""The options that are lists of items, and the items' keys."""

SHORT: dict[str, str] = {"groups": "name", "absent": "path"}
"""Options whose items may be plain text: the value of this key."""

PACKAGES = ("packages", "packages_absent")
"""The options that are lists of packages."""

PATHS = ("directories", "links", "files", "absent")
"""The options whose items are paths."""

OPTIONS = frozenset({*PACKAGES, *ITEMS, "sysctls", "sysctl_file"})

_CONTENTS = ("template", "source", "content", "content_base64")
_EXPECTED: dict[Kind, str] = {
    "text": "text",
    "base64": "bytes in base 64",
    "name": "the name of a user or a group",
    "package": "the name of a package",
    "unit": "a unit's full name, such as ssh.service",
    "path": "an absolute path, without `..` and without a slash at the end",
    "mode": 'a string of three or four octal digits, such as "0644"',
    "flag": "true or false",
    "number": "a whole number",
    "command": "a command that judges `%s`, the path of the new file",
    "state": "started or stopped",
}
_PATTERNS: dict[Kind, str] = {
    "text": r"(?s).*",
    "name": r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?",
    "package": r"[a-z0-9][a-z0-9.+-]+",
    "unit": r"[\w:.\\-]+(@[\w:.\\-]+)?\.(automount|device|mount|path|scope|service|slice|socket|swap|target|timer)",
    "path": r"(/(?!\.\.?(/|$))[^/\0]+)+",
    "mode": r"[0-7]{3,4}",
    "state": r"started|stopped",
}


def parse(arguments: Mapping[str, Any]) -> tuple[Item, list[str]]:
    """Read a task's arguments.

    Args:
        arguments: As Ansible gives them, templates resolved.

    Returns:
        All options with all keys, and what is wrong with them. Options are of use only if nothing is.
    """
    problems = [
        f"{name}: no such option; {_suggestion(name, OPTIONS)}"
        for name in sorted(map(str, arguments))
        if name not in OPTIONS
    ]
    package = Key("package", (), is_list=True)
    options = {name: _value(name, package, arguments.get(name), problems) for name in PACKAGES}
    options |= {name: _items(name, arguments.get(name), problems) for name in ITEMS}
    options["sysctls"] = _sysctls(arguments.get("sysctls"), problems)
    options["sysctl_file"] = file = arguments.get("sysctl_file")
    if options["sysctls"] and not _fits("path", file):
        problems.append(
            "sysctl_file: sysctls need a file that keeps them, such as /etc/sysctl.d/60-firewall.conf; add it"
        )
    # Contradictions among items that are no items would only repeat what is known.
    return options, problems or _contradictions(options)


def _value(where: str, key: Key, value: object, problems: list[str]) -> object:
    """Return a key's value; note it if it does not fit."""
    if value is None:
        return key.default
    if not key.is_list:
        if not _fits(key.kind, value):
            problems.append(f"{where} must be {_EXPECTED[key.kind]}")
            return key.default
        return shlex.split(value) if key.kind == "command" and isinstance(value, str) else value
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple):
        problems.append(f"{where} must be a list, each of it {_EXPECTED[key.kind]}")
        return key.default
    problems += [f"{where}: {one!r} is not {_EXPECTED[key.kind]}" for one in values if not _fits(key.kind, one)]
    return list(dict.fromkeys(one for one in values if isinstance(one, str)))


def _items(option: str, value: object, problems: list[str]) -> list[Item]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        problems.append(f"{option}: must be a list")
        return []
    items = [_item(option, number, item, problems) for number, item in enumerate(value)]
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
    problems += [f"{where}: no such key: {key}; {_suggestion(key, keys)}" for key in values if key not in keys]
    problems += [f"{where}: {name} is missing" for name, key in keys.items() if key.required and name not in values]
    if option == "files" and sum(key in values for key in _CONTENTS) != 1:
        problems.append(f"{where}: give one of {', '.join(_CONTENTS)}")
    return {name: _value(f"{where}: {name}", key, values.get(name), problems) for name, key in keys.items()}


def _sysctls(value: object, problems: list[str]) -> list[Item]:
    if value is None:
        return []
    if not isinstance(value, Mapping):
        problems.append("sysctls: must be a mapping from names to values")
        return []
    for name, one in value.items():
        if not isinstance(name, str) or not re.fullmatch(r"\w+([./][\w.:@-]+)+", name) or ".." in name:
            problems.append(f"sysctls ({name}): this is no name of a setting, such as net.ipv4.ip_forward")
        if not _fits("number", one) and not (isinstance(one, str) and "\n" not in one):
            problems.append(f"sysctls ({name}): must be a line of text or a whole number")
    return [{"name": str(name), "value": str(one)} for name, one in value.items()]


def _fits(kind: Kind, value: object) -> bool:
    match kind:
        case "flag":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int) and not isinstance(value, bool)
        case "base64":
            return isinstance(value, str) and _is_base64(value)
        case "command":
            try:
                return isinstance(value, str) and any("%s" in word for word in shlex.split(value)[1:])
            except ValueError:  # a quotation that does not end
                return False
        case _:
            return isinstance(value, str) and re.fullmatch(_PATTERNS[kind], value) is not None


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        return False
    return True


def _contradictions(options: Item) -> list[str]:
    """Items that two options, or one twice, want to be different things; and what no role can mean."""
    problems = [
        f"packages: {name} is in packages_absent too; remove one"
        for name in options["packages"]
        if name in options["packages_absent"]
    ]
    for option in ("groups", "users", "units"):
        names = [item["name"] for item in options[option]]
        problems += [f"{option}: {name} is listed twice; keep one" for name in _twice(names)]
    present = [item["path"] for option in PATHS[:-1] for item in options[option]]
    present += [options["sysctl_file"]] if options["sysctls"] else []
    absent = [item["path"] for item in options["absent"]]
    problems += [f"paths: {path} is listed twice; keep one" for path in _twice([*present, *absent])]
    problems += [
        f"absent: {above} holds {path}, which must be there; remove one"
        for above in absent
        for path in present
        if Path(above) in Path(path).parents
    ]
    emptied = [item["path"] for item in options["directories"] if item["exclusive"]]
    return problems + [
        f"paths: {path} is part of the system: it can be neither absent nor exclusive"
        for path in [*absent, *emptied]
        if agent.is_vital(Path(path))
    ]


def _suggestion(wrong: object, names: Iterable[str]) -> str:
    """Name what was meant, or all that there is."""
    near = difflib.get_close_matches(str(wrong), names, n=1)
    return f"did you mean {near[0]}?" if near else f"use {', '.join(sorted(names))}"


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
