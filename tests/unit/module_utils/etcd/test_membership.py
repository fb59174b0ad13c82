"""How a member that has lost its data gets its place again."""

from __future__ import annotations

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.etcd.membership import Member, Renewal, members, renewal

NORTH = Member("1", "north", "https://192.0.2.1:2380")
SOUTH = Member("2", "south", "https://192.0.2.2:2380")
EAST = Member("3", "east", "https://192.0.2.3:2380")
ALL = "east=https://192.0.2.3:2380,north=https://192.0.2.1:2380,south=https://192.0.2.2:2380"


def test_members_as_etcd_lists_them() -> None:
    listed = [{"ID": "1", "name": "north", "peerURLs": [NORTH.peer]}, {"ID": "9", "peerURLs": [EAST.peer]}]
    assert members(listed) == [NORTH, Member("9", "", EAST.peer)]


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ([NORTH, SOUTH, EAST], Renewal(("3",), True, ALL)),
        ([NORTH, SOUTH], Renewal((), True, ALL)),
        # A run was interrupted after it had announced the member.
        ([NORTH, SOUTH, Member("4", "", EAST.peer)], Renewal((), False, ALL)),
        ([NORTH, SOUTH, EAST, Member("4", "", EAST.peer)], Renewal(("3",), False, ALL)),
        # The host has another address now.
        ([NORTH, SOUTH, Member("3", "east", "https://192.0.2.9:2380")], Renewal(("3",), True, ALL)),
        # The cluster was made anew around one member.
        ([NORTH], Renewal((), True, "east=https://192.0.2.3:2380,north=https://192.0.2.1:2380")),
    ],
)
def test_its_place(current: list[Member], expected: Renewal) -> None:
    assert renewal(current, "east", EAST.peer) == expected
