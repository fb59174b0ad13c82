"""The controller's side of `aurore.infra.emergency_certificate`. Documented in modules/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils.model.problems import ModelError
from ansible_collections.aurore.infra.plugins.module_utils.options import validated
from ansible_collections.aurore.infra.plugins.module_utils.register import emergency, issuing, signing
from ansible_collections.aurore.infra.plugins.module_utils.register.certificate import CertificateError
from ansible_collections.aurore.infra.plugins.modules.emergency_certificate import DOCUMENTATION

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.register.signing import Request


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Signs a person's key with the emergency authority."""

    TRANSFERS_FILES = False
    _supports_check_mode = True  # in order to refuse it

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = validated(self, DOCUMENTATION)
        if self._task.check_mode:
            raise AnsibleActionFail("a signature cannot be foretold: nothing is signed in check mode")
        try:
            issued = issuing.issue(
                options,
                options["authorities"],
                options["authority"],
                lambda request: self._sign(request, options["entry"], task_vars or {}),
                is_wanted_again=True,
                until=emergency.last_day,
            )
        except (signing.RefusedError, emergency.EmergencyError) as error:
            raise AnsibleActionFail(str(error)) from None
        except (CertificateError, ModelError, OSError) as error:
            raise AnsibleActionFail(f"the register cannot be used: {error}") from None
        return result | issued.result(Path(options["register"]))

    def _sign(self, request: Request, entry: str, task_vars: dict[str, Any]) -> str:
        """Return the signed certificate."""
        lookup = self._shared_loader_obj.lookup_loader.get(
            "aurore.infra.secret", loader=self._loader, templar=self._templar
        )
        try:
            private: str = lookup.run([entry], variables=task_vars, whole=True)[0]
        except AnsibleError as problem:
            raise emergency.EmergencyError(f"the emergency authority's key is needed. {problem}") from None
        self._display.display(str(request))
        shares = [self._ask(number) for number in range(1, emergency.THRESHOLD + 1)]
        return emergency.sign(request, private, shares)

    def _ask(self, number: int) -> str:
        """Ask one of the holders for a share, without showing what is typed."""
        prompt = f"Share {number} of {emergency.THRESHOLD}, typed by its holder (nothing is shown): "
        try:
            answer: bytes = self._display.prompt_until(prompt, private=True)
        except AnsibleError:
            raise emergency.EmergencyError("there is no terminal on which to ask for the shares") from None
        return answer.decode()
