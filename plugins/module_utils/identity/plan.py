"""From what a host has and what the model says to the steps between them. Pure: no host, no secret, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ansible_collections.aurore.infra.plugins.module_utils.identity import ssh, tls
from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import (
    Certificate,
    IdentityError,
    draft,
    shortcomings,
)
from ansible_collections.aurore.infra.plugins.module_utils.identity.keys import fingerprint, public_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ansible_collections.aurore.infra.plugins.module_utils.identity.agent import (
        Attributes,
        Directory,
        Entry,
        File,
        Inspected,
        Inspection,
        Installation,
        Key,
        Units,
    )
    from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import Wanted
    from ansible_collections.aurore.infra.plugins.module_utils.identity.keys import PublicKey

NO_UNITS: Units = {"reload": [], "restart": []}
# Stands for the fingerprint of a key that check mode did not make.
NO_KEY_YET = "(made when this is applied)"


@dataclass(frozen=True)
class Layout:
    """Where things are on a host, whose they are, and which units read them."""

    ssh_key: str
    tls_directory: str
    tls_group: str
    ssh_units: Units
    tls_units: Units
    journal: str
    owner: str = "root"
    has_nameless: bool = False

    @property
    def ssh_public(self) -> str:
        """The public half, for people and for ssh-keygen: sshd does without."""
        return f"{self.ssh_key}.pub"

    @property
    def ssh_certificate(self) -> str:
        """The name that ssh-keygen gives to a certificate."""
        return f"{self.ssh_key}-cert.pub"

    @property
    def tls_key(self) -> str:
        """The TLS private key."""
        return f"{self.tls_directory}/host.key"

    @property
    def tls_certificate(self) -> str:
        """The TLS certificate."""
        return f"{self.tls_directory}/host.crt"

    @property
    def tls_nameless(self) -> str:
        """The certificate without a common name, for the same key."""
        return f"{self.tls_directory}/nameless.crt"

    @property
    def tls_authorities(self) -> str:
        """Whom the host's own clients trust."""
        return f"{self.tls_directory}/ca.crt"

    def attributes(self, path: str) -> Attributes:
        """Return who may do what with a path of the layout."""
        if path == self.ssh_key:
            return {"owner": self.owner, "group": self.owner, "mode": "0600"}
        if path == self.tls_key:
            mode = "0600" if self.tls_group == self.owner else "0640"
            return {"owner": self.owner, "group": self.tls_group, "mode": mode}
        return {"owner": self.owner, "group": self.owner, "mode": "0755" if path == self.tls_directory else "0644"}

    def units(self, path: str) -> Units:
        """Return the units that must notice when a path changes."""
        if path in {self.ssh_key, self.ssh_certificate}:
            return self.ssh_units
        return NO_UNITS if path in {self.ssh_public, self.tls_directory} else self.tls_units

    def _key(self, path: str, kind: str, form: str, identity: str) -> Key:
        return {
            **self.attributes(path),
            "path": path,
            "type": kind,
            "format": form,
            "comment": f"root@{identity}",
            "units": self.units(path),
        }

    def inspection(self, identity: str, *, create: bool) -> Inspection:
        """Return the request that reads a host; with `create`, missing private keys are made on the way."""
        return {
            "directories": [{**self.attributes(self.tls_directory), "path": self.tls_directory}],
            "keys": [
                self._key(self.ssh_key, "ed25519", "RFC4716", identity),
                # P-256, because whatever speaks TLS knows it; PKCS8, because whatever reads keys does.
                self._key(self.tls_key, "ecdsa", "PKCS8", identity),
            ],
            "files": [
                self.ssh_public,
                self.ssh_certificate,
                self.tls_certificate,
                *([self.tls_nameless] if self.has_nameless else []),
                self.tls_authorities,
            ],
            "journal": self.journal,
            "create": create,
        }


@dataclass(frozen=True)
class Desired:
    """What the model and the role want of a host."""

    wanted: Wanted
    layout: Layout
    ssh_authority: PublicKey
    tls_authority: tls.Authority
    tls_bundle: str


@dataclass(frozen=True)
class ToSign:
    """A certificate that an authority must sign. Its key is None only in check mode, which makes no key."""

    kind: Literal["ssh", "tls"]
    key: PublicKey | None
    content: Certificate


