"""The controller's side of `aurore.infra.steady_state`: renders, sends, reports. Documented in modules/."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import generate_ansible_template_vars, trust_as_template
from ansible_collections.aurore.infra.plugins.module_utils import remote
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent, arguments


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Brings a host to the state that a role describes, in one round trip."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options, problems = arguments.parse(self._arguments())
        if problems:
            raise AnsibleActionFail("\n".join(["the task's arguments cannot be used:", *problems]))
        files = [self._render(item, task_vars or {}, problems) for item in options["files"]]
        if problems:
            raise AnsibleActionFail("\n".join(["nothing was sent to the host:", *problems]))
        if options["sysctls"]:
            files.append(sysctl_file(options["sysctl_file"], options["sysctls"]))
        modes = {"check": bool(self._task.check_mode), "diff": bool(self._task.diff)}
        answer = remote.ask(self, agent, options | {"files": files} | modes)
        self._notify(answer["changes"], options)
        return result | report(answer)

    def _arguments(self) -> dict[str, Any]:
        """Return the task's arguments; those that callbacks get to see lose the content of secret files."""
        # `until` runs the same task again.
        given: dict[str, Any] = getattr(self._task, "_steady_state", self._task.args)
        self._task._steady_state = given
        files = given.get("files")
        if isinstance(files, list | tuple):
            self._task.args = given | {"files": [hidden(item) for item in files]}
        return given

    def _render(self, item: arguments.Item, task_vars: dict[str, Any], problems: list[str]) -> arguments.Item:
        """Return a file's item with its content, in base 64."""
        content = b""
        try:
            if item["template"] is not None:
                content = self._template(item["template"], item["path"], task_vars).encode()
            elif item["source"] is not None:
                content = Path(self._find_needle("files", item["source"])).read_bytes()
            elif item["content"] is not None:
                content = item["content"].encode()
            else:
                content = base64.b64decode(item["content_base64"])
        except (AnsibleError, OSError, UnicodeError) as error:
            # Ansible's message quotes the expression that failed, which in a secret file may be the secret.
            problems.append(f"files ({item['path']}): {'its rendering failed' if item['no_log'] else error}")
        sent = {
            key: value for key, value in item.items() if key not in {"template", "source", "content_base64", "notify"}
        }
        return sent | {"content": base64.b64encode(content).decode()}

    def _template(self, name: str, path: str, task_vars: dict[str, Any]) -> str:
        """Render a template as ansible.builtin.template does with its defaults."""
        source = self._find_needle("templates", name)
        search = [*task_vars.get("ansible_search_path", []), self._loader.get_basedir(), str(Path(source).parent)]
        about = generate_ansible_template_vars(name, source, path)
        managed = {"ansible_managed": about.pop("ansible_managed")}  # the one of them that people may set
        templar = self._templar.copy_with_new_env(
            searchpath=[one for place in search for one in (f"{place}/templates", place)],
            available_variables=managed | task_vars | about,
        )
        text = trust_as_template(self._loader.get_text_file_contents(source))
        rendered = templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True})
        return "" if rendered is None else str(rendered)

    def _notify(self, changes: list[arguments.Item], options: arguments.Item) -> None:
        """Add the handlers of the paths that changed to those of the task."""
        changed = {change["name"] for change in changes}
        # What was removed from an exclusive directory is the directory's affair.
        emptied = {str(Path(change["name"]).parent) for change in changes if change["kind"] == "absent"}
        handlers = [
            handler
            for option in arguments.PATHS
            for item in options[option]
            if item["path"] in changed or (item.get("exclusive") and item["path"] in emptied)
            for handler in item["notify"]
        ]
        if handlers:
            self._task.notify = list(dict.fromkeys([*(self._task.notify or []), *handlers]))


def hidden(item: Any) -> Any:
    """Return a file's item without its content, if that is secret."""
    if not isinstance(item, dict) or item.get("no_log") in (None, False):
        return item
    return {key: "(hidden)" if key in {"content", "content_base64"} else value for key, value in item.items()}


def sysctl_file(path: str, settings: list[arguments.Item]) -> arguments.Item:
    """Return the file that sets the kernel's settings at boot."""
    text = "".join(
        f"{item['name']} = {item['value']}\n" for item in sorted(settings, key=lambda item: str(item["name"]))
    )
    return {
        "path": path,
        "content": base64.b64encode(text.encode()).decode(),
        "owner": "root",
        "group": "root",
        "mode": "0644",
        "validate": None,
        "no_log": False,
    }


def report(answer: arguments.Item) -> dict[str, Any]:
    """Turn the agent's answer into a result: what changed, the differences if they were asked for, and what failed."""
    changes: list[arguments.Item] = answer["changes"]
    result: dict[str, Any] = {
        "changed": bool(changes),
        "items": [{"kind": change["kind"], "name": change["name"], "change": change["what"]} for change in changes],
    }
    if any("before" in change for change in changes):
        result["diff"] = [
            {
                "before_header": f"{change['kind']}: {change['name']}",
                "after_header": f"{change['kind']}: {change['name']} ({change['what']})",
                "before": change["before"],
                "after": change["after"],
            }
            for change in changes
        ]
    if "problem" in answer:
        result |= {"failed": True, "msg": answer["problem"]}
    return result
