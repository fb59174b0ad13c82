"""JSON Schemas of the model's files, by which editors complete keys and underline mistakes (draft 2020-12).

They say the same as shape.py because both read the same annotations. What only a function can tell (an address, a key)
is text to them; the validation tells the rest.
"""

from __future__ import annotations

import json
from dataclasses import is_dataclass
from types import UnionType
from typing import Annotated, Any, Literal, TypeAliasType, get_args, get_origin

from .schema import FILES, Model
from .shape import NotEmpty, Pattern, Range, keys_of

_JSON_TYPES = {str: "string", int: "integer"}


def schemas() -> dict[str, str]:
    """The schema of each file, as text, by the name of its own file."""
    parts = keys_of(Model)
    return {
        file.replace(".yml", ".json"): json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema"} | _object({key: parts[key] for key in keys}),
            indent=2,
        )
        + "\n"
        for file, keys in FILES.items()
    }


def _object(keys: dict[str, tuple[Any, bool]]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, (_, required) in keys.items() if required],
        "properties": {name: _describe(hint) for name, (hint, _) in keys.items()},
    }


def _describe(hint: Any) -> dict[str, Any]:
    """The schema of an annotation; the same cases as shape.reader."""
    if isinstance(hint, TypeAliasType):
        return _describe(hint.__value__)
    if is_dataclass(hint):
        # The first paragraph; the rest of a docstring is for programmers.
        return {"description": str(hint.__doc__).partition("\n")[0]} | _object(keys_of(hint))
    arguments = get_args(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "uniqueItems": True, "items": _describe(arguments[0])}
    if origin is dict:
        return {
            "type": "object",
            "propertyNames": _describe(arguments[0]),
            "additionalProperties": _describe(arguments[1]),
        }
    if origin is UnionType:
        return {"anyOf": [_describe(arguments[0]), {"type": "null"}]}
    if origin is Annotated and isinstance(arguments[1], NotEmpty):
        return _describe(arguments[0]) | {"minItems": 1}
    return _constrained(arguments[1])


def _constrained(constraint: Any) -> dict[str, Any]:
    types = [_JSON_TYPES[accepted] for accepted in constraint.accepts]
    described: dict[str, Any] = {
        "description": constraint.expects,
        "type": types[0] if len(types) == 1 else types,
    }
    if isinstance(constraint, Pattern):
        # ECMA 262 has no \Z, and its patterns are not anchored.
        described["pattern"] = f"^(?:{constraint.regex.replace(r'\Z', '$')})$"
    if isinstance(constraint, Range):
        described |= {"minimum": constraint.low, "maximum": constraint.high}
    return described
