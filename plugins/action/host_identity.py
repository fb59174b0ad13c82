"""The controller's side of `aurore.infra.host_identity`: asks the host, decides, signs. Documented in modules/."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils import remote
from ansible_collections.aurore.infra.plugins.module_utils.identity import agent, certificate, keys, plan, ssh, tls
from ansible_collections.aurore.infra.plugins.module_utils.options import validated
from ansible_collections.aurore.infra.plugins.modules.host_identity import DOCUMENTATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

# Where the host notes which units must still notice that files changed.
JOURNAL = "/var/lib/aurore/host_identity.json"
OWNER = "root"


@contextmanager
def _speaking_of(subject: str) -> Iterator[None]:
    """Make problems name what they are about."""
    try:
        yield
    except certificate.IdentityError as problem:
        raise AnsibleActionFail(f"{subject}: {problem}") from problem


def _desired(options: dict[str, Any], at: datetime) -> plan.Desired:
    """Return the task's options as what the plan works with."""
    host, ssh_options, tls_options = options["identity"], options["ssh"], options["tls"]
    with _speaking_of(host):
        wanted = certificate.Wanted.of(
            host, options["names"], options["addresses"], options["valid_days"], options["renew_before_days"]
        )
    for kind in ("ssh", "tls"):
        if not options[kind]["authority"]:
            raise AnsibleActionFail(
                f"{host}: {kind}.authority: there is none yet. Make one, put its private half into the store as "
                f"{options[kind]['entry']!r} and its public half into inventory/model/fleet.yml, authorities."
            )
    with _speaking_of(f"{host}: ssh.authority"):
        ssh_authority = keys.public_key(ssh_options["authority"])
    with _speaking_of(f"{host}: tls.authority"):
        tls_authority = tls.authority(tls_options["authority"], at)
    return plan.Desired(
        wanted=wanted,
        layout=plan.Layout(
            ssh_key=ssh_options["key"],
            tls_directory=tls_options["directory"],
            tls_group=tls_options["group"],
            ssh_units={"reload": ssh_options["reloads"], "restart": ssh_options["restarts"]},
            tls_units={"reload": tls_options["reloads"], "restart": tls_options["restarts"]},
            journal=JOURNAL,
            owner=OWNER,
            has_nameless=tls_options["nameless"],
        ),
        ssh_authority=ssh_authority,
        tls_authority=tls_authority,
        tls_bundle=tls_options["authority"].strip() + "\n",
    )


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Brings a host's keys and certificates to what the model wants."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = validated(self, DOCUMENTATION)
        is_check = bool(self._task.check_mode)
        at = certificate.now()
        desired = _desired(options, at)
        host, layout = desired.wanted.identity, desired.layout

        state: agent.Inspected = self._ask(host, "inspect", layout.inspection(host, create=not is_check))
        with _speaking_of(host):
            planned = plan.plan(state, desired, at)
        for warning in planned.warnings:
            self._display.warning(f"{host}: {warning}")
        done: dict[str, str] = {}
        if planned.changed and not is_check:

            def sign(request: plan.ToSign) -> str:
                return self._sign(request, options[request.kind]["entry"], desired, task_vars or {})

            done = self._ask(host, "install", plan.installation(planned, layout, sign))
        return result | plan.report(planned, done)

    def _ask(self, host: str, operation: str, request: Mapping[str, Any]) -> Any:
        """Have the agent answer a request on the host: one round trip."""
        reply = remote.ask(self, agent, {"operation": operation, "request": request})
        if "problem" in reply:
            raise AnsibleActionFail(f"{host}: {reply['problem']}")
        return reply["answer"]

    def _sign(self, request: plan.ToSign, entry: str, desired: plan.Desired, task_vars: dict[str, Any]) -> str:
        """Return a signed certificate. Only here is a secret read."""
        wanted, issuer = desired.wanted, desired.tls_authority
        lookup = self._shared_loader_obj.lookup_loader.get(
            "aurore.infra.secret", loader=self._loader, templar=self._templar
        )
        try:
            secret: str = lookup.run([entry], variables=task_vars, whole=True)[0]
        except AnsibleError as problem:
            raise AnsibleActionFail(
                f"{wanted.identity}: its {request.kind.upper()} certificate must be signed. {problem}"
            ) from problem
        assert request.key, "only check mode plans certificates for keys that are not there"
        with _speaking_of(f"{wanted.identity}: the secret {entry!r}"):
            if request.kind == "ssh":
                authority = keys.private_key(secret, desired.ssh_authority)
                return ssh.issue(request.key, request.content, wanted, authority)
            authority = keys.private_key(secret, issuer.key)
            return tls.issue(request.key, request.content, wanted, issuer, authority)
