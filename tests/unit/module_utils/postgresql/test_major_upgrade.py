"""Where an upgrade stands, by what the members have and have noted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.postgresql.major_upgrade import Plan, State, fits, plan

NOTE = {"old": 17, "new": 18, "primary": "a", "way": "there", "place": "", "is_same": False, "is_over": False}


def member(name: str, runs: int | None = 17, versions: tuple[int, ...] = (17,), note: Any = None, **more: Any) -> State:
    """A member with data of some versions, which says of itself what is said here."""
    leads = more.pop("leads", name == "a" and runs is not None)
    says = {"timeline": 1, "state": "shut down" if name == "a" else "shut down in recovery", "end": 5} | more
    clusters = {str(version): {"identifier": f"id-{version}", **says} for version in versions}
    return State(name=name, clusters=clusters, runs=runs, leads=leads, note=note)


def found(**changes: Any) -> Plan:
    """Where it stands when all members are alike, but for the first."""
    return plan([member("a", **changes), member("b", **changes), member("c", **changes)], 18)


def test_nothing_has_begun() -> None:
    assert found() == {
        "phase": "none",
        "old": 17,
        "primary": "a",
        "ahead": "",
        "way": "there",
        "is_back": False,
        "place": "",
        "may_lose": False,
        "identifiers": {"17": "id-17"},
        "problems": [],
    }


def test_one_that_was_over_long_ago_does_not_count() -> None:
    before = NOTE | {"old": 16, "new": 17, "is_over": True}
    assert found(note=before)["phase"] == "none"


@pytest.mark.parametrize(
    ("first", "others", "phase"),
    [
        ({"note": NOTE}, {}, "begun"),
        ({"note": NOTE, "runs": None}, {"note": NOTE, "runs": None}, "begun"),
        ({"note": NOTE, "runs": None, "versions": (17, 18)}, {"note": NOTE, "runs": None}, "made"),
        ({"note": NOTE, "runs": 18, "versions": (17, 18)}, {"note": NOTE, "runs": None}, "runs"),
        ({"note": NOTE | {"is_same": True}, "runs": 18}, {"note": NOTE, "runs": 18}, "same"),
        ({"note": NOTE | {"is_over": True}, "runs": 18}, {"note": NOTE | {"is_over": True}, "runs": 18}, "over"),
        ({"runs": 18, "versions": (18,)}, {"runs": 18, "versions": (18,)}, "over"),
    ],
)
def test_how_far_it_has_come(first: dict[str, Any], others: dict[str, Any], phase: str) -> None:
    stands = plan([member("c", **others), member("a", **first), member("b", **others)], 18)
    assert stands["phase"] == phase
    assert stands["problems"] == []


def test_what_was_noted_is_known_again() -> None:
    note = NOTE | {"way": "back", "place": "0/30000D8"}
    stands = found(note=note, runs=None, versions=(17, 18))
    assert (stands["way"], stands["place"], stands["primary"], stands["old"]) == ("back", "0/30000D8", "a", 17)
    assert stands["identifiers"] == {"17": "id-17", "18": "id-18"}


OVER = NOTE | {"is_same": True, "is_over": True}
BACK = NOTE | {"is_same": True, "way": "back"}


def test_one_that_is_over_can_be_taken_back() -> None:
    stands = found(note=OVER, runs=18, versions=(17, 18))
    assert (stands["old"], stands["primary"], stands["may_lose"]) == (17, "a", True)


def test_one_that_is_over_can_be_taken_back_while_a_member_is_down() -> None:
    first = member("a", 18, (17, 18), OVER)
    down = member("b", None, (17, 18), OVER)
    stands = plan([first, down], 18)
    assert (stands["phase"], stands["old"], stands["primary"]) == ("over", 17, "a")
    assert stands["problems"] == [
        "The members do not all run one version: a has 18, b runs none. See the cluster whole first."
    ]


@pytest.mark.parametrize("runs", [None, 17])
def test_a_way_back_that_was_interrupted_goes_on(runs: int | None) -> None:
    # One member was not told any more that it goes back.
    stands = plan([member("b", runs, note=BACK | {"is_same": False}), member("a", runs, note=BACK)], 18)
    assert (stands["way"], stands["old"], stands["primary"], stands["may_lose"]) == ("back", 17, "a", False)
    stands = plan([member("b", runs, note=OVER), member("a", runs, note=BACK)], 18)
    assert (stands["way"], stands["old"], stands["primary"]) == ("back", 17, "a")


def test_a_way_back_that_is_nearly_over_keeps_its_primary() -> None:
    states = [member("a", 17, leads=False), member("b", 17, note=BACK, leads=True)]
    assert plan(states, 18)["primary"] == "b"


@pytest.mark.parametrize("noted", ["a", "b"])
def test_who_leads_since_it_began_is_the_primary(noted: str) -> None:
    # It may be noted on some members already that it begins anew.
    states = [
        member("a", note=NOTE | {"place": "0/30000D8"}, leads=False),
        member("b", note=NOTE | {"primary": noted}, leads=True),
        member("c", note=NOTE),
    ]
    stands = plan(states, 18)
    assert (stands["phase"], stands["primary"], stands["place"], stands["problems"]) == ("begun", "b", "", [])


def test_who_leads_is_the_primary_of_the_way_back_also_once_the_new_data_was_made() -> None:
    states = [member("a", None, (17, 18), NOTE), member("b", note=NOTE, leads=True)]
    assert (plan(states, 18)["phase"], plan(states, 18)["primary"]) == ("made", "b")


@pytest.mark.parametrize(
    ("states", "is_back"),
    [
        ([member("a", note=BACK), member("b", note=BACK)], True),
        # The member that leads has become the primary since, and another one is down.
        ([member("a", None, note=BACK), member("b", note=BACK, leads=True, timeline=2, state="in production")], True),
        # Nothing was stopped before somebody thought better of it.
        ([member("a", note=NOTE), member("b", note=NOTE)], True),
        ([member("a", note=BACK, leads=False), member("b", note=BACK)], False),
        ([member("a", note=BACK), member("b", note=BACK, leads=True)], False),
        ([member("a", None, note=BACK), member("b", None, note=BACK)], False),
        ([member("a", note=BACK), member("b", None, (17, 18), note=BACK)], False),
        # It leads, and lacks what one has that is down.
        ([member("a", note=BACK), member("b", None, note=BACK, timeline=2)], False),
    ],
)
def test_whether_the_old_version_is_back(states: list[State], is_back: bool) -> None:
    assert plan(states, 18)["is_back"] is is_back


PROMOTED = {"timeline": 2, "state": "shut down"}
REPLICA = {"state": "shut down in recovery"}


@pytest.mark.parametrize(
    ("first", "second", "ahead"),
    [
        ({}, {}, ""),
        # Its last words are the end of its log; a replica has them, too.
        ({"end": 0}, {"end": 9}, ""),
        ({}, PROMOTED, "b"),
        ({"state": "in production"}, PROMOTED, "b"),
        (REPLICA, {"state": "shut down"}, "b"),
        (REPLICA | {"timeline": 2}, PROMOTED, "b"),
        ({"state": "in archive recovery"}, {"end": 9}, "b"),
        (REPLICA, {"end": 5}, ""),
        (PROMOTED, REPLICA | {"timeline": 2, "end": 9}, ""),
        # It was made anew with the new version.
        ({}, {"versions": (18,)}, ""),
    ],
)
def test_who_has_more_than_the_primary(first: dict[str, Any], second: dict[str, Any], ahead: str) -> None:
    states = [member("a", None, note=BACK, **first), member("b", None, note=BACK, **second)]
    assert (plan(states, 18)["primary"], plan(states, 18)["ahead"]) == ("a", ahead)


@pytest.mark.parametrize(
    ("note", "others", "may_lose"),
    [
        (NOTE, None, False),
        # Nobody was to let clients in, which is no proof that nobody has.
        (NOTE, 18, True),
        (NOTE | {"is_same": True}, 18, True),
        (NOTE | {"is_same": True}, None, True),
        (BACK, None, False),
        # They were started again.
        (BACK, 18, True),
    ],
)
def test_what_may_be_lost(note: dict[str, Any], others: int | None, may_lose: bool) -> None:
    assert plan([member("a", 18 if others else None, (17, 18), note), member("b", others)], 18)["may_lose"] is may_lose


@pytest.mark.parametrize("way", ["there", "back"])
@pytest.mark.parametrize("runs", [18, None])
def test_one_that_is_over_but_for_a_member_may_have_been_written_to(way: str, runs: int | None) -> None:
    late = member("b", runs, (17, 18), NOTE | {"is_same": True, "way": way})
    stands = plan([late, member("a", runs, (17, 18), OVER), member("c", runs, (17, 18), OVER)], 18)
    assert (stands["phase"], stands["old"], stands["primary"], stands["way"]) == ("same", 17, "a", way)
    assert stands["may_lose"] is (way == "there" or runs == 18)
    assert stands["problems"] == []


@pytest.mark.parametrize(
    ("note", "versions", "those_that_fit"),
    [
        (None, [], {16, 17, 18}),
        (None, [17], {17}),
        # Until everything is compared, nothing but the upgrade goes on.
        (NOTE, [17], set()),
        (NOTE, [17, 18], set()),
        (NOTE | {"is_same": True}, [17, 18], {18}),
        (NOTE | {"primary": "b"}, [17, 18], set()),
        (NOTE | {"primary": "b", "is_same": True}, [17, 18], {18}),
        # The old data is there, and does not serve.
        (OVER, [17, 18], {18}),
        # It is damaged, and removed for the member to copy the primary.
        (OVER, [17], {18}),
        (BACK, [17, 18], {17}),
        (BACK, [17], {17}),
    ],
)
def test_which_configuration_a_member_may_have(note: Any, versions: list[int], those_that_fit: set[int]) -> None:
    assert {version for version in (16, 17, 18) if fits(version, versions, note)} == those_that_fit


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ([member("a"), member("b", runs=None)], "do not all run one version: a has 17, b runs none"),
        ([member("a", runs=None), member("b", runs=None)], "do not all run one version"),
        ([member("a", runs=19), member("b", runs=19)], "PostgreSQL 19 runs, which is newer than 18"),
        ([member("a", leads=False), member("b")], "There must be one primary, and is none."),
        ([member("a"), member("b", leads=True)], "There must be one primary, and is a, b."),
        ([member("a", None, note=NOTE), member("b", None, note=NOTE | {"primary": "b"})], "begun from a and from b"),
        ([member("a", note=NOTE, leads=False), member("b", note=NOTE)], "There must be one primary, and is none. Run"),
        (
            [member("a", None, note=NOTE), member("b", note=NOTE, leads=True)],
            "b is the primary now, rather than a, and not all members run: a runs none, b has 17.",
        ),
        (
            [member("a", 18, (17, 18), NOTE, leads=False), member("b", 18, (17, 18), NOTE, leads=True)],
            "b is the primary now, and only a can be completed: see the cluster whole, hand over",
        ),
        (
            [member("a", None, (17, 18), NOTE), member("b", 18, (17, 18), NOTE, leads=True)],
            "b is the primary now, and only a can be completed",
        ),
        ([member("b", note=NOTE)], "begun from a: run this on all members"),
        ([member("a", versions=(17, 18), note=NOTE)], "PostgreSQL 17 was started again after the data of 18 was made"),
    ],
)
def test_what_cannot_go_on(states: list[State], said: str) -> None:
    assert any(said in problem for problem in plan(states, 18)["problems"])