@dataclass(frozen=True)
class Step:
    """One thing to do, and why.

    `content` is a text to write, or a certificate to sign; None where only attributes change, and for keys, which the
    host made when they were missed.
    """

    kind: str
    path: str
    change: str
    reasons: tuple[str, ...]
    before: str
    after: str
    content: str | ToSign | None = None


@dataclass(frozen=True)
class Plan:
    """What to do on a host, in this order, and which units to make notice."""

    steps: tuple[Step, ...]
    units: Units
    pending: Units
    certificates: dict[str, Certificate]
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.steps or self.pending["reload"] or self.pending["restart"])


@dataclass
class _Planner:
    """Collects the steps."""

    state: Inspected
    desired: Desired
    at: datetime
    steps: list[Step] = field(default_factory=list)

    def entry(self, path: str, kind: str = "file") -> Entry | None:
        """Return what is at a path, which must be of the right kind."""
        entry = self.state["entries"][path]
        if entry and entry["kind"] != kind:
            raise IdentityError(f"{path} is there, but is not a {kind}: move it away")
        return entry

    def _drift(self, path: str, entry: Entry) -> tuple[str, str]:
        """Return the attributes of a path as lines, before and after, if they differ."""
        wanted = self.desired.layout.attributes(path)
        current: Attributes = {"owner": entry["owner"], "group": entry["group"], "mode": entry["mode"]}
        return ("", "") if current == wanted else (_lines(current), _lines(wanted))

    def keep(self, path: str, entry: Entry, kind: str) -> None:
        """Plan nothing for what is there but its attributes."""
        before, after = self._drift(path, entry)
        if before:
            self.steps.append(Step(kind, path, "permissions", ("its owner, group or mode differ",), before, after))

    def write(self, kind: str, path: str, reasons: list[str], diff: tuple[str, str], content: str | ToSign) -> None:
        """Plan to write a file, if there are reasons."""
        entry = self.entry(path)
        if entry and not reasons:
            self.keep(path, entry, kind)
            return
        before, after = self._drift(path, entry) if entry else ("", "")
        change = "replaced" if entry else "created"
        self.steps.append(Step(kind, path, change, tuple(reasons), before + diff[0], after + diff[1], content))

    def directory(self) -> None:
        """Plan the directory of what belongs to TLS."""
        path = self.desired.layout.tls_directory
        entry = self.entry(path, "directory")
        if entry and path not in self.state["created"]:
            self.keep(path, entry, "directory")
        else:
            after = _lines(self.desired.layout.attributes(path))
            self.steps.append(Step("directory", path, "created", ("there was none",), "", after))

    def key(self, path: str) -> PublicKey | None:
        """Plan a private key; return its public half, or None where check mode did not make one."""
        entry = self.entry(path)
        key = public_key(entry["public"]) if entry else None
        if entry and path not in self.state["created"]:
            self.keep(path, entry, "key")
        else:
            self.steps.append(Step("key", path, "created", ("there was none",), "", f"key: {_fingerprint(key)}\n"))
        return key

    def public_half(self, path: str, key: PublicKey | None) -> None:
        """Plan the file of a key's public half. Its comment is for whoever wrote it to choose."""
        entry = self.entry(path)
        before = entry["text"] if entry else ""
        text = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() if key else NO_KEY_YET
        reason = "it is not the private key's other half" if entry else "there is none"
        after = f"{text} root@{self.desired.wanted.identity}\n"
        self.write("public key", path, [reason] if before.split()[:2] != text.split() else [], (before, after), after)

    def authorities(self, path: str) -> None:
        """Plan the file of the authorities that the host trusts."""
        entry, bundle = self.entry(path), self.desired.tls_bundle
        current = entry["text"] if entry else ""
        reason = "they are not the model's" if entry else "there are none"
        diff = (tls.describe(current) if entry else "", tls.describe(bundle))
        self.write("authorities", path, [reason] if current != bundle else [], diff, bundle)

    def certificate(self, path: str, request: ToSign, read: Callable[[str], Certificate]) -> Certificate:
        """Plan a certificate; return the one that the host has in the end."""
        entry, ideal = self.entry(path), request.content
        current: Certificate | str | None = None
        before = ""
        if entry:
            try:
                current = read(entry["text"])
                before = current.describe()
            except IdentityError as problem:
                current = str(problem)
                before = f"{problem}\n"
        reasons = shortcomings(current, ideal, self.desired.wanted, self.at)
        self.write("certificate", path, reasons, (before, ideal.describe()), request)
        return current if isinstance(current, Certificate) and not reasons else ideal


