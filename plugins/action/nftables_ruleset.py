"""The controller's side of `aurore.infra.nftables_ruleset`. Documented in modules/."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils import remote
from ansible_collections.aurore.infra.plugins.module_utils.nftables import agent
from ansible_collections.aurore.infra.plugins.module_utils.options import validated
from ansible_collections.aurore.infra.plugins.modules.nftables_ruleset import DOCUMENTATION


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Brings the rules that the kernel has loaded to what a ruleset says, and keeps them if they let us in."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = validated(self, DOCUMENTATION)
        seconds = options.pop("confirm_seconds")
        answer = self._ask(options | {"seconds": seconds, "check": bool(self._task.check_mode)})
        if "pending" in answer:
            self._confirm(answer["pending"], seconds)
        headers = {"before_header": "rules loaded now", "after_header": "rules as they must be"}
        return result | {
            "changed": answer["changed"],
            "diff": [headers | {"before": answer["before"], "after": answer["after"]}] if answer["changed"] else [],
        }

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = remote.ask(self, agent, request)
        if "problem" in answer:
            raise AnsibleActionFail(f"the ruleset was not loaded: {answer['problem']}")
        return answer

    def _confirm(self, pending: str, seconds: int) -> None:
        """Come in anew: a connection from before passes whatever the rules say."""
        self._connection.reset()
        try:
            self._ask({"pending": pending})
        except AnsibleConnectionFailure as error:
            raise AnsibleActionFail(
                f"with the new rules this host lets nobody in: {error}. After {seconds} s it goes back to the rules "
                "from before. See who may reach ssh in inventory/model/services.yml, and whether your address is in "
                "the network `control`"
            ) from error
