"""A cluster of Patroni's: its API is real HTTPS on this machine, its members are played."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from tests.unit.https import ADDRESS, RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.https import Asked, Proofs, Server

NAMES = ("edc", "fleming", "gs")


def member(name: str, role: str = "quorum_standby", **more: Any) -> dict[str, Any]:
    """A member as Patroni shows it."""
    state = {"state": "running"} if role == "leader" else {"state": "streaming", "lag": 0}
    return {"name": name, "role": role, "api_url": f"https://{name}:8008/patroni", **state, **more}


def whole(primary: str = "gs", **more: Any) -> dict[str, Any]:
    """A cluster that is well."""
    return {"members": [member(name, "leader" if name == primary else "quorum_standby") for name in NAMES], **more}


@dataclass
class PlayedCluster:
    """The members.

    Attributes:
        directory: Where their files are.
        serve: Starts a server.
        proofs: What all prove themselves with.
        cluster: What they say at /cluster.
        pending: The parameters that wait for a restart, of all.
        etcd: What etcd says at /health, and how.
        switch: What a switchover does, and says.
    """

    directory: Path
    serve: Callable[..., Server]
    proofs: Proofs
    cluster: dict[str, Any] = field(default_factory=whole)
    pending: dict[str, dict[str, str]] = field(default_factory=dict)
    etcd: tuple[int, str] = (200, '{"health": "true"}')
    switch: Callable[[dict[str, str]], str] | None = None

    def __post_init__(self) -> None:
        self.servers = {name: self.serve(lambda asked, name=name: self.answer(name, asked)) for name in NAMES}
        self.etcd_server = self.serve(self.answer_for_etcd)
        self.sessions = self.directory / "sessions.json"
        self.says([])
        runuser = self.directory / "bin/runuser"
        runuser.parent.mkdir()
        runuser.write_text(f'#!/bin/sh\necho "$*" >>{self.directory}/statements\n. {self.sessions}\n')
        runuser.chmod(0o755)

    def says(self, sessions: list[dict[str, Any]]) -> None:
        """What PostgreSQL says about its clients."""
        self.sessions.write_text(f"cat <<'END'\n{json.dumps(sessions)}\nEND\n")

    def server_fails(self, said: str) -> None:
        """PostgreSQL does not answer."""
        self.sessions.write_text(f"echo '{said}' >&2; exit 2\n")

    def answer(self, name: str, asked: Asked) -> Any:
        """What a member's Patroni answers."""
        if asked.path == "/cluster":
            shown = [one | {"api_url": self.url(one["name"])} for one in self.cluster["members"]]
            return self.cluster | {"members": shown}
        if asked.path == "/switchover":
            if self.switch is None:
                raise RefusalError(412, "switchover is not possible: no good candidates have been found")
            return self.switch(asked.content)
        role = next(one["role"] for one in self.cluster["members"] if one["name"] == name)
        status = {"state": "running", "role": "primary" if role == "leader" else "replica"}
        return status | ({"pending_restart_reason": self.pending} if self.pending else {})

    def answer_for_etcd(self, _: Asked) -> Any:
        """What etcd answers."""
        status, said = self.etcd
        if status != 200:
            raise RefusalError(status, said)
        return said

    def url(self, name: str) -> str:
        """A member's API."""
        return f"https://{ADDRESS}:{self.servers[name].port}/patroni"

    def config(self, name: str, *, has_etcd: bool = True) -> str:
        """The configuration of a member's Patroni; a path."""
        path = self.directory / f"{name}.yml"
        shown = {"certfile": self.proofs.certificate, "keyfile": self.proofs.key, "cafile": self.proofs.authority}
        rest = {
            "connect_address": f"{ADDRESS}:{self.servers[name].port}",
            "authentication": {"username": "patroni", "password": "secret"},
        }
        hosts = ["192.0.2.1:2379", *([f"{ADDRESS}:{self.etcd_server.port}"] if has_etcd else [])]
        etcd = {"cert": self.proofs.certificate, "key": self.proofs.key, "cacert": self.proofs.authority}
        content = {
            "name": name,
            "restapi": rest | shown,
            "etcd3": etcd | {"hosts": hosts},
            "postgresql": {"bin_dir": "/usr/lib/postgresql/17/bin"},
        }
        path.write_text(yaml.safe_dump(content))
        return str(path)