def _lines(attributes: Attributes) -> str:
    return f"owner: {attributes['owner']}\ngroup: {attributes['group']}\nmode: {attributes['mode']}\n"


def _fingerprint(key: PublicKey | None) -> str:
    return fingerprint(key) if key else NO_KEY_YET


def plan(state: Inspected, desired: Desired, at: datetime) -> Plan:
    """Return what to do on a host.

    Args:
        state: the agent's answer.
        desired: the model's and the role's wishes.
        at: now.

    Raises:
        IdentityError: something on the host that only a person may move away.
    """
    layout, wanted, issuer = desired.layout, desired.wanted, desired.tls_authority
    planner = _Planner(state, desired, at)

    ssh_key = planner.key(layout.ssh_key)
    planner.public_half(layout.ssh_public, ssh_key)
    content = draft(wanted, _fingerprint(ssh_key), fingerprint(desired.ssh_authority), at)
    ssh_certificate = planner.certificate(layout.ssh_certificate, ToSign("ssh", ssh_key, content), ssh.read)

    planner.directory()
    tls_key = planner.key(layout.tls_key)
    content = draft(wanted, _fingerprint(tls_key), issuer.fingerprint, at, authority_ends=issuer.ends)
    certificates = {"ssh": ssh_certificate}
    certificates["tls"] = planner.certificate(
        layout.tls_certificate, ToSign("tls", tls_key, content), lambda text: tls.read(text, issuer)
    )
    if layout.has_nameless:
        content = replace(content, identity="")
        certificates["tls_nameless"] = planner.certificate(
            layout.tls_nameless, ToSign("tls", tls_key, content), lambda text: tls.read(text, issuer)
        )
    planner.authorities(layout.tls_authorities)

    touched = [layout.units(step.path) for step in planner.steps]
    warnings = []
    if issuer.ends - at < wanted.renew_before:
        warnings.append(
            f"The TLS authority ends on {issuer.ends:%Y-%m-%d}, and with it whatever it signed: make the next one, "
            "and put it into the model and into the store."
        )
    return Plan(
        steps=tuple(planner.steps),
        units={
            "reload": sorted({unit for units in touched for unit in units["reload"]}),
            "restart": sorted({unit for units in touched for unit in units["restart"]}),
        },
        pending=state["pending"],
        certificates=certificates,
        warnings=tuple(warnings),
    )


def installation(planned: Plan, layout: Layout, sign: Callable[[ToSign], str]) -> Installation:
    """Return the request that carries the steps out; `sign` has the authorities' private keys."""
    directories: list[Directory] = []
    files: list[File] = []
    for step in planned.steps:
        attributes = layout.attributes(step.path)
        if step.kind == "directory":
            directories.append({**attributes, "path": step.path})
        else:
            text = sign(step.content) if isinstance(step.content, ToSign) else step.content
            files.append({**attributes, "path": step.path, "text": text})
    return {"directories": directories, "files": files, "units": planned.units, "journal": layout.journal}


def report(planned: Plan, done: Mapping[str, str]) -> dict[str, Any]:
    """Return what Ansible shows: the plan, and what became of the units if it was carried out."""
    items = [
        {"kind": step.kind, "name": step.path, "change": step.change, "reasons": list(step.reasons)}
        for step in planned.steps
    ]
    for verb, units, owed in (
        ("reload", planned.units["reload"], planned.pending["reload"]),
        ("restart", planned.units["restart"], planned.pending["restart"]),
    ):
        for unit in sorted({*units, *owed}):
            reasons = ["files of it change"] if unit in units else []
            reasons += ["an earlier run was interrupted before"] if unit in owed else []
            items.append({"kind": "unit", "name": unit, "change": done.get(unit, verb), "reasons": reasons})
    return {
        "changed": planned.changed,
        "items": items,
        "certificates": {
            kind: {
                "identity": one.identity,
                "names": sorted(one.names),
                "key": one.key,
                "authority": one.authority,
                "not_before": one.not_before.isoformat(),
                "not_after": one.not_after.isoformat(),
            }
            for kind, one in planned.certificates.items()
        },
        "diff": [
            {
                "before_header": step.path,
                "after_header": f"{step.path} ({step.change}: {'; '.join(step.reasons)})",
                "before": step.before,
                "after": step.after,
            }
            for step in planned.steps
        ],
    }
