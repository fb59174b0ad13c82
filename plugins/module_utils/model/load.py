"""Files to a model, or to the list of everything that is wrong with them."""

from __future__ import annotations

from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from .document import Tree, parse
from .index import Index
from .problems import Location, ModelError, Problem, shorten
from .rules import check
from .schema import FILES, Authorities, Model, Names, Packages, Reserves
from .shape import INVALID, Origin, Report, keys_of, reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Unreadable(NamedTuple):
    """Stands for the content of a file that cannot be read, and says why."""

    reason: str


type Content = bytes | Unreadable

_NOWHERE = Origin("", Tree(None, 1))

_NEUTRAL: dict[str, object] = {
    "names": Names(origin=_NOWHERE, domain="invalid", hosts="invalid"),
    "packages": Packages(origin=_NOWHERE, mirror="", security_mirror=""),
    "authorities": Authorities(origin=_NOWHERE, users=(), host=None, tls=None),
    "reserves": Reserves(origin=_NOWHERE, node=0, osd=0),
}
"""Stand for what could not be read, so that the rules that do not need it still have a model to look at."""


class Files(NamedTuple):
    """A model's files.

    Attributes:
        content: By file name.
        directory: Where they are.
        elsewhere: The directories of those that are in another one.
    """

    content: dict[str, Content]
    directory: str = ""
    elsewhere: Mapping[str, str] = MappingProxyType({})


def load(directory: Path, today: date = date.max, overlay: Path | None = None) -> Model:
    """Reads and validates the model in a directory; see read and validate.

    Raises:
        ModelError: With every problem of every file.
    """
    return validate(read(directory, overlay), today)


def read(directory: Path, overlay: Path | None = None) -> Files:
    """Reads a model's files.

    Args:
        directory: Where they are.
        overlay: A directory with files that take the place of those with the same names; while it does not exist,
            none does.

    Raises:
        ModelError: A directory cannot be read.
    """
    files = _read(directory)
    if overlay is None or not overlay.exists():
        return Files(files, str(directory))
    instead = _read(overlay)
    return Files(files | instead, str(directory), dict.fromkeys(instead, str(overlay)))


def _read(directory: Path) -> dict[str, Content]:
    """The content of a directory's files by name. Hidden files are not the model's: editors leave some beside it.

    Raises:
        ModelError: The directory itself cannot be read.
    """
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix == ".yml" and not path.name.startswith("."))
    except OSError as error:
        sentence = f"{error.strerror}; correct the path, or put the model's files there"
        raise ModelError([Problem(Location(str(directory), 1), "missing-directory", sentence)]) from error
    # A name that is not UTF-8 could not be printed.
    return {path.name.encode(errors="backslashreplace").decode(): _content(path) for path in paths}


def _content(path: Path) -> Content:
    try:
        # To read a FIFO is to wait for who writes to it.
        return path.read_bytes() if path.is_file() else Unreadable("this is not a file")
    except OSError as error:
        return Unreadable(str(error.strerror))


def validate(files: Files, today: date = date.max) -> Model:
    """Validates a model.

    Args:
        files: What was read.
        today: Decides which certificates still open something. Without it, none does.

    Raises:
        ModelError: With every problem of every file. Nothing else is raised, whatever the files hold.
    """
    problems = [
        Problem(Location(name, 1), "unknown-file", f"no such file is known; use one of {', '.join(FILES)}")
        for name in files.content
        if name not in FILES
    ]
    parts: dict[str, Any] = {}
    whole: set[str] = set()
    for name, keys in FILES.items():
        report = Report(name)
        top = _top_level(files.content.get(name), keys, report)
        for key in keys:
            damage = report.damage
            parts[key] = _part(key, top, report)
            if top is not None and report.damage == damage:
                whole.add(key)
        problems += report.problems
    model = Model(**parts)
    problems += check(Index(model, today), whole)
    if problems:
        places = files.elsewhere
        raise ModelError([problem.below(places.get(problem.location.file, files.directory)) for problem in problems])
    return model


def _top_level(text: Content | None, keys: tuple[str, ...], report: Report) -> dict[str, Tree] | None:
    """The mapping that a file is, or None when it cannot be read, which is reported."""
    expects = f"the keys {', '.join(keys)}"
    if text is None:
        report.add(Tree(None, 1), "missing-file", f"the file does not exist; add it, with {expects}")
        return None
    if isinstance(text, Unreadable):
        report.add(Tree(None, 1), "unreadable-file", f"{text.reason}; make it a file that you can read")
        return None
    root, problems = parse(report.file, text)
    report.problems += problems
    if root is None:
        return None
    if not isinstance(root.value, dict):
        report.add(root, "wrong-type", f"the file is not a mapping; give it {expects}")
        return None
    for name, item in root.value.items():
        if name not in keys:
            report.add(
                item, "unknown-key", f"key {shorten(name)} is unknown here; remove it or use one of {', '.join(keys)}"
            )
    return root.value


def _part(key: str, top: dict[str, Tree] | None, report: Report) -> object:
    """What a top-level key holds; without a usable value, what stands for it."""
    value = INVALID
    if top is not None and key in top:
        hint, _ = keys_of(Model)[key]
        value = reader(hint)(top[key], key, report)
    elif top is not None:
        report.invalid(Tree(None, 1), "missing-key", f"key '{key}' is missing; add it")
    return _NEUTRAL.get(key, ()) if value is INVALID else value
