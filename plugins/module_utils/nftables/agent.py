"""Runs on the host: compares the tables that the kernel has loaded with those that a ruleset would load.

Its source is sent over the connection to `/usr/bin/python3 -I -`, followed by a call of `main`. So it is one file and
uses nothing but the standard library.

nft prints what it loaded in a form of its own, so the ruleset is loaded into an empty network namespace and printed
from there: equal rules are equal text, however they were written.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

NFT = "/usr/sbin/nft"
TABLE = re.compile(r"^table (\w+ \w+) \{$", re.MULTILINE)


class RulesetError(Exception):
    """nft refused, in its own words."""


def run(argv: list[str], text: str = "") -> str:
    """Run a command and return what it wrote.

    Raises:
        RulesetError: It failed.
    """
    try:
        done = subprocess.run(  # noqa: S603 - an argument list, no shell
            argv, input=text, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise RulesetError(f"{argv[0]}: {error.strerror}") from error
    if done.returncode:
        raise RulesetError(done.stderr.strip() or f"{argv[0]} ended with {done.returncode}")
    return done.stdout


def expected(ruleset: str) -> str:
    """The ruleset as nft prints it, counters left out."""
    load_and_list = f"{NFT} -f - && exec {NFT} --stateless list ruleset"
    return run(["unshare", "--net", "sh", "-c", load_and_list], ruleset)


def loaded(tables: list[str]) -> str:
    """Those of the tables that the kernel has, in the same form."""
    present = TABLE.findall(run([NFT, "--terse", "list", "ruleset"]))
    return "".join(run([NFT, "--stateless", "list", "table", *name.split()]) for name in tables if name in present)


def converge(ruleset: str, *, check: bool) -> dict[str, object]:
    """Load the ruleset if what is loaded differs.

    Args:
        ruleset: As for `nft -f`. It must begin by deleting its tables.
        check: Whether to look only.

    Returns:
        Whether the tables differed, and how they were and must be.
    """
    if check and not shutil.which(NFT):
        # The package is only planned so far.
        return {"changed": True, "before": "", "after": ruleset}
    after = expected(ruleset)
    before = loaded(TABLE.findall(after))
    if before != after and not check:
        run([NFT, "-f", "-"], ruleset)
    return {"changed": before != after, "before": before, "after": after}


def main(request: str) -> None:
    """Answer a request in JSON, on the last line of standard output."""
    asked = json.loads(request)
    try:
        answer = converge(asked["ruleset"], check=asked["check"])
    except RulesetError as error:
        answer = {"problem": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
