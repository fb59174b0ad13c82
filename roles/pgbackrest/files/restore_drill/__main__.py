"""The command `restore-drill`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import archive, drill, extract, recover, target
from .programs import run
from .settings import PLACE, RestoreError, read_settings

if TYPE_CHECKING:
    from .settings import Settings


def main(arguments: list[str]) -> int:
    """Run a sub-command: 0 if all is well, 1 if not."""
    options = _parser().parse_args(arguments)
    try:
        return _do(options, read_settings(options.settings))
    except RestoreError as error:
        print(f"restore-drill: {error}", file=sys.stderr)  # noqa: T201 (a command)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="restore-drill", description="Restores of PostgreSQL.", allow_abbrev=False)
    parser.add_argument("--settings", type=Path, default=PLACE, help="the settings; the deployed ones by default")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("drill", help="rehearse a restore, if it is this host's turn")
    add.add_argument("--here", action="store_true", help="whosever turn it is; this host must be a replica")
    commands.add_parser("cleanup", help="remove what a rehearsal has left that was killed")
    status = commands.add_parser("status", help="say what a restore of the whole cluster would do here, in JSON")
    commands.add_parser("archive", help="have the archive reach up to now, if the primary is here")
    commands.add_parser("hand-over", help="note that the cluster is about to work with the restored data")
    commands.add_parser("cleared", help="note that no other member has data of the old history")
    commands.add_parser("followed", help="note that all members work with the restored data")
    commands.add_parser("done", help="note that the restore is over")
    commands.add_parser("abandon", help="undo a restore of the whole cluster that was not completed")
    add = commands.add_parser("extract", help="write a dump of tables as they were at a point in time")
    add.add_argument("--database", required=True)
    add.add_argument("--table", action="append", default=[], help="as pg_dump takes it; all by default")
    whole = commands.add_parser("recover", help="restore the whole cluster's data here; Patroni is stopped")
    for one in (status, add, whole):
        one.add_argument("--to", required=True, help=target.HOW)
        one.add_argument("--timeline", default="", help="of several histories, which one; the newest by default")
        one.add_argument("--set", default="", help="the backup to begin with, for a point before the latest one's end")
    return parser


def _do(options: argparse.Namespace, settings: Settings) -> int:
    if options.command == "drill":
        return 0 if drill.drill(settings, run, here=options.here) else 1
    told = _restore(options, settings) if "to" in options else _step(options.command, settings)
    if told is not None:
        print(json.dumps(told))  # noqa: T201 (a command)
    return 0


def _restore(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """What takes a point to restore to."""
    point = target.parse(options.to, options.timeline)
    match options.command:
        case "extract":
            return {"dump": str(extract.extract(settings, run, point, options.database, options.table, options.set))}
        case "recover":
            return _path("aside", recover.recover(settings, run, point, options.set))
    return recover.status(settings, run, point, options.set)


def _step(command: str, settings: Settings) -> dict[str, Any] | None:
    match command:
        case "cleanup":
            drill.cleanup(settings, run)
        case "archive":
            archive.reach_now(settings, run)
        case "hand-over":
            recover.hand_over(settings)
        case "cleared":
            recover.cleared(settings)
        case "followed":
            recover.followed(settings)
        case "done":
            return _path("aside", recover.done(settings))
        case "abandon":
            return _path("restored", recover.abandon(settings, run))
    return None


def _path(name: str, path: Path | None) -> dict[str, str | None]:
    return {name: str(path) if path else None}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
