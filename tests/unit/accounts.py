"""etcd's users, roles and passwords, in memory: it refuses what etcd refuses."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import Etcd, EtcdRefusedError

from tests.unit.https import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.https import Asked

ROOT = "root"


class Accounts:
    """What the members of a cluster know of accounts.

    Attributes:
        users: Passwords and roles.
        roles: Permissions, by the keys from and to which they are, as they come over the wire.
        is_enabled: Whether it asks who is there.
        revision: Of all of this; a token is good for one.
    """

    def __init__(self) -> None:
        self.users: dict[str, tuple[str, set[str]]] = {}
        self.roles: dict[str, dict[tuple[str, str], str]] = {}
        self.is_enabled = False
        self.revision = 0
        self.changes: list[str] = []

    def __call__(self, asked: Asked) -> Any:
        """Answer as a server."""
        try:
            return self.answer(asked.path, asked.content, asked.headers.get("Authorization"))
        except EtcdRefusedError as refused:
            raise RefusalError(400, json.dumps({"message": str(refused), "code": refused.code})) from refused

    def answer(self, path: str, request: Mapping[str, Any], token: str | None) -> dict[str, Any]:
        """Answer a call."""
        if path == "/v3/auth/authenticate":
            self._is_so(self.is_enabled, "authentication is not enabled", 9)
            password, _ = self.users.get(request["name"], (None, None))
            self._is_so(password == request["password"], "authentication failed, invalid user ID or password")
            return {"token": f"{request['name']}.{self.revision}"}
        if self.is_enabled:
            self._is_so(token is not None, "user name is empty")
            name, _, revision = str(token).partition(".")
            self._is_so(revision == str(self.revision), "revision of auth store is old")
            self._is_so(ROOT in self.users[name][1], "permission denied", 7)
        what = path.removeprefix("/v3/auth/").replace("/", "_")
        answer: dict[str, Any] = getattr(self, f"_{what}")(request) or {}
        if not what.endswith(("_list", "_get")):
            self.revision += 1
            self.changes.append(what)
        return answer

    @staticmethod
    def _is_so(condition: bool, otherwise: str, code: int = 3) -> None:
        if not condition:
            raise EtcdRefusedError(f"etcdserver: {otherwise}", code)

    def _enable(self, _: Mapping[str, Any]) -> None:
        self._is_so(ROOT in self.users, "root user does not exist", 9)
        self._is_so(ROOT in self.users[ROOT][1], "root user does not have root role", 9)
        self.is_enabled = True

    # --- Users

    def _user(self, name: str) -> tuple[str, set[str]]:
        self._is_so(name in self.users, "user name not found", 9)
        return self.users[name]

    def _user_list(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"users": [*self.users]} if self.users else {}

    def _user_get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        roles = self._user(request["name"])[1]
        return {"roles": sorted(roles)} if roles else {}

    def _user_add(self, request: Mapping[str, Any]) -> None:
        self._is_so(request["name"] not in self.users, "user name already exists", 9)
        self.users[request["name"]] = (request["password"], set())

    def _user_changepw(self, request: Mapping[str, Any]) -> None:
        self.users[request["name"]] = (request["password"], self._user(request["name"])[1])

    def _user_delete(self, request: Mapping[str, Any]) -> None:
        self._user(request["name"])
        del self.users[request["name"]]

    def _user_grant(self, request: Mapping[str, Any]) -> None:
        roles = self._user(request["user"])[1]
        if request["role"] != ROOT:
            self._role(request["role"])
        roles.add(request["role"])

    def _user_revoke(self, request: Mapping[str, Any]) -> None:
        roles = self._user(request["name"])[1]
        self._is_so(request["role"] in roles, "role is not granted to the user", 9)
        roles.remove(request["role"])

    # --- Roles

    def _role(self, name: str) -> dict[tuple[str, str], str]:
        self._is_so(name in self.roles, "role name not found", 9)
        return self.roles[name]

    def _role_list(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"roles": [*self.roles]} if self.roles else {}

    def _role_get(self, request: Mapping[str, Any]) -> dict[str, Any]:
        # READ is the first of its kind, and what is first is left out.
        found = [
            {"key": key, "range_end": end, "permType": kind} if kind != "READ" else {"key": key, "range_end": end}
            for (key, end), kind in self._role(request["role"]).items()
        ]
        return {"perm": found} if found else {}

    def _role_add(self, request: Mapping[str, Any]) -> None:
        self._is_so(request["name"] not in self.roles, "role name already exists", 9)
        self.roles[request["name"]] = {}

    def _role_delete(self, request: Mapping[str, Any]) -> None:
        # Named `role` in etcd, where users are named `name`.
        self._role(request["role"])
        del self.roles[request["role"]]
        for _, roles in self.users.values():
            roles.discard(request["role"])

    def _role_grant(self, request: Mapping[str, Any]) -> None:
        permission = request["perm"]
        self._role(request["name"])[permission["key"], permission["range_end"]] = permission["permType"]

    def _role_revoke(self, request: Mapping[str, Any]) -> None:
        permissions = self._role(request["role"])
        place = request["key"], request["range_end"]
        self._is_so(place in permissions, "permission is not granted to the role", 9)
        del permissions[place]


class Direct(Etcd):
    """A client of theirs without a network."""

    def __init__(self, accounts: Accounts, credentials: tuple[str, str] | None = None) -> None:
        super().__init__([], ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), credentials)
        self._accounts = accounts

    def _ask(self, path: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._accounts.answer(path, request, self._token)
