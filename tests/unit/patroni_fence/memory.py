"""etcd's keys and leases, in memory; time passes when somebody says so."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from patroni_fence.etcd import Etcd, EtcdRefusedError, EtcdUnavailableError, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CLUSTER, VOTES = "/postgresql/test/", "/fence/test/"
LEADER, SYNC = f"{CLUSTER}leader", f"{CLUSTER}sync"


@dataclass
class Entry:
    """A key's value, its lease, and the revision of its last change."""

    value: str
    lease: str
    revision: int


@dataclass
class Memory:
    """What the members of etcd agree on."""

    now: float = 0
    revision: int = 1
    entries: dict[str, Entry] = field(default_factory=dict)
    leases: dict[str, tuple[int, float]] = field(default_factory=dict)
    """How many seconds each was granted, and when it was last renewed."""

    members: list[dict[str, Any]] = field(default_factory=list)
    """Those of etcd itself, as it lists them; the first one is its leader."""

    unwilling: set[str] = field(default_factory=set)
    """To whom the leadership does not go."""

    is_away: bool = False
    before_each: Callable[[], None] = lambda: None
    """What else happens in the world before a call is answered."""

    changes: list[tuple[str, Any]] = field(default_factory=list)

    # --- What the cluster does

    def put(self, key: str, value: str, lease: str = "") -> None:
        """Set a key."""
        self.revision += 1
        self.entries[key] = Entry(value, lease, self.revision)

    def lead(self, name: str, lease: str, *replicas: str, ttl: int = 20) -> None:
        """Let a member be the primary, with these synchronous replicas."""
        self.leases[lease] = (ttl, self.now)
        self.put(f"{CLUSTER}members/{name}", "{}", lease)
        self.put(LEADER, name, lease)
        self.follow(name, *replicas)

    def follow(self, name: str, *replicas: str) -> None:
        """Let these be the synchronous replicas of a primary."""
        self.put(SYNC, json.dumps({"leader": name, "sync_standby": ",".join(replicas) or None}))

    def renew(self, lease: str) -> bool:
        """Say that whoever has it is alive, if it is not too late."""
        if lease not in self.leases:
            return False
        self.leases[lease] = (self.leases[lease][0], self.now)
        return True

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        for lease, (granted, since) in list(self.leases.items()):
            if self.now - since >= granted:
                self._forget(lease)

    def _forget(self, lease: str) -> None:
        del self.leases[lease]
        self.entries = {key: entry for key, entry in self.entries.items() if entry.lease != lease}

    @property
    def leader(self) -> str | None:
        """Who is the primary."""
        return self.entries[LEADER].value if LEADER in self.entries else None

    @property
    def votes(self) -> dict[str, str]:
        """Which term each member votes about."""
        return {key.removeprefix(VOTES): one.value for key, one in self.entries.items() if key.startswith(VOTES)}

    # --- What clients ask

    def answer(self, path: str, request: Mapping[str, Any], address: str) -> dict[str, Any]:
        """Answer a call to the member at an address."""
        self.before_each()
        if self.is_away:
            raise EtcdUnavailableError("no member of etcd answers")
        method = path.removeprefix("/v3/").replace("/", "_").replace("-", "_")
        answer: dict[str, Any] = getattr(self, f"_{method}")(request) or {}
        return {"header": {"member_id": self._identifier(address), "revision": str(self.revision)}} | answer

    def _kv_range(self, request: Mapping[str, Any]) -> dict[str, Any]:
        first, end = decode(request["key"]), decode(request["range_end"])
        found = []
        for key, entry in sorted(self.entries.items()):
            if first <= key < end:
                shown = {"key": encode(key), "value": encode(entry.value), "mod_revision": str(entry.revision)}
                found.append(shown | ({"lease": entry.lease} if entry.lease else {}))
        return {"kvs": found, "count": str(len(found))} if found else {}

    def _kv_put(self, request: Mapping[str, Any]) -> None:
        self._is_there(request["lease"])
        self.put(decode(request["key"]), decode(request["value"]), request["lease"])
        self.changes.append(("put", decode(request["key"])))

    def _kv_txn(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if not all(self._holds(one) for one in request["compare"]):
            return {}
        for one in request["success"]:
            key = decode(one["request_delete_range"]["key"])
            self.revision += 1
            self.entries.pop(key, None)
            self.changes.append(("delete", key))
        return {"succeeded": True}

    def _holds(self, compare: Mapping[str, Any]) -> bool:
        entry = self.entries.get(decode(compare["key"]))
        assert compare["result"] == "EQUAL"
        if compare["target"] == "VALUE":
            return entry is not None and entry.value == decode(compare["value"])
        assert compare["target"] == "MOD"
        return int(compare["mod_revision"]) == (entry.revision if entry else 0)

    def _lease_grant(self, request: Mapping[str, Any]) -> dict[str, Any]:
        identifier = str(10**18 + self.revision * 1000 + len(self.leases))
        self.leases[identifier] = (int(request["TTL"]), self.now)
        return {"ID": identifier, "TTL": request["TTL"]}

    def _lease_revoke(self, request: Mapping[str, Any]) -> None:
        self._is_there(request["ID"])
        self._forget(request["ID"])
        self.changes.append(("revoke", request["ID"]))

    def _is_there(self, lease: str) -> None:
        if lease not in self.leases:
            raise EtcdRefusedError("etcdserver: requested lease not found", 5)

    def _lease_timetolive(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request["ID"] not in self.leases:
            return {"ID": request["ID"], "TTL": "-1"}
        granted, since = self.leases[request["ID"]]
        left = int(granted - (self.now - since))
        return {"ID": request["ID"], "grantedTTL": str(granted)} | ({"TTL": str(left)} if left else {})

    # --- Its own members

    def _identifier(self, address: str) -> str:
        return next((one["ID"] for one in self.members if one["address"] == address), "")

    def _maintenance_status(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"leader": self.members[0]["ID"]} if self.members else {}

    def _cluster_member_list(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"members": sorted(self.members, key=lambda one: str(one["ID"]))}

    def _maintenance_transfer_leadership(self, request: Mapping[str, Any]) -> None:
        if request["targetID"] in self.unwilling:
            raise EtcdRefusedError("etcdserver: request timed out, leader transfer took too long", 14)
        self.members.sort(key=lambda one: one["ID"] != request["targetID"])
        self.changes.append(("transfer", request["targetID"]))


class Client(Etcd):
    """A client of it without a network."""

    def __init__(self, memory: Memory, endpoints: list[tuple[str, int]]) -> None:
        super().__init__(endpoints, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        self.memory = memory

    def call(self, path: str, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Have a call answered."""
        return self.memory.answer(path, request or {}, self.endpoints[0][0])


def etcds(*addresses: str) -> Iterator[dict[str, Any]]:
    """Members of etcd at addresses, the leader first."""
    for number, address in enumerate(addresses):
        yield {"ID": str(100 + number), "name": f"etcd-{number}", "address": address}
