"""The controller's side of `aurore.infra.emergency_authority`. Documented in modules/."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils.options import validated
from ansible_collections.aurore.infra.plugins.module_utils.register import emergency
from ansible_collections.aurore.infra.plugins.modules.emergency_authority import DOCUMENTATION

CLEAR = "\N{ESCAPE}[2J\N{ESCAPE}[3J\N{ESCAPE}[H"
"""Clears a terminal, what was scrolled away too (ECMA-48, and xterm's extension)."""


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Makes the authority, and hands out its shares."""

    TRANSFERS_FILES = False
    _supports_check_mode = True  # in order to refuse it

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = validated(self, DOCUMENTATION)
        if self._task.check_mode:
            raise AnsibleActionFail("a key cannot be foretold: nothing is made in check mode")
        directory, entry = Path(options["directory"]).expanduser(), options["entry"]
        if (directory / f"{entry}.gpg").exists():
            raise AnsibleActionFail(
                f"the store has {entry} already, and whoever holds its shares may need it: nothing was made. To "
                f"replace it, remove it with `pass rm {entry}`, and its public key from inventory/model/fleet.yml"
            )
        try:
            authority = emergency.make(options["holders"])
            # Before it is in the store: a run that is interrupted here leaves nothing that opens anything.
            for number, share in enumerate(authority.shares, 1):
                self._hand_out(number, len(authority.shares), share)
        except emergency.EmergencyError as error:
            raise AnsibleActionFail(str(error)) from None
        _insert(directory, options["gnupg_home"], entry, authority.private)
        return result | {"changed": True, "public": authority.public}

    def _hand_out(self, number: int, holders: int, share: str) -> None:
        """Show a share to its holder, and await that it was written down and typed back."""
        words = share.split()
        rows = "\n".join("  " + " ".join(words[start : start + 5]) for start in range(0, len(words), 5))
        prompt = (
            f"{CLEAR}Share {number} of {holders}, for its holder alone. Write it on paper, and type it from there:\n\n"
            f"{rows}\n\n"
        )
        try:
            answer: bytes = self._display.prompt_until(prompt)
            if answer.decode().lower().split() != words:
                raise emergency.EmergencyError(
                    f"what was typed is not share {number}: nothing was made, and what was written down is void"
                )
        except AnsibleError:
            raise emergency.EmergencyError("there is no terminal on which to show the shares") from None
        finally:
            self._display.display(CLEAR)


def _insert(directory: Path, gnupg_home: str | None, entry: str, content: str) -> None:
    """Put an entry into the store.

    Raises:
        AnsibleActionFail: `pass` did not do it.
    """
    environment = os.environ | {"PASSWORD_STORE_DIR": str(directory)}
    if gnupg_home:
        environment["GNUPGHOME"] = gnupg_home
    done = subprocess.run(  # noqa: S603 (argv, no shell)
        ["pass", "insert", "--multiline", "--", entry],  # noqa: S607 (wherever the RT's system has it)
        env=environment,
        input=content,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AnsibleActionFail(f"the key was not put into the store: {' '.join(done.stderr.split())}")
