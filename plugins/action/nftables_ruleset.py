"""The controller's side of `aurore.infra.nftables_ruleset`. Documented in modules/."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils import remote
from ansible_collections.aurore.infra.plugins.module_utils.nftables import agent


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Brings the rules that the kernel has loaded to what a ruleset says."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec({"ruleset": {"type": "str", "required": True}})
        answer = remote.ask(self, agent, {"ruleset": options["ruleset"], "check": bool(self._task.check_mode)})
        if "problem" in answer:
            raise AnsibleActionFail(f"nft refused the ruleset: {answer['problem']}")
        headers = {"before_header": "rules loaded now", "after_header": "rules as they must be"}
        return result | {
            "changed": answer["changed"],
            "diff": [headers | {"before": answer["before"], "after": answer["after"]}] if answer["changed"] else [],
        }
