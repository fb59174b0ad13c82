"""The controller's side of `aurore.infra.user_token`. Documented in modules/."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint, key_material
from ansible_collections.aurore.infra.plugins.module_utils.options import validated
from ansible_collections.aurore.infra.plugins.module_utils.register import token
from ansible_collections.aurore.infra.plugins.modules.user_token import DOCUMENTATION


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Tells which authority the token holds."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = validated(self, DOCUMENTATION)
        try:
            held = token.public_keys(options["provider"])
        except token.TokenError as error:
            raise AnsibleActionFail(str(error)) from None
        authority = next((one for one in options["authorities"] if key_material(one) in held), None)
        if authority is None:
            known = ", ".join(map(fingerprint, options["authorities"])) or "none yet"
            raise AnsibleActionFail(
                f"the token holds {', '.join(map(fingerprint, held))}, which is no user authority of the model "
                f"({known}): plug the right one in, or put its key into inventory/model/fleet.yml, authorities, users"
            )
        return result | {"changed": False, "authority": authority, "fingerprint": fingerprint(authority)}
