"""The command `rt-office`: hands over to the module that does the work."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from .outbox import UnsentError
from .settings import PLACE, SettingsError

COMMANDS = {
    "notices": "write to the RTs whose certificates are about to end",
    "logins": "compare the logins in the journals with the register",
    "revocations": "compare the lists of revoked certificates that hosts have with the register",
    "campaign": "ask the RTs whether they keep their title",
}


def main(arguments: list[str]) -> int:
    """Run a sub-command: 0 if all is done, 1 if something is left for the next run, 2 if it cannot work at all."""
    words = "\n".join(f"  {name:13}{what}" for name, what in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="rt-office",
        description="The RTs' office.",
        epilog=f"commands:\n{words}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--settings", type=Path, default=PLACE, help="the settings; the deployed ones by default")
    parser.add_argument("command", choices=COMMANDS, metavar="command")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the command's own; see its --help")
    options = parser.parse_args(arguments)
    module = importlib.import_module(f".{options.command}", __package__)
    try:
        return int(module.main(["--settings", str(options.settings), *options.arguments]))
    except SettingsError as error:
        print(f"rt-office: {error}", file=sys.stderr)  # noqa: T201 (a command)
        return 2
    except UnsentError as error:
        print(f"rt-office: {error}", file=sys.stderr)  # noqa: T201 (a command)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
