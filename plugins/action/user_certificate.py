"""The controller's side of `aurore.infra.user_certificate`: decides, has the token sign, enters. See modules/."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint, key_material
from ansible_collections.aurore.infra.plugins.module_utils.model.problems import ModelError
from ansible_collections.aurore.infra.plugins.module_utils.options import documented
from ansible_collections.aurore.infra.plugins.module_utils.register import certificate as certificates
from ansible_collections.aurore.infra.plugins.module_utils.register import file, pinentry, signing, store, token
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
        self._task.args = {name: value for name, value in self._task.args.items() if value is not None}
        _, options = self.validate_argument_spec(documented(DOCUMENTATION))
        if self._task.check_mode:
            raise AnsibleActionFail(
                "a signature cannot be foretold: nothing is signed in check mode. Run without --check"
            )
        register = store.Register(Path(options["register"]))
        try:
            with register.locked():
                before = register.text
                line, is_new = self._certificate(register, options)
        except (signing.RefusedError, token.TokenError, pinentry.PinentryError) as error:
            raise AnsibleActionFail(str(error)) from None
        except (certificates.CertificateError, ModelError, OSError) as error:
            raise AnsibleActionFail(f"the register cannot be used, and nothing was signed: {error}") from None
        said = {name: value for name, value in line._asdict().items() if value is not None}
        return result | {
            "changed": True,
            "is_new": is_new,
            "certificate": said | {"since": str(line.since), "until": str(line.until)},
            "path": str(register.directory / file.published_name(line.serial, line.person)),
            "diff": {
                "before_header": str(register.path),
                "after_header": str(register.path),
                "before": before,
                "after": register.text,
            },
        }

    def _certificate(self, register: store.Register, options: dict[str, Any]) -> tuple[file.Line, bool]:
        """Return what was entered, and whether it was signed only now."""
        nick = options["person"]
        for line in register.complete([fingerprint(one) for one in options["authorities"]]):
            self._display.warning(f"the certificate {line.serial} of {line.person} had no line yet; it was added")
            if line.person == nick:
                return line, False
        request = signing.request(
            nick,
            options["people"],
            register.certificates,
            authority=options["authority"],
            today=datetime.now(UTC).date(),
            key=options["key"],
            published=register.published_serials,
            is_wanted_again=options["again"],
        )
        text = self._sign(request, options)
        check(request, certificates.read(text))
        return register.enter(text), True

    def _sign(self, request: Request, options: dict[str, Any]) -> str:
        """Return the signed certificate."""
        line = request.line
        what = (
            f"{line.person}, number {line.serial}, opens {' '.join(line.principals)} from {line.since} to {line.until}"
        )
        self._display.display(f"Certificate: {what}\nKey:         {line.key}")

        def ask(label: str) -> str:
            prompt = f"PIN of the token '{label}'"
            if options["pin_from"] == "pinentry":
                return pinentry.ask(f"Certificate: {what}", prompt)
            return self._ask(prompt)

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
        pin = answer.decode()
        if not pin:
            raise token.TokenError("no PIN was given: nothing was signed")
        return pin


def check(request: Request, made: certificates.Certificate) -> None:
    """Make sure that a certificate is what was asked for, before anybody gets it.

    Raises:
        CertificateError: It is something else.
    """
    if store.line_of(made) != request.line or not made.is_signed or made.critical_options:
        raise certificates.CertificateError(f"the token signed something else than was asked for: {made}")
