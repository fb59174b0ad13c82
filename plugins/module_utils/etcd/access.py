"""Who may do what in etcd: what there is, what is wanted, and the calls that lead from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .client import EtcdRefusedError, decode, encode, end_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .client import Etcd

ROOT = "root"
"""etcd's name for the user and the role that may do everything."""

READ, READ_AND_WRITE = "READ", "READWRITE"
"""etcd's names for what a grant allows."""

NO_TOKEN = "etcdserver: user name is empty"  # noqa: S105 - a message
"""What etcd says to a call without a token while authentication is on."""


class Keys(NamedTuple):
    """Keys that lie together: those from `key` on that come before `end`; `key` alone where `end` is empty."""

    key: str
    end: str

    def __str__(self) -> str:
        return self.key if self.key and self.end == end_of(self.key) else f"{self.key}..{self.end}"


def below(prefix: str) -> Keys:
    """The keys that begin with it."""
    return Keys(prefix, end_of(prefix))


@dataclass(frozen=True)
class Access:
    """Users and their roles, roles and what they may do.

    Attributes:
        users: The roles of each user.
        roles: The keys of each role, with one of etcd's kinds: READ, WRITE or READWRITE.
        is_enabled: Whether etcd asks who is there.
    """

    users: Mapping[str, frozenset[str]]
    roles: Mapping[str, Mapping[Keys, str]]
    is_enabled: bool


def granted(reads: Iterable[str], writes: Iterable[str]) -> dict[Keys, str]:
    """What a role may do that reads the keys below the ones, and reads and writes those below the others."""
    return {below(prefix): READ for prefix in reads} | {below(prefix): READ_AND_WRITE for prefix in writes}


class Step(NamedTuple):
    """A call that changes something, and what to say about it."""

    says: str
    path: str
    request: dict[str, Any]


def read(etcd: Etcd, open_etcd: Etcd) -> Access:
    """What there is.

    Args:
        etcd: A client with root's password, for when authentication is on.
        open_etcd: One without a password, for when it is off.

    Raises:
        EtcdError: etcd did not answer, or refused root's password.
    """
    try:
        open_etcd.call("/v3/auth/user/list")
        reader, is_enabled = open_etcd, False
    except EtcdRefusedError as refused:
        if NO_TOKEN not in str(refused):
            raise
        reader, is_enabled = etcd, True
    users = reader.call("/v3/auth/user/list").get("users", [])
    roles = reader.call("/v3/auth/role/list").get("roles", [])
    return Access(
        users={name: frozenset(reader.call("/v3/auth/user/get", {"name": name}).get("roles", [])) for name in users},
        roles={
            name: dict(map(_grant, reader.call("/v3/auth/role/get", {"role": name}).get("perm", [])))
            for name in roles
            if name != ROOT
        },
        is_enabled=is_enabled,
    )


def _grant(permission: Mapping[str, Any]) -> tuple[Keys, str]:
    keys = Keys(decode(permission.get("key", "")), decode(permission.get("range_end", "")))
    # The gateway leaves out what is zero, which READ is.
    return keys, permission.get("permType", READ)


def plan(
    current: Access, desired: Access, passwords: Mapping[str, str], has_password: Callable[[str], bool]
) -> list[Step]:
    """The calls that lead from what there is to what is wanted, in an order in which each is allowed.

    Users that are not wanted go, since a forgotten password is a way in. Authentication is turned on last.

    Args:
        current: Of `read`.
        desired: What is wanted; root is added to it.
        passwords: Of each user that is wanted.
        has_password: Whether a user that exists has that password already.
    """
    users = {**desired.users, ROOT: frozenset({ROOT})}
    return [
        *_roles(current.roles, desired.roles),
        *_users(current.users, users, passwords, has_password),
        *(
            Step(f"remove user {name}", "/v3/auth/user/delete", {"name": name})
            for name in sorted(current.users.keys() - users.keys())
        ),
        *(
            Step(f"remove role {name}", "/v3/auth/role/delete", {"role": name})
            for name in sorted(current.roles.keys() - desired.roles.keys())
        ),
        *([] if current.is_enabled else [Step("ask everyone who they are", "/v3/auth/enable", {})]),
    ]


def _roles(current: Mapping[str, Mapping[Keys, str]], desired: Mapping[str, Mapping[Keys, str]]) -> Iterator[Step]:
    for name, wanted in desired.items():
        has = current.get(name, {})
        if name not in current:
            yield Step(f"add role {name}", "/v3/auth/role/add", {"name": name})
        # A grant takes the place of another kind for the same keys.
        for keys, kind in sorted(wanted.items() - has.items()):
            permission = {"permType": kind, "key": encode(keys.key), "range_end": encode(keys.end)}
            does = "read" if kind == READ else "use"
            yield Step(f"let {name} {does} {keys}", "/v3/auth/role/grant", {"name": name, "perm": permission})
        for keys in sorted(has.keys() - wanted.keys()):
            request = {"role": name, "key": encode(keys.key), "range_end": encode(keys.end)}
            yield Step(f"no longer let {name} use {keys}", "/v3/auth/role/revoke", request)


def _users(
    current: Mapping[str, frozenset[str]],
    desired: Mapping[str, frozenset[str]],
    passwords: Mapping[str, str],
    has_password: Callable[[str], bool],
) -> Iterator[Step]:
    for name, roles in desired.items():
        secret = {"name": name, "password": passwords[name]}
        if name not in current:
            yield Step(f"add user {name}", "/v3/auth/user/add", secret)
        elif not has_password(name):
            yield Step(f"change the password of {name}", "/v3/auth/user/changepw", secret)
        for role in sorted(roles - current.get(name, frozenset())):
            yield Step(f"give {name} the role {role}", "/v3/auth/user/grant", {"user": name, "role": role})
        for role in sorted(current.get(name, frozenset()) - roles):
            yield Step(f"take the role {role} from {name}", "/v3/auth/user/revoke", {"name": name, "role": role})
