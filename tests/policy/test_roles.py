"""Roles, tasks and playbooks have the shape that docs/style.md describes."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from .house import Finding, Repository, found, hold, load, roles, tasks
from .readme import replaced, table

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS = ("README.md", "defaults/main.yml", "meta/argument_specs.yml", "meta/main.yml", "tasks/main.yml")
LONGEST_MAIN, LONGEST_TASK_FILE, LONGEST_PLAYBOOK = 60, 150, 25
# systemd.timer(5) says since what they count; not that all of them elapse again when systemd reads its files again.
SINCE_SOMETHING = re.compile(r"On(Active|Boot|Startup)Sec=")
COMMANDS = {f"ansible.builtin.{name}" for name in ("command", "expect", "raw", "script", "shell")}


def parts(repository: Repository) -> Iterator[Finding]:
    """Roles that lack a file."""
    for role in roles(repository):
        for part in PARTS:
            if f"roles/{role}/{part}" not in repository.files:
                yield Finding(f"roles/{role}/{part}", 1, "is missing")


def _specs(repository: Repository, role: str) -> tuple[str, dict[str, Any]]:
    path = f"roles/{role}/meta/argument_specs.yml"
    specs = repository.yaml(path) or {}
    return path, specs.get("argument_specs", {}).get("main", {}).get("options", {})


def specs(repository: Repository) -> Iterator[Finding]:
    """Argument specs that are not equal to the defaults."""
    for role in roles(repository):
        path, options = _specs(repository, role)
        defaults = repository.yaml(f"roles/{role}/defaults/main.yml") or {}
        for name in sorted({*options, *defaults}):
            option = options.get(name, {})
            if name not in options:
                yield Finding(path, 1, f"{name} of defaults/main.yml is missing")
            elif name not in defaults and not option.get("required"):
                yield Finding(path, option.line, f"{name} is neither in defaults/main.yml nor required")
            elif name in defaults and ("default" not in option or option["default"] != defaults[name]):
                yield Finding(path, option.line, f"{name} has not the default {defaults[name]!r} of defaults/main.yml")


def prefixes(repository: Repository) -> Iterator[Finding]:
    """Variables of a role that do not start with its name."""
    for role in roles(repository):
        for name in repository.yaml(f"roles/{role}/defaults/main.yml") or {}:
            if not name.startswith(f"{role}_"):
                yield Finding(f"roles/{role}/defaults/main.yml", 1, f"{name} does not start with {role}_")


def comments(repository: Repository) -> Iterator[Finding]:
    """Defaults without a comment over them, or over the group of lines that they belong to."""
    for path, text in repository.matching("roles/*/defaults/*.yml"):
        has_comment = False
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                has_comment = False
            elif line.startswith("#"):
                has_comment = True
            elif re.match(r"\w+:", line) and not has_comment:
                yield Finding(path, number, f"{line.split(':')[0]} has no comment")


def readmes(repository: Repository) -> Iterator[Finding]:
    """READMEs whose table of variables is not that of the argument specs."""
    for role in roles(repository):
        readme, specs = f"roles/{role}/README.md", repository.yaml(f"roles/{role}/meta/argument_specs.yml")
        if (
            readme in repository.files
            and specs
            and replaced(repository.files[readme], specs) != repository.files[readme]
        ):
            yield Finding(readme, 1, f"the table of variables should be\n{table(specs)}")


def lengths(repository: Repository) -> Iterator[Finding]:
    """Files that should be divided. Comments count in tasks, but not in playbooks."""
    for path, text in repository.matching("roles/*/tasks/*.yml"):
        limit = LONGEST_MAIN if path.endswith("/tasks/main.yml") else LONGEST_TASK_FILE
        if (lines := len(text.splitlines())) > limit:
            yield Finding(path, limit, f"{lines} lines, more than {limit}")
    for path, text in repository.matching("playbooks/*.yml"):
        code = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if len(code) > LONGEST_PLAYBOOK:
            yield Finding(path, LONGEST_PLAYBOOK, f"{len(code)} lines, more than {LONGEST_PLAYBOOK}")


def names(repository: Repository) -> Iterator[Finding]:
    """Tasks and plays without a name."""
    for one in tasks(repository):
        if not one.task.get("name"):
            yield one.finding(f"a task without a name ({', '.join(one.modules) or 'a block'})")
    for path, text in repository.matching("playbooks/*.yml"):
        for play in load(text) or []:
            if "hosts" in play and not play.get("name"):
                yield Finding(path, play.line, "a play without a name")


def full_names(repository: Repository) -> Iterator[Finding]:
    """Modules without their namespace."""
    for one in tasks(repository):
        for module in one.modules:
            if module.count(".") < 2:
                yield one.finding(f"the module {module!r} is not written in full")


def ignored_errors(repository: Repository) -> Iterator[Finding]:
    """Tasks that go on whatever happened."""
    for one in tasks(repository):
        for keyword in ("ignore_errors", "ignore_unreachable"):
            if keyword in one.task:
                yield one.finding(keyword)


def commands(repository: Repository) -> Iterator[Finding]:
    """Commands in roles and playbooks without their reason: `# why:` over the task or in it."""
    for one in tasks(repository):
        if one.path.startswith(("molecule/", "tests/")) or not COMMANDS & {*one.modules}:
            continue
        lines = repository.files[one.path].splitlines()
        before, own, after = lines[: one.task.line - 1], lines[one.task.line - 1], lines[one.task.line :]
        over = takewhile(lambda line: line.lstrip().startswith("#"), reversed(before))
        dash = own.index("-")
        inside = takewhile(lambda line, dash=dash: not line.strip() or line[: dash + 1].isspace(), after)  # type: ignore[misc]
        if not any("# why:" in line for line in (*over, own, *inside)):
            yield one.finding("a command without `# why:`")


def timers(repository: Repository) -> Iterator[Finding]:
    """Timers whose job runs each time that systemd reads its files again."""
    for path, number, line in repository.lines("roles/*.timer*"):
        if SINCE_SOMETHING.match(line):
            yield Finding(path, number, line)


def test_a_role_has_all_its_parts(repository: Repository) -> None:
    hold(parts, "Every role has them: see docs/style.md.", repository)


def test_argument_specs_are_equal_to_defaults(repository: Repository) -> None:
    hold(
        specs,
        "The spec is the documentation: bring meta/argument_specs.yml and defaults/main.yml together.",
        repository,
    )


def test_variables_have_the_roles_prefix(repository: Repository) -> None:
    hold(prefixes, "Variables of all roles share one space: put the role's name first.", repository)


def test_a_default_has_a_comment(repository: Repository) -> None:
    hold(comments, "Say over it why it is so, and when to change it.", repository)


def test_readmes_have_the_table_of_variables(repository: Repository) -> None:
    hold(readmes, "Run `.venv/bin/python tests/policy/readme.py`.", repository)


def test_files_are_short(repository: Repository) -> None:
    hold(lengths, "Hand data to one call of aurore.infra.steady_state, or divide the role.", repository)


def test_tasks_have_names(repository: Repository) -> None:
    hold(names, "Tell an RT what is being done; start with a verb.", repository)


def test_modules_have_their_full_names(repository: Repository) -> None:
    hold(full_names, "Write namespace.collection.module, such as ansible.builtin.file.", repository)


def test_errors_are_not_ignored(repository: Repository) -> None:
    hold(ignored_errors, "Say which failure is fine: failed_when.", repository)


def test_commands_have_a_reason(repository: Repository) -> None:
    hold(commands, "Use a module; if there is none, say so in a comment `# why: …` over the task.", repository)


def test_timers_go_by_the_calendar(repository: Repository) -> None:
    hold(
        timers,
        "A job that is also due at once, and when the host boots: enable its service, `state: started`.",
        repository,
    )


def test_the_checkers_see_what_is_wrong() -> None:
    assert "roles/a/README.md:1" in found(parts, {"roles/a/tasks/main.yml": ""})
    spec = "argument_specs:\n  main:\n    options:\n      a_b:\n        default: 1\n      a_d: {type: str}\n"
    assert found(specs, {"roles/a/defaults/main.yml": "a_b: 2\na_c: 3\n", "roles/a/meta/argument_specs.yml": spec}) == [
        "roles/a/meta/argument_specs.yml:5",
        "roles/a/meta/argument_specs.yml:1",
        "roles/a/meta/argument_specs.yml:6",
    ]
    assert found(prefixes, {"roles/a/defaults/main.yml": "b_c: 1\n"}) == ["roles/a/defaults/main.yml:1"]
    defaults = "# Why.\na: 1\nb: 2\n\nc: 3\n"
    assert found(comments, {"roles/a/defaults/main.yml": defaults}) == ["roles/a/defaults/main.yml:5"]
    good = "argument_specs: {main: {options: {a_b: {description: What., default: [x]}}}}\n"
    both = {"roles/a/meta/argument_specs.yml": good}
    assert found(readmes, {"roles/a/README.md": "# a\n", **both}) == ["roles/a/README.md:1"]
    assert found(readmes, {"roles/a/README.md": replaced("# a\n", load(good)), **both}) == []
    assert "| `a_b` | `[x]` | What. |" in table(load(good))
    assert found(lengths, {"roles/a/tasks/main.yml": "\n" * 61, "roles/a/tasks/more.yml": "\n" * 150}) == [
        "roles/a/tasks/main.yml:60"
    ]
    assert found(lengths, {"playbooks/site.yml": "- a\n" * 26}) == ["playbooks/site.yml:25"]
    timer = "[Timer]\nOnCalendar=hourly\nOnBootSec=1min\n"
    assert found(timers, {"roles/a/templates/a.timer.j2": timer}) == ["roles/a/templates/a.timer.j2:3"]


def test_the_checkers_of_tasks_see_what_is_wrong() -> None:
    bad = (
        "- name: One\n  block:\n    - file: {path: a}\n      ignore_errors: true\n"
        "- name: Two\n  ansible.builtin.command: true\n"
        "# why: nothing else can.\n- name: Three\n  ansible.builtin.command: true\n"
    )
    role = {"roles/a/tasks/main.yml": bad}
    assert found(names, role) == ["roles/a/tasks/main.yml:3"]
    assert found(full_names, role) == ["roles/a/tasks/main.yml:3"]
    assert found(ignored_errors, role) == ["roles/a/tasks/main.yml:3"]
    assert found(commands, role) == ["roles/a/tasks/main.yml:5"]
    play = "- hosts: all\n  tasks:\n    - ansible.builtin.ping:\n- import_playbook: base.yml\n"
    assert found(names, {"playbooks/a.yml": play}) == ["playbooks/a.yml:3", "playbooks/a.yml:1"]
    included = "- name: One\n  ping:\n"
    assert found(full_names, {"molecule/a/wait.yml": included}) == ["molecule/a/wait.yml:1"]
