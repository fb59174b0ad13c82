"""aurore.infra.steady_state from the task to the host, which is a directory; its agent runs here."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.template import trust_as_template
from ansible_collections.aurore.infra.plugins.action import steady_state
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent, arguments
from ansible_collections.aurore.infra.plugins.modules.steady_state import DOCUMENTATION

from tests.unit.action_call import load
from tests.unit.played_host import RUNS, Host, place

if TYPE_CHECKING:
    from pathlib import Path


class Role:
    """A role with one task, run on a host.

    Attributes:
        path: Its directory.
        host: The host.
        sent: What was asked of the agent.
        task: The task that was run last.
    """

    def __init__(self, path: Path, host: Host) -> None:
        self.path, self.host = path, host
        self.sent: list[dict[str, Any]] = []
        self.task: Any = None
        for directory in ("templates", "files"):
            (path / directory).mkdir(parents=True)

    def load(self, *, check: bool = False, diff: bool = True, **args: Any) -> Any:
        """Make the task's action, as a worker does."""
        action = load("aurore.infra.steady_state", args, check=check, diff=diff, directory=self.path)
        self.task = action._task
        return action

    def run(self, variables: dict[str, Any] | None = None, **args: Any) -> dict[str, Any]:
        """Run the task."""
        known = {"ansible_search_path": [str(self.path)]} | (variables or {})
        result: dict[str, Any] = self.load(**args).run(task_vars=known)
        return result


@pytest.fixture
def role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Role:
    """A role and a host, over a connection that costs nothing."""
    made = Role(tmp_path / "role", place(tmp_path / "host", monkeypatch))

    def ask(_: object, program: object, request: dict[str, Any]) -> dict[str, Any]:
        assert program is agent
        made.sent.append(request)
        return agent.answer(request)

    monkeypatch.setattr(steady_state.remote, "ask", ask)
    return made


def test_the_first_run_changes_and_the_second_does_not(role: Role) -> None:
    (role.path / "templates/a.j2").write_text("{{ greeting }} from {{ template_destpath }}\n")
    (role.path / "files/b").write_bytes(b"\xff\x00")
    role.host.units["a.service"] = dict(RUNS)
    target = role.host.path("a")
    wanted = {
        "files": [
            {"path": target, "template": "a.j2", "restarts": ["a.service"]},
            {"path": role.host.path("b"), "source": "b"},
        ]
    }
    foretold = role.run({"greeting": "hello"}, check=True, **wanted)
    result = role.run({"greeting": "hello"}, **wanted)
    assert foretold == result
    assert result["changed"] is True
    assert result["items"] == [
        {"kind": "files", "name": target, "change": "created"},
        {"kind": "files", "name": role.host.path("b"), "change": "created"},
        {"kind": "units", "name": "a.service", "change": "restart"},
    ]
    assert result["diff"][0] == {
        "before_header": f"files: {target}",
        "after_header": f"files: {target} (created)",
        "before": "",
        "after": f"hello from {target}\n",
    }
    assert (role.host.root / "b").read_bytes() == b"\xff\x00"
    again = role.run({"greeting": "hello"}, **wanted)
    assert (again["changed"], again["items"], "diff" in again) == (False, [], False)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ ansible_managed }}\n", "Ansible managed\n"),
        ("{{ 0 }}", "0"),
        ("{{ [] | length }}", "0"),
        ("{{ false }}", "False"),
        ("{{ none }}", ""),
        ("", ""),
        ("a\n\n", "a\n\n"),
        ("{% if true %}\na\n{% endif %}\n", "a\n"),
        ("{{ word }}\\n\n", "wörd\\n\n"),
        ("{{ nested }}", "wörd!"),
        ("{% include 'other.j2' %}", "from the other"),
        ("{{ raw }}", "{{ word }}"),
        ("{{ template_path }} {{ template_fullpath | basename }}", "a.j2 a.j2"),
        ("{{ template_host }} {{ template_uid }}", f"{os.uname().nodename} {pwd.getpwuid(os.getuid()).pw_name}"),
        ("{{ template_mtime.year > 2000 }} {{ template_run_date.year > 2000 }}", "True True"),
    ],
)
def test_templates_are_what_ansible_makes_of_them(role: Role, text: str, rendered: str) -> None:
    (role.path / "templates/a.j2").write_text(text)
    (role.path / "templates/other.j2").write_text("from the other\n")
    variables = {"word": "wörd", "nested": trust_as_template("{{ word }}!"), "raw": "{{ word }}"}
    role.run(variables, files=[{"path": role.host.path("f"), "template": "a.j2"}])
    assert (role.host.root / "f").read_text() == rendered


def test_what_a_template_says_of_its_manager_can_be_chosen(role: Role) -> None:
    (role.path / "templates/a.j2").write_text("{{ ansible_managed }}")
    role.run({"ansible_managed": "Ours"}, files=[{"path": role.host.path("f"), "template": "a.j2"}])
    assert (role.host.root / "f").read_text() == "Ours"


def test_settings_are_kept_in_a_file(role: Role) -> None:
    (role.host.root / "sys/net").mkdir()
    for name in ("b", "a"):
        (role.host.root / "sys/net" / name).write_text("0\n")
    role.run(sysctls={"net.b": 2, "net.a": 1}, sysctl_file=role.host.path("60-x.conf"))
    assert (role.host.root / "60-x.conf").read_text() == "net.a = 1\nnet.b = 2\n"
    assert (role.host.root / "sys/net/b").read_text() == "2"


