"""Validates a model from the shell, without Ansible.

    PYTHONPATH=plugins/module_utils python -m model inventory/model

lists every problem as `file:line: rule: sentence` and ends with 1, or says what the model holds and ends with 0. With
`--write-schemas` it writes, too, the JSON Schemas that editors use, to the directory `schema` below the model.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .json_schema import schemas
from .load import load
from .problems import ModelError

if TYPE_CHECKING:
    from .schema import Model


def main(arguments: list[str]) -> int:
    """Runs the command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="model", description="Validates the model of the fleet.")
    parser.add_argument("directory", type=Path, help="where the model's files are")
    parser.add_argument("--write-schemas", action="store_true", help="write JSON Schemas for editors")
    options = parser.parse_args(arguments)
    if options.write_schemas:
        try:
            write_schemas(options.directory / "schema")
        except OSError as error:
            sys.stdout.write(f"{error.filename}:1: unwritable-file: {error.strerror}; correct the path\n")
            return 1
    try:
        model = load(options.directory)
    except ModelError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{options.directory}: valid: {summary(model)}\n")
    return 0


def write_schemas(directory: Path) -> None:
    """Writes the schema of each file of the model."""
    directory.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (directory / name).write_text(text, encoding="utf-8")


def summary(model: Model) -> str:
    """What a model holds, in one line."""
    hosts = len(model.nodes) + len(model.guests) + len(model.rented)
    return (
        f"{hosts} hosts ({len(model.nodes)} nodes, {len(model.guests)} guests, {len(model.rented)} rented), "
        f"{len(model.sites)} sites, {len(model.networks)} networks, {len(model.services)} services, "
        f"{len(model.zones)} zones, {len(model.people)} people"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
