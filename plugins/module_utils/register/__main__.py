"""Checks a register from the shell, without Ansible and without hosts.

    PYTHONPATH=.ansible/collections python -m ansible_collections.aurore.infra.plugins.module_utils.register \
      inventory/model

lists every problem as `file:line: rule: sentence` and ends with 1, or says what the register holds and ends with 0.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.aurore.infra.plugins.module_utils.model import ModelError, load
from ansible_collections.aurore.infra.plugins.module_utils.register.audit import problems
from ansible_collections.aurore.infra.plugins.module_utils.register.store import Register


def main(arguments: list[str]) -> int:
    """Runs the command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="register", description="Checks the register of people's certificates.")
    parser.add_argument("directory", type=Path, help="where the model's files are")
    parser.add_argument("--overlay", type=Path, help="where files are that take the place of the model's")
    options = parser.parse_args(arguments)
    directory = options.overlay or options.directory
    today = datetime.now(UTC).date()
    try:
        model = load(options.directory, today, options.overlay)
    except ModelError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    found = problems(
        model.certificates,
        Register(directory).published,
        authorities=model.authorities.people,
        ends={person.nick: person.mandate.until for person in model.people},
        today=today,
    )
    if found:
        sys.stdout.writelines(f"{problem.below(str(directory))}\n" for problem in found)
        return 1
    running = sum(certificate.is_current(today) for certificate in model.certificates)
    revoked = sum(certificate.revoked is not None for certificate in model.certificates)
    total = len(model.certificates)
    sys.stdout.write(f"{directory}: valid: {total} certificates ({running} run, {revoked} were revoked)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