def test_what_cannot_be_said_is_never_sent(role: Role) -> None:
    with pytest.raises(AnsibleActionFail) as caught:
        role.run(files=[{"path": "x"}], pakages=[])
    assert str(caught.value).splitlines()[:2] == [
        "the task's arguments cannot be used:",
        "pakages: no such option; did you mean packages?",
    ]
    assert role.sent == []


def test_all_templates_that_fail_are_told_and_nothing_is_sent(role: Role) -> None:
    (role.path / "templates/a.j2").write_text("{{ nowhere }}")
    files = [
        {"path": "/srv/a", "template": "a.j2"},
        {"path": "/srv/b", "template": "lost.j2"},
        {"path": "/srv/c", "source": "lost"},
    ]
    with pytest.raises(AnsibleActionFail) as caught:
        role.run(files=files)
    message = str(caught.value)
    assert message.startswith("nothing was sent to the host:\nfiles (/srv/a): ")
    assert "'nowhere' is undefined" in message
    assert "files (/srv/b): " in message
    assert "files (/srv/c): " in message
    assert role.sent == []


def test_a_secret_template_that_fails_quotes_nothing(role: Role) -> None:
    (role.path / "templates/a.j2").write_text("{{ 'hunter2' + nowhere }}")
    with pytest.raises(AnsibleActionFail) as caught:
        role.run(files=[{"path": "/srv/a", "template": "a.j2", "no_log": True}])
    assert str(caught.value) == "nothing was sent to the host:\nfiles (/srv/a): its rendering failed"


def test_content_that_is_not_text(role: Role) -> None:
    item = {"path": role.host.path("f"), "content_base64": "AP8=", "no_log": True}
    assert role.run(files=[item])["changed"]
    assert (role.host.root / "f").read_bytes() == b"\0\xff"
    assert role.task.args["files"] == [item | {"content_base64": "(hidden)"}]


def test_no_callback_sees_a_secret_content(role: Role) -> None:
    item = {"path": role.host.path("f"), "content": "hunter2", "no_log": True}
    result = role.run(files=[item])
    assert (role.host.root / "f").read_text() == "hunter2"
    assert "hunter2" not in repr(result) + repr(role.task.args)
    assert role.task.args["files"] == [item | {"content": "(hidden)"}]


def test_a_second_attempt_is_the_same_call(role: Role) -> None:
    """`until` and `retries` run the action again on the same task."""
    action = role.load(files=[{"path": role.host.path("f"), "content": "secret", "no_log": True}])
    first, second = action.run(task_vars={}), action.run(task_vars={})
    assert role.sent[0]["files"] == role.sent[1]["files"] != []
    assert (first["changed"], second["changed"]) == (True, False)


def test_handlers_of_what_changed_are_notified(role: Role) -> None:
    for name in ("d/foreign", "e/foreign"):
        (role.host.root / name).parent.mkdir()
        (role.host.root / name).touch()
    (role.host.root / "same").write_text("x")
    role.run(
        directories=[
            {"path": role.host.path("d"), "exclusive": True, "notify": ["emptied"]},
            {"path": role.host.path("e"), "notify": ["never"]},
        ],
        absent=[role.host.path("e/foreign")],
        files=[
            {"path": role.host.path("f"), "content": "x", "notify": ["written", "both"]},
            {"path": role.host.path("g"), "content": "x", "notify": "both"},
            {"path": role.host.path("same"), "content": "x", "notify": "never"},
        ],
    )
    assert role.task.notify == ["emptied", "written", "both"]


def test_the_task_s_own_handlers_stay(role: Role) -> None:
    action = role.load(files=[{"path": role.host.path("f"), "content": "x", "notify": "mine"}])
    role.task.notify = ["of the task"]
    action.run(task_vars={})
    assert role.task.notify == ["of the task", "mine"]


def test_a_failure_tells_what_was_done_before(role: Role) -> None:
    role.host.fails("groupadd", "no")
    result = role.run(packages=["jq"], groups=["g"])
    assert result["failed"] is True
    assert result["msg"].startswith("groups: g: `groupadd` ended with 1")
    assert result["items"] == [{"kind": "packages", "name": "jq", "change": "installed"}]


def test_without_diff_none_is_asked_for(role: Role) -> None:
    result = role.run(diff=False, files=[{"path": role.host.path("f"), "content": "x"}])
    assert role.sent[0]["diff"] is False
    assert "diff" not in result


def test_the_documentation_has_the_same_options_keys_and_defaults() -> None:
    documented = yaml.safe_load(DOCUMENTATION)["options"]
    assert documented.keys() == arguments.OPTIONS
    for option, keys in arguments.ITEMS.items():
        shown = documented[option]["suboptions"]
        assert shown.keys() == keys.keys(), option
        for name, key in keys.items():
            default = list(key.default) if isinstance(key.default, tuple) else key.default
            assert shown[name].get("default") == default, f"{option}.{name}"
            assert shown[name].get("required", False) == key.required, f"{option}.{name}"
            assert (shown[name]["type"] == "list") == key.is_list, f"{option}.{name}"
