"""Runs on the host: brings the tables that the kernel has loaded to a ruleset, and back unless somebody gets in.

Its source is sent over the connection to `/usr/bin/python3 -I -`, followed by a call of `main`. So it is one file and
uses nothing but the standard library.

nft prints what it loaded in a form of its own, so the ruleset is loaded into an empty network namespace and printed
from there: equal rules are equal text, however they were written.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

NFT = "/usr/sbin/nft"
# Where the rules that were loaded before wait for the confirmation of the new ones.
RUN = Path("/run")
# Whoever moves the file away decides: this, which then puts the old rules back, or the confirmation.
UNDO = 'sleep "$1" && mv "$2" "$2.undone" && exec "$3" -f "$2.undone"'
TABLE = re.compile(r"^table (\w+ \w+) \{$", re.MULTILINE)


class RulesetError(Exception):
    """What keeps the ruleset from being loaded, as a sentence."""


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


def check_interfaces(names: list[str]) -> None:
    """See whether the host has the interfaces that rules name.

    Raises:
        RulesetError: It has not.
    """
    present = [name for _, name in socket.if_nameindex()]
    if missing := [name for name in names if name not in present]:
        raise RulesetError(
            f"this host has no interface {', '.join(missing)}, only {', '.join(present)}: rules for it would let "
            "nobody in. Give the interface that name (a .link file, systemd.link(5)), or correct the model"
        )


def undo_unless_confirmed(before: str, tables: list[str], seconds: float) -> Path:
    """Have the tables put back after so many seconds; return the file by whose removal the new rules are confirmed."""
    deletions = "".join(f"table {name}\ndelete table {name}\n" for name in tables)
    with tempfile.NamedTemporaryFile("w", dir=RUN, prefix="aurore-nftables-", delete=False) as stream:
        stream.write(deletions + before)
    command = ["sh", "-c", UNDO, "undo", str(seconds), stream.name, NFT]
    # It outlives the connection, which the new rules may cut.
    subprocess.Popen(  # noqa: S603 - an argument list, and a script that is a constant
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return Path(stream.name)


def converge(ruleset: str, interfaces: list[str], seconds: float, *, check: bool) -> dict[str, object]:
    """Load the ruleset if what is loaded differs.

    Args:
        ruleset: As for `nft -f`. It must begin by deleting its tables.
        interfaces: Names of interfaces that the host must have.
        seconds: After this time the old rules come back, unless the new ones are confirmed.
        check: Whether to look only.

    Returns:
        Whether the tables differed, how they were and must be, and what `confirm` takes.

    Raises:
        RulesetError: It cannot be loaded; nothing was changed.
    """
    check_interfaces(interfaces)
    if check and not shutil.which(NFT):
        # The package is only planned so far.
        return {"changed": True, "before": "", "after": ruleset}
    after = expected(ruleset)
    tables = TABLE.findall(after)
    before = loaded(tables)
    answer: dict[str, object] = {"changed": before != after, "before": before, "after": after}
    if before == after or check:
        return answer
    pending = undo_unless_confirmed(before, tables, seconds)
    try:
        run([NFT, "-f", "-"], ruleset)
    except RulesetError:
        pending.unlink(missing_ok=True)
        raise
    return answer | {"pending": str(pending)}


def confirm(pending: str) -> dict[str, object]:
    """Keep the rules that were loaded.

    Raises:
        RulesetError: Too late: the old ones are back.
    """
    try:
        Path(pending).unlink()
    except FileNotFoundError:
        raise RulesetError("the confirmation came too late, the rules from before are loaded again") from None
    return {}


def main(request: str) -> None:
    """Answer a request in JSON, on the last line of standard output."""
    asked = json.loads(request)
    try:
        answer = confirm(**asked) if "pending" in asked else converge(**asked)
    except RulesetError as error:
        answer = {"problem": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
