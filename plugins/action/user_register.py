"""The controller's side of `aurore.infra.user_register`. Documented in modules/."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils.model.problems import ModelError
from ansible_collections.aurore.infra.plugins.module_utils.options import validated
from ansible_collections.aurore.infra.plugins.module_utils.register import audit, deployed, store
from ansible_collections.aurore.infra.plugins.modules.user_register import DOCUMENTATION

if TYPE_CHECKING:
    from collections.abc import Iterator


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Checks the register."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = validated(self, DOCUMENTATION)
        try:
            problems = list(_problems(options, datetime.now(UTC).date()))
        except (ModelError, OSError) as error:
            raise AnsibleActionFail(f"the register cannot be read: {error}") from None
        result |= {"changed": False, "problems": problems}
        return result | ({"failed": True, "msg": "\n".join(problems)} if problems else {})


def _problems(options: dict[str, Any], today: date) -> Iterator[str]:
    register = store.Register(Path(options["register"]))
    for problem in audit.problems(
        register.certificates,
        register.published,
        authorities=options["authorities"],
        ends={person["nick"]: date.fromisoformat(person["until"]) for person in options["people"]},
        today=today,
    ):
        yield str(problem.below(options["register"]))
    lists = options["revocation_lists"]
    contents = {host: None if text is None else base64.b64decode(text) for host, text in lists.items()}
    yield from deployed.outdated(contents, options["certificates"], today, options["max_age_days"])
    for login in options["logins"]:
        where = f"{login['host']}: a login at {login['at']} from {login['origin'] or 'somewhere'}"
        said = (
            f"serial {login['serial'] or 'none'}, {login['id'] or 'nobody'}, signed by {login['authority'] or 'nobody'}"
        )
        yield f"{where} that the register does not explain: {said}"
