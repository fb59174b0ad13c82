"""The module gives a member its place again, by etcd's API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.modules import etcd_member

from tests.unit.https import RefusalError
from tests.unit.module_call import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.https import Asked, Proofs, Server

PEER = "https://192.0.2.3:2380"
MANY = 3


class Members:
    """etcd's list of members, in memory."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = [
            {"ID": "1", "name": "north", "peerURLs": ["https://192.0.2.1:2380"]},
            {"ID": "3", "name": "east", "peerURLs": [PEER]},
        ]

    def __call__(self, asked: Asked) -> Any:
        """Answer as a server."""
        if asked.path == "/v3/auth/authenticate":
            return {"token": "root.1"}
        if asked.path == "/v3/cluster/member/remove":
            self.listed = [member for member in self.listed if member["ID"] != asked.content["ID"]]
        if asked.path == "/v3/cluster/member/add":
            if len(self.listed) == MANY:
                raise RefusalError(400, json.dumps({"message": "etcdserver: unhealthy cluster", "code": 14}))
            self.listed.append({"ID": "9", "peerURLs": asked.content["peerURLs"]})
        return {"members": self.listed}


@pytest.fixture
def options(serve: Callable[..., Server], proofs: Proofs) -> dict[str, Any]:
    server = serve(Members())
    return {
        "name": "east",
        "peer": PEER,
        "endpoints": [":".join(map(str, server.endpoint))],
        "root_password": "secret",
        "authority": proofs.authority,
        "certificate": proofs.certificate,
        "key": proofs.key,
    }


def test_a_member_gets_its_place_again(options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    cluster = "east=https://192.0.2.3:2380,north=https://192.0.2.1:2380"
    assert call(etcd_member, capsys, check=True, **options)["changed"]
    said = call(etcd_member, capsys, **options)
    assert (said["changed"], said["initial_cluster"]) == (True, cluster)
    # Announced, and not started yet.
    said = call(etcd_member, capsys, **options)
    assert (said["changed"], said["initial_cluster"]) == (False, cluster)


def test_a_cluster_that_is_not_there(options: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    away = options | {"endpoints": ["127.0.0.1:1"]}
    said = call(etcd_member, capsys, **away)
    assert said["failed"]
    assert said["msg"].startswith("etcd_member: no member of etcd")
    # By then, the run that is rehearsed has begun it anew.
    said = call(etcd_member, capsys, check=True, **away)
    assert (said["changed"], said["initial_cluster"]) == (True, f"east={PEER}")
