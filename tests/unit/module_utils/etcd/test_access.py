"""From whatever accounts there are to those that are wanted, with an etcd in memory that refuses what etcd refuses."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.etcd import access
from ansible_collections.aurore.infra.plugins.module_utils.etcd.access import ROOT, Access, Keys, granted
from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import EtcdRefusedError, encode, end_of
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.accounts import Accounts, Direct

PASSWORDS = {name: f"{name}'s" for name in ("ann", "bob", "cid", ROOT)}
PREFIXES = ["/a/", "/a/b/", "/é/"]
DESIRED = Access({"ann": frozenset({"reader"})}, {"reader": granted([], ["/a/"])}, is_enabled=True)

names = st.sampled_from(["ann", "bob", "cid"])
places = st.sampled_from(PREFIXES).flatmap(
    lambda prefix: st.sampled_from([(prefix, end_of(prefix)), (prefix, ""), (prefix, "/é0"), ("", "\0")])
)
permissions = st.dictionaries(
    places.map(lambda place: (encode(place[0]), encode(place[1]))), st.sampled_from(["READ", "WRITE", "READWRITE"])
)


@st.composite
def wishes(draw: st.DrawFn) -> Access:
    some = st.frozensets(st.sampled_from(PREFIXES))
    roles = draw(st.dictionaries(names, st.builds(granted, some, some)))
    of_a_user = st.frozensets(st.sampled_from(sorted(roles))) if roles else st.just(frozenset())
    return Access(draw(st.dictionaries(names, of_a_user)), roles, is_enabled=True)


@st.composite
def accounts(draw: st.DrawFn) -> Accounts:
    made = Accounts()
    made.roles = draw(st.dictionaries(st.one_of(names, st.just(ROOT)), permissions))
    of_a_user = st.sets(st.sampled_from([*sorted(made.roles), ROOT]))
    made.users = {
        name: (draw(st.sampled_from([PASSWORDS[name], "old"])), draw(of_a_user)) for name in draw(st.sets(names))
    }
    made.is_enabled = draw(st.booleans())
    if made.is_enabled or draw(st.booleans()):
        made.users[ROOT] = (PASSWORDS[ROOT], {ROOT, *draw(of_a_user)})
    return made


def read(etcd: Accounts) -> Access:
    return access.read(Direct(etcd, (ROOT, PASSWORDS[ROOT])), Direct(etcd))


def plan(etcd: Accounts, desired: Access) -> list[access.Step]:
    current = read(etcd)
    return access.plan(
        current,
        desired,
        PASSWORDS,
        lambda name: current.is_enabled and Direct(etcd).accepts(name, PASSWORDS[name]),
    )


def apply(etcd: Accounts, steps: list[access.Step]) -> None:
    caller = Direct(etcd, (ROOT, PASSWORDS[ROOT])) if etcd.is_enabled else Direct(etcd)
    for step in steps:
        caller.call(step.path, step.request)


def grants(etcd: Accounts, name: str) -> set[tuple[str, str]]:
    """What a role may read and write."""
    return {place for place, kind in etcd.roles.get(name, {}).items() if kind == "READWRITE"}


def readable(etcd: Accounts, name: str) -> set[tuple[str, str]]:
    """What a role may read, at least."""
    return {place for place, kind in etcd.roles.get(name, {}).items() if kind != "WRITE"}


# --- What there is


def test_a_new_etcd_has_nothing_and_asks_nobody() -> None:
    assert read(Accounts()) == Access({}, {}, is_enabled=False)


def test_what_is_granted_is_told() -> None:
    etcd = Accounts()
    etcd.users = {ROOT: (PASSWORDS[ROOT], {ROOT}), "ann": ("", {"reader"})}
    etcd.roles = {ROOT: {}, "reader": {}}
    for key, end, kind in [
        ("/a/", "/a0", "READWRITE"),
        ("/b/", "/b0", "READ"),
        ("/c/", "", "READWRITE"),
        ("", "\0", "READWRITE"),
    ]:
        etcd.roles["reader"][encode(key), encode(end)] = kind
    for is_enabled in (False, True):
        etcd.is_enabled = is_enabled
        assert read(etcd) == Access(
            users={ROOT: frozenset({ROOT}), "ann": frozenset({"reader"})},
            roles={
                "reader": {
                    Keys("/a/", "/a0"): "READWRITE",
                    Keys("/b/", "/b0"): "READ",
                    Keys("/c/", ""): "READWRITE",
                    Keys("", "\0"): "READWRITE",
                }
            },
            is_enabled=is_enabled,
        )


def test_a_wrong_password_of_root_is_told() -> None:
    etcd = Accounts()
    apply(etcd, plan(etcd, DESIRED))
    with pytest.raises(EtcdRefusedError, match="authentication failed"):
        access.read(Direct(etcd, (ROOT, "wrong")), Direct(etcd))


def test_another_refusal_than_of_who_is_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise EtcdRefusedError("etcdserver: corrupt cluster", 15)

    monkeypatch.setattr(Accounts, "answer", refuse)
    with pytest.raises(EtcdRefusedError, match="corrupt"):
        read(Accounts())


# --- What is to be done


def test_a_new_etcd_gets_everything_and_only_then_asks_who_is_there() -> None:
    etcd = Accounts()
    steps = plan(etcd, DESIRED)
    assert [step.says for step in steps] == [
        "add role reader",
        "let reader use /a/",
        "add user ann",
        "give ann the role reader",
        "add user root",
        "give root the role root",
        "ask everyone who they are",
    ]
    apply(etcd, steps)
    assert etcd.users == {"ann": ("ann's", {"reader"}), ROOT: ("root's", {ROOT})}
    assert grants(etcd, "reader") == {(encode("/a/"), encode("/a0"))}


def test_a_password_that_differs_is_changed_and_nothing_else() -> None:
    etcd = Accounts()
    apply(etcd, plan(etcd, DESIRED))
    etcd.users["ann"] = ("forgotten", {"reader"})
    steps = plan(etcd, DESIRED)
    assert [step.says for step in steps] == ["change the password of ann"]
    apply(etcd, steps)
    assert plan(etcd, DESIRED) == []


def test_what_is_not_wanted_goes() -> None:
    etcd = Accounts()
    apply(etcd, plan(etcd, DESIRED))
    apply(etcd, plan(etcd, Access({"bob": frozenset()}, {"other": granted([], ["/é/"])}, is_enabled=True)))
    assert etcd.users == {"bob": ("bob's", set()), ROOT: ("root's", {ROOT})}
    assert etcd.roles == {"other": {(encode("/é/"), encode("/é0")): "READWRITE"}}


def test_each_step_says_which_keys_and_what_for() -> None:
    etcd = Accounts()
    etcd.roles = {"reader": {(encode("/a/"), encode("/a0")): "READWRITE", (encode("/b/"), encode("")): "READ"}}
    steps = plan(etcd, Access({}, {"reader": granted(["/a/"], ["/a/b/"])}, is_enabled=True))
    assert [step.says for step in steps][:3] == [
        "let reader read /a/",
        "let reader use /a/b/",
        "no longer let reader use /b/..",
    ]


def test_no_password_is_said() -> None:
    for step in plan(Accounts(), DESIRED):
        assert not any(password in step.says for password in PASSWORDS.values())


@given(etcd=accounts(), desired=wishes())
def test_the_steps_lead_to_what_is_wanted(etcd: Accounts, desired: Access) -> None:
    apply(etcd, plan(etcd, desired))
    assert read(etcd) == Access({**desired.users, ROOT: frozenset({ROOT})}, desired.roles, is_enabled=True)
    assert {name: password for name, (password, _) in etcd.users.items()} == {
        name: PASSWORDS[name] for name in [*desired.users, ROOT]
    }
    assert plan(etcd, desired) == []


@given(etcd=accounts(), desired=wishes())
def test_who_has_access_and_keeps_it_has_it_all_the_time(etcd: Accounts, desired: Access) -> None:
    wanted = {
        name: {(encode(keys.key), encode(keys.end)): kind for keys, kind in role.items()}
        for name, role in desired.roles.items()
    }
    reads = {name: readable(etcd, name) & role.keys() for name, role in wanted.items()}
    writes = {
        name: grants(etcd, name) & {place for place, kind in role.items() if kind == "READWRITE"}
        for name, role in wanted.items()
    }
    members = {name: etcd.users[name][1] & roles for name, roles in desired.users.items() if name in etcd.users}
    for step in plan(etcd, desired):
        apply(etcd, [step])
        assert all(places <= readable(etcd, name) for name, places in reads.items())
        assert all(places <= grants(etcd, name) for name, places in writes.items())
        assert all(roles <= etcd.users[name][1] for name, roles in members.items())


@given(etcd=accounts(), desired=wishes(), stops=st.integers(0, 5))
def test_a_run_that_was_interrupted_is_completed_by_the_next(etcd: Accounts, desired: Access, stops: int) -> None:
    apply(etcd, plan(etcd, desired)[:stops])
    apply(etcd, plan(etcd, desired))
    assert plan(etcd, desired) == []
