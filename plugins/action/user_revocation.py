"""The controller's side of `aurore.infra.user_revocation`. Documented in modules/."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils.model.problems import ModelError
from ansible_collections.aurore.infra.plugins.module_utils.options import validated
from ansible_collections.aurore.infra.plugins.module_utils.register import file, store
from ansible_collections.aurore.infra.plugins.modules.user_revocation import DOCUMENTATION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import UserCertificate

SELECTORS = ("person", "serials", "authority")


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Marks certificates as revoked."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = validated(self, DOCUMENTATION, mutually_exclusive=[SELECTORS], required_one_of=[SELECTORS])
        register = store.Register(Path(options["register"]))
        today = datetime.now(UTC).date()
        try:
            with register.locked():
                before = register.text
                serials = chosen(file.read(before), options)
                after = file.revoked(before, serials, today, options["reason"])
                if after != before and not self._task.check_mode:
                    store.write(register.path, after)
        except (ModelError, OSError, ValueError) as error:
            raise AnsibleActionFail(f"nothing was revoked: {error}") from None
        headers = {"before_header": str(register.path), "after_header": str(register.path)}
        return result | {
            "changed": after != before,
            "revoked": serials,
            "diff": headers | {"before": before, "after": after},
        }


def chosen(certificates: Iterable[UserCertificate], options: dict[str, Any]) -> list[int]:
    """The serial numbers that are meant, of what is not revoked yet.

    Raises:
        ValueError: Nothing is known of what was named.
    """
    listed = list(certificates)
    if options["serials"] is not None:
        wanted = set(options["serials"])
        if unknown := sorted(wanted - {one.serial for one in listed}):
            raise ValueError(f"the register has no certificate {', '.join(map(str, unknown))}")
        named = [one for one in listed if one.serial in wanted]
    else:
        key = "person" if options["person"] is not None else "authority"
        named = [one for one in listed if getattr(one, key) == options[key]]
        if not named:
            raise ValueError(f"the register has no certificate whose {key} is {options[key]}")
    return [one.serial for one in named if one.revoked is None]
