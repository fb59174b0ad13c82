"""The table of a role's variables, from its argument specs.

.venv/bin/python tests/policy/readme.py     writes it into every role's README, between the two markers
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

START, END = "<!-- variables -->", "<!-- /variables -->"
# Longer ones make a table that nobody can read: defaults/main.yml has them.
LONGEST_DEFAULT = 60


def _default(option: dict[str, Any]) -> str:
    if "default" not in option:
        return "*required*" if option.get("required") else ""
    text = yaml.safe_dump(
        json.loads(json.dumps(option["default"])), default_flow_style=True, allow_unicode=True, width=10_000
    )
    text = text.removesuffix("...\n").strip()
    return "see defaults" if len(text) > LONGEST_DEFAULT or "\n" in text else f"`{text}`"


def _sentence(description: str | list[str]) -> str:
    return " ".join([description] if isinstance(description, str) else description)


def table(specs: dict[str, Any]) -> str:
    """Return the table, with its markers."""
    rows = [
        f"| `{name}` | {_default(option)} | {_sentence(option['description'])} |".replace("\n", " ")
        for name, option in specs["argument_specs"]["main"].get("options", {}).items()
    ]
    body = ["| Variable | Default | What |", "|---|---|---|", *rows] if rows else ["None."]
    return "\n".join([START, *body, END])


def replaced(readme: str, specs: dict[str, Any]) -> str:
    """Return a README with the table as it should be; at its end, where it has none."""
    if START not in readme or END not in readme:
        return f"{readme.rstrip()}\n\n## Variables\n\n{table(specs)}\n"
    return readme[: readme.index(START)] + table(specs) + readme[readme.index(END) + len(END) :]


if __name__ == "__main__":
    for path in Path(__file__).parent.parent.parent.glob("roles/*/README.md"):
        specs = yaml.safe_load((path.parent / "meta" / "argument_specs.yml").read_text())
        path.write_text(replaced(path.read_text(), specs))
