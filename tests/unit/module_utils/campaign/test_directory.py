"""The group's members against the model, and what a directory's errors mean."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.campaign.directory import (
    MalformedError,
    compare,
    explain,
    first_part,
    nick_of,
)
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2027, 1, 31)


def person(nick: str, since: str = "2026-01-15", until: str = "2027-02-11") -> dict[str, str]:
    return {"nick": nick, "name": nick.title(), "since": since, "until": until}


PEOPLE = [
    person("ann"),
    person("bob", until="2027-01-31"),
    person("cid", until="2027-01-30"),
    person("dan", since="2027-02-01"),
]


def test_a_group_that_is_the_model_s_does_not_differ() -> None:
    found = compare(["bob", "ann"], "memberUid", PEOPLE, TODAY)
    assert found.sentences == []
    assert found.values == {"ann": ("ann",), "bob": ("bob",)}


def test_differences_are_found_both_ways() -> None:
    found = compare(["ann", "cid", "dan", "eve"], "memberUid", PEOPLE, TODAY)
    assert found.missing == ("bob",)
    assert found.extra == {
        "cid": "the mandate ended on 2027-01-30",
        "dan": "the mandate begins on 2027-02-01",
        "eve": "nobody in people.yml has this nick",
    }
    assert found.sentences == [
        "bob is an RT, but not in the group",
        "cid is in the group, but the mandate ended on 2027-01-30",
        "dan is in the group, but the mandate begins on 2027-02-01",
        "eve is in the group, but nobody in people.yml has this nick",
    ]


def test_an_empty_group_lacks_everybody() -> None:
    assert compare([], "memberUid", PEOPLE, TODAY).missing == ("ann", "bob")


@pytest.mark.parametrize("attribute", ["member", "uniqueMember", "UNIQUEMEMBER"])
def test_members_may_be_distinguished_names(attribute: str) -> None:
    members = ["uid=ann,ou=people,dc=example,dc=org", "UID=Bob,ou=people,dc=example,dc=org", "cn=admin,dc=example"]
    found = compare(members, attribute, PEOPLE, TODAY)
    assert found.missing == ()
    assert found.malformed == {"cn=admin,dc=example": "it does not begin with uid="}
    assert found.values["bob"] == ("UID=Bob,ou=people,dc=example,dc=org",)


def test_case_does_not_matter_and_all_of_a_person_s_values_are_known() -> None:
    found = compare(["ANN", "ann", "Bob"], "memberuid", PEOPLE, TODAY)
    assert found.sentences == []
    assert found.values == {"ann": ("ANN", "ann"), "bob": ("Bob",)}


@pytest.mark.parametrize(
    ("value", "nick"),
    [
        ("uid=ann,dc=org", "ann"),
        (" UID = ann , dc=org", "ann"),
        ("cn=Ann+uid=ann,dc=org", "ann"),
        ("0.9.2342.19200300.100.1.1=ann,dc=org", "ann"),
        ("uid=ann", "ann"),
        (r"uid=a\2cb\,c\+d\\,dc=org", "a,b,c+d\\"),
        (r"uid=\c3\89lodie,dc=org", "élodie"),
        ("uid=ann,ou=Élèves\\, anciens,dc=org", "ann"),
    ],
)
def test_the_first_part_names_the_person(value: str, nick: str) -> None:
    assert nick_of(value, "member") == nick


def test_a_unique_member_may_have_a_number_behind_it() -> None:
    assert nick_of("uid=ann,dc=org#'0101'B", "uniqueMember") == "ann"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "ann",
        "uid",
        "uid=ann,",
        ",uid=ann",
        "uid=ann;dc=org",
        'uid="ann",dc=org',
        "uid=a\\",
        "uid=a\\zz",
        "uid=ann,dc",
    ],
)
def test_what_is_no_distinguished_name_is_malformed(value: str) -> None:
    with pytest.raises(MalformedError, match="it is not a distinguished name"):
        first_part(value)
    assert compare([value], "member", PEOPLE, TODAY).malformed.keys() == {value}


@pytest.mark.parametrize("value", ["cn=ann,dc=org", "uid=,dc=org", "ou=x,uid=ann"])
def test_who_has_no_uid_is_nobody(value: str) -> None:
    with pytest.raises(MalformedError, match="it does not begin with uid="):
        nick_of(value, "member")


def test_an_empty_name_is_malformed() -> None:
    found = compare([" "], "memberUid", PEOPLE, TODAY)
    assert found.malformed == {" ": "it is empty"}
    assert "the group holds ' ', which cannot be understood: it is empty" in found.sentences


@pytest.mark.parametrize("members", [[], ["ann"]])
def test_another_attribute_is_refused(members: list[str]) -> None:
    with pytest.raises(ValueError, match="'mail' is no attribute of members"):
        compare(members, "mail", PEOPLE, TODAY)


@given(st.text(max_size=12))
def test_any_name_survives_being_escaped(name: str) -> None:
    escaped = "".join(f"\\{byte:02x}" for byte in name.encode())
    assert first_part(f"uid={escaped},dc=org") == [("uid", name)]


@given(st.text(alphabet="uid=,+\\ #a0\"\n\0'B", max_size=20))
def test_any_value_is_a_member_or_malformed(value: str) -> None:
    for attribute in ("member", "uniqueMember", "memberUid"):
        found = compare([value], attribute, PEOPLE, TODAY)
        assert (value in found.malformed) != any(value in values for values in found.values.values())


SETTINGS = {
    "uri": "ldap://d.example.org",
    "bind_dn": "cn=office",
    "entry": "directory/office",
    "ca": "/etc/ca.crt",
    "group": "cn=rt",
}


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (
            {"msg": "Cannot start TLS.", "details": "{'result': -1, 'desc': \"Can't contact LDAP server\"}"},
            "ldap://d.example.org does not answer; see whether it runs",
        ),
        (
            {"msg": "Cannot bind to the server.", "details": "{'result': 49, 'desc': 'Invalid credentials'}"},
            "the directory refuses the password of cn=office; compare the store's entry directory/office with it",
        ),
        (
            {"msg": "Cannot start TLS.", "details": "{'result': 2, 'info': 'unsupported extended operation'}"},
            "ldap://d.example.org refuses StartTLS, without which no password is sent",
        ),
        ({"msg": "Base not found: cn=rt"}, "ldap://d.example.org has no group cn=rt; correct rt_directory_group"),
        (
            {"msg": "Failed to import the required Python library (python-ldap) on log's Python"},
            "what reads a directory is not installed on this host; run playbooks/site.yml",
        ),
        (
            {"msg": "Attribute action failed.", "details": "{'desc': 'Insufficient access'}"},
            "cn=office may not do that to cn=rt",
        ),
        ({"changed": False, "results": []}, "ldap://d.example.org has no group cn=rt; correct rt_directory_group"),
        ({"msg": "What\n is this?"}, "ldap://d.example.org cannot be asked (What is this?)"),
        ({}, "ldap://d.example.org cannot be asked (no reason was given)"),
    ],
)
def test_errors_are_explained(failure: dict[str, Any], told: str) -> None:
    found = explain(failure, **SETTINGS)
    assert found.startswith(told)
    assert "\n" not in found
