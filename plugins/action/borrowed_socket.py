"""The controller's side of `aurore.infra.borrowed_socket`. Documented in modules/."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader
from ansible_collections.aurore.infra.plugins.module_utils.options import validated
from ansible_collections.aurore.infra.plugins.module_utils.wire import agent, controller
from ansible_collections.aurore.infra.plugins.modules.borrowed_socket import DOCUMENTATION

if TYPE_CHECKING:
    from collections.abc import Mapping


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Runs a command at the end of a wire."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = validated(self, DOCUMENTATION)
        if self._task.check_mode:
            return result | {"skipped": True, "msg": "A command is not run in check mode."}
        hostvars = (task_vars or {}).get("hostvars", {})
        if options["lender"] not in hostvars:
            raise AnsibleActionFail(
                f"the inventory has no {options['lender']}: give it to Ansible, -i {options['lender']},"
            )
        lender = self._reach(options["lender"], hostvars[options["lender"]])
        listen = controller.program(agent, "listen", options["socket"], options["user"])
        connect = controller.program(agent, "connect", options["lent_socket"], options["lent_user"])
        try:
            near = ("this host", controller.command(self._connection, listen))
            far = (options["lender"], controller.command(lender, connect))
            with controller.wire(near, far) as ends:
                # Without a terminal, which would have it page or ask.
                done = self._low_level_execute_command(shlex.join(options["argv"]), sudoable=False)
        except controller.WireError as error:
            raise AnsibleActionFail(str(error)) from None
        result |= {key: done[key] for key in ("rc", "stdout", "stdout_lines", "stderr")} | {"changed": True}
        if done["rc"]:
            said = [done["stderr"].strip() or done["stdout"].strip(), *(line for end in ends for line in end.said)]
            result |= {"failed": True, "msg": "\n".join(said)}
        return result

    def _reach(self, name: str, variables: Mapping[str, Any]) -> Any:
        """A connection to another host of the inventory, as its variables say."""
        kind = variables.get("ansible_connection", "ssh")
        connection = connection_loader.get(kind, self._play_context)
        names = constants.config.get_plugin_vars("connection", connection._load_name)
        found = {one: variables[one] for one in names if one in variables}
        connection.set_options(var_options={"inventory_hostname": name} | found)
        return connection
