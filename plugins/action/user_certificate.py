"""The controller's side of `aurore.infra.user_certificate`: decides, has the token sign, enters. See modules/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import key_material
from ansible_collections.aurore.infra.plugins.module_utils.model.problems import ModelError
from ansible_collections.aurore.infra.plugins.module_utils.options import validated
from ansible_collections.aurore.infra.plugins.module_utils.register import issuing, pinentry, signing, token
from ansible_collections.aurore.infra.plugins.module_utils.register.certificate import CertificateError
from ansible_collections.aurore.infra.plugins.modules.user_certificate import DOCUMENTATION

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.register.signing import Request

EXTENSIONS = {"agent": "permit-agent-forwarding", "tcp": "permit-port-forwarding", "x11": "permit-X11-forwarding"}
"""What allows to forward something."""


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Signs a person's key."""

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
                lambda request: self._sign(request, options),
                is_wanted_again=options["again"],
            )
        except (signing.RefusedError, token.TokenError, pinentry.PinentryError) as error:
            raise AnsibleActionFail(str(error)) from None
        except (CertificateError, ModelError, OSError) as error:
            raise AnsibleActionFail(f"the register cannot be used: {error}") from None
        for line in issued.completed:
            self._display.warning(f"the certificate {line.serial} of {line.person} had no line yet; it was added")
        return result | issued.result(Path(options["register"]))

    def _sign(self, request: Request, options: dict[str, Any]) -> str:
        """Return the signed certificate."""
        self._display.display(str(request))

        def ask(label: str) -> str:
            prompt = f"PIN of the token '{label}'"
            return pinentry.ask(str(request), prompt) if options["pin_from"] == "pinentry" else self._ask(prompt)

        extensions = ["permit-pty", *(EXTENSIONS[name] for name in options["forwarding"])]
        return token.sign(request, options["provider"], key_material(options["authority"]), extensions, ask)

    def _ask(self, prompt: str) -> str:
        """Ask on the terminal of ansible-playbook, without showing what is typed."""
        try:
            answer: bytes = self._display.prompt_until(f"{prompt}: ", private=True)
        except AnsibleError:
            raise token.TokenError(
                "there is no terminal on which to ask for the PIN: nothing was signed. Run this in a terminal, or with "
                "-e pin_from=pinentry"
            ) from None
        if not answer:
            raise token.TokenError("no PIN was given: nothing was signed")
        return answer.decode()
