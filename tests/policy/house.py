"""What the rules need: the repository's files, YAML that knows its lines, tasks, and a way to say what is wrong."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible.playbook.block import Block
from ansible.playbook.handler import Handler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Finding:
    """A rule is broken here."""

    path: str
    line: int
    problem: str


class Repository:
    """Files by their path from the root. The real one, or a few lines that a test makes up."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(files)

    @classmethod
    def real(cls) -> Repository:
        """Return what is or would be committed."""
        # The clone may be somebody else's, such as when root runs the tests of a person's.
        trust = ["-c", f"safe.directory={ROOT}"]
        command = ["git", *trust, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        paths = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
        return cls({name: (ROOT / name).read_text(errors="replace") for name in paths})

    def matching(self, *patterns: str) -> Iterator[tuple[str, str]]:
        """Yield the paths and texts of files. `*` also stands for slashes; a pattern with `!` takes away."""
        wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
        unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
        for path, text in sorted(self.files.items()):
            if any(fnmatchcase(path, one) for one in wanted) and not any(fnmatchcase(path, one) for one in unwanted):
                yield path, text

    def lines(self, *patterns: str) -> Iterator[tuple[str, int, str]]:
        """Yield path, number and text of lines."""
        for path, text in self.matching(*patterns):
            for number, line in enumerate(text.splitlines(), 1):
                yield path, number, line

    def yaml(self, path: str) -> Any:
        """Return what a file holds; its mappings are `Lined`. None where there is no file."""
        return load(self.files[path]) if path in self.files else None

    def below(self, directory: str) -> list[str]:
        """Return the names right below a directory."""
        start = directory.rstrip("/") + "/"
        return sorted({path[len(start) :].split("/")[0] for path in self.files if path.startswith(start)})


def hold(checker: Callable[[Repository], Iterable[Finding]], remedy: str, repository: Repository) -> None:
    """Fail with all that a checker finds, and what to do."""
    findings = [f"{one.path}:{one.line}: {one.problem}" for one in checker(repository)]
    assert not findings, "\n".join(["", *findings, f"→ {remedy}"])


def found(checker: Callable[[Repository], Iterable[Finding]], files: Mapping[str, str]) -> list[str]:
    """Return where a checker sees something wrong in files that a test made up."""
    return [f"{one.path}:{one.line}" for one in checker(Repository(files))]


# --- YAML


class Lined(dict[Any, Any]):
    """A mapping that knows the line on which it starts."""

    line = 0


class _Loader(yaml.SafeLoader):
    """Reads YAML with tags that it does not know, such as MkDocs' and Ansible's."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Lined:
    mapping = Lined(loader.construct_mapping(node, deep=True))
    mapping.line = node.start_mark.line + 1
    return mapping


def _unknown(loader: _Loader, _tag: str, node: yaml.Node) -> Any:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_multi_constructor("!", _unknown)
_Loader.add_multi_constructor("tag:yaml.org,2002:python/", _unknown)


def load(text: str) -> Any:
    """Return what a YAML text holds."""
    return yaml.load(text, _Loader)


# --- Tasks

TASK_FILES = ("roles/*/tasks/*.yml", "roles/*/handlers/*.yml")
PLAY_FILES = ("playbooks/*.yml", "molecule/*.yml", "tests/*.yml", "!*/molecule.yml")
# What a task or a block may have beside its module.
KEYWORDS = frozenset({*Block.fattributes, *Handler.fattributes, "local_action"})
BLOCKS = ("block", "rescue", "always")


@dataclass(frozen=True)
class TaskAt:
    """A task, and where it is."""

    path: str
    task: Lined

    @property
    def modules(self) -> list[str]:
        """The module's name, as it is written."""
        return [key for key in self.task if key not in KEYWORDS and not key.startswith("with_")]

    def finding(self, problem: str) -> Finding:
        """Say that something is wrong with it."""
        return Finding(self.path, self.task.line, problem)


def _walk(path: str, tasks: Any) -> Iterator[TaskAt]:
    for task in tasks if isinstance(tasks, list) else []:
        if isinstance(task, Lined):
            yield TaskAt(path, task)
            for part in BLOCKS:
                yield from _walk(path, task.get(part))


def tasks(repository: Repository) -> Iterator[TaskAt]:
    """Yield every task of roles and playbooks, those in blocks too."""
    for path, text in repository.matching(*TASK_FILES):
        yield from _walk(path, load(text))
    for path, text in repository.matching(*PLAY_FILES):
        plays = load(text)
        for play in plays if isinstance(plays, list) else []:
            if not isinstance(play, Lined):
                continue
            parts = ("pre_tasks", "tasks", "post_tasks", "handlers")
            # A file of plays, or a list of tasks that another file includes.
            is_play = "hosts" in play or any("import_playbook" in key for key in play)
            yield from (
                [one for part in parts for one in _walk(path, play.get(part))] if is_play else _walk(path, [play])
            )


def roles(repository: Repository) -> list[str]:
    """Return the names of the roles."""
    return repository.below("roles")


# --- Python


def docstring_lines(text: str) -> set[int]:
    """Return the lines of a Python file that document: docstrings, and what ansible-doc shows."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and body:
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                documented.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id in {"DOCUMENTATION", "EXAMPLES", "RETURN"}
            for target in node.targets
        ):
            documented.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return documented


def constant(text: str, name: str) -> str | None:
    """Return the text that a Python file assigns to a name at its top level."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if name in names:
                return str(node.value.value)
    return None
