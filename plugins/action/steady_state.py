"""The controller's side of `aurore.infra.steady_state`: renders, sends, reports. Documented in modules/."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent, arguments

# The same for every task, host and fork: read once, before Ansible forks.
_AGENT = Path(agent.__file__).read_text()


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Brings a host to the state that a role describes, in one round trip."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options, problems = arguments.parse(self._task.args)
        if problems:
            raise AnsibleActionFail("\n".join(["the task's arguments cannot be used:", *problems]))
        self._hide(options)
        files = [self._render(item, task_vars or {}, problems) for item in options["files"]]
        if problems:
            raise AnsibleActionFail("\n".join(["nothing was sent to the host:", *problems]))
        if options["sysctls"]:
            files.append(sysctl_file(options["sysctl_file"], options["sysctls"]))
        answer = self._send(options | {"files": files, "check": bool(self._task.check_mode)})
        self._notify(answer["changes"], options["files"])
        return result | report(answer)

    def _hide(self, options: arguments.Item) -> None:
        """Keep the content of secret files out of what callbacks show of the task."""
        if any(item["no_log"] and item["content"] is not None for item in options["files"]):
            self._task.args = {name: value for name, value in self._task.args.items() if name != "files"}

    def _render(self, item: arguments.Item, task_vars: dict[str, Any], problems: list[str]) -> arguments.Item:
        """Return a file's item with its content, in base 64."""
        try:
            if item["template"] is not None:
                content = self._template(item["template"], item["path"], task_vars).encode()
            elif item["source"] is not None:
                content = Path(self._find_needle("files", item["source"])).read_bytes()
            else:
                content = item["content"].encode()
        except AnsibleError as error:
            # Ansible's message quotes the expression that failed, which in a secret file may be the secret.
            problems.append(f"files ({item['path']}): {'its rendering failed' if item['no_log'] else error}")
            content = b""
        sent = {
            key: item[key] for key in ("path", "owner", "group", "mode", "validate", "restarts", "reloads", "no_log")
        }
        return sent | {"content": base64.b64encode(content).decode()}

    def _template(self, name: str, path: str, task_vars: dict[str, Any]) -> str:
        """Render a template as ansible.builtin.template does with its defaults."""
        source = self._find_needle("templates", name)
        search = [*task_vars.get("ansible_search_path", []), self._loader.get_basedir(), str(Path(source).parent)]
        templar = self._templar.copy_with_new_env(
            searchpath=[one for place in search for one in (f"{place}/templates", place)],
            available_variables=task_vars | {"template_destpath": path, "template_path": name},
        )
        text = trust_as_template(self._loader.get_text_file_contents(source))
        return str(templar.template(text, escape_backslashes=False, overrides={"trim_blocks": True}) or "")

    def _send(self, request: arguments.Item) -> arguments.Item:
        """Have the agent serve the request on the host."""
        program = f"{_AGENT}\n\nmain({json.dumps(request)!r})\n"
        done = self._low_level_execute_command("/usr/bin/python3 -I -", in_data=program.encode())
        try:
            # The last line: a login may greet before.
            answer: arguments.Item = json.loads(done["stdout"].splitlines()[-1])
        except (IndexError, ValueError):
            said = [*done["stdout"].splitlines(), *done["stderr"].splitlines(), f"exit status {done['rc']}"]
            raise AnsibleActionFail(
                f"/usr/bin/python3 on the host did not answer: {' / '.join(said[-3:])}. Is it installed (package "
                "python3-minimal), and does the connection support pipelining?"
            ) from None
        return answer

    def _notify(self, changes: list[arguments.Item], files: list[arguments.Item]) -> None:
        """Add the handlers of the files that changed to those of the task."""
        changed = {change["name"] for change in changes if change["kind"] == "files"}
        handlers = [name for item in files if item["path"] in changed for name in item["notify"]]
        if handlers:
            self._task.notify = list(dict.fromkeys([*(self._task.notify or []), *handlers]))


def sysctl_file(path: str, settings: dict[str, str]) -> arguments.Item:
    """Return the file that sets the kernel's settings at boot."""
    text = "".join(f"{name} = {value}\n" for name, value in sorted(settings.items()))
    return {
        "path": path,
        "content": base64.b64encode(text.encode()).decode(),
        "owner": "root",
        "group": "root",
        "mode": "0644",
        "validate": None,
        "restarts": [],
        "reloads": [],
        "no_log": False,
    }


def report(answer: arguments.Item) -> dict[str, Any]:
    """Turn the agent's answer into a result: what changed, the differences, and what failed."""
    changes: list[arguments.Item] = answer["changes"]
    result: dict[str, Any] = {
        "changed": bool(changes),
        "items": [{key: change[key] for key in ("kind", "name", "what")} for change in changes],
        "diff": [
            {
                "before_header": f"{change['kind']}: {change['name']}",
                "after_header": f"{change['kind']}: {change['name']} ({change['what']})",
                "before": change["before"],
                "after": change["after"],
            }
            for change in changes
        ],
    }
    if "problem" in answer:
        result |= {"failed": True, "msg": answer["problem"]}
    return result
