"""A group's entry against the model, as a template asks."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

PEOPLE = [
    {"nick": "ann", "since": "2020-01-01", "until": "2099-12-31"},
    {"nick": "bob", "since": "2020-01-01", "until": "2099-12-31"},
    {"nick": "cid", "since": "2020-01-01", "until": "2021-12-31"},
]


def difference(entry: dict[str, Any], arguments: str = "people") -> Any:
    templar = Templar(loader=DataLoader(), variables={"entry": entry, "people": PEOPLE})
    return templar.template(trust_as_template(f"{{{{ entry | aurore.infra.directory_difference({arguments}) }}}}"))


@pytest.mark.parametrize(
    ("entry", "missing"),
    [
        ({"dn": "cn=rt", "memberUid": ["ann", "bob"]}, []),
        ({"dn": "cn=rt", "memberuid": ["bob", "ann"]}, []),
        # Of one value, the module returns no list.
        ({"dn": "cn=rt", "memberUid": "bob"}, ["ann"]),
        ({"dn": "cn=rt"}, ["ann", "bob"]),
    ],
)
def test_members_are_found_however_the_module_returns_them(entry: dict[str, Any], missing: list[str]) -> None:
    found = difference(entry)
    assert list(found["missing"]) == missing
    assert found["sentences"] == [f"{nick} is an RT, but not in the group" for nick in missing]


def test_both_ways() -> None:
    found = difference({"memberUid": ["ann", "Cid", "dan"]})
    assert found["extra"] == {
        "Cid": "the mandate ended on 2021-12-31",
        "dan": "nobody in people.yml has this nick",
    }
    assert list(found["missing"]) == ["bob"]
    assert {nick: list(values) for nick, values in found["values"].items()} == {
        "ann": ["ann"],
        "cid": ["Cid"],
        "dan": ["dan"],
    }


def test_by_another_attribute_on_another_day() -> None:
    entry = {"member": ["uid=ann,dc=org", "nonsense"]}
    found = difference(entry, "people, 'member', today='2021-01-01'")
    assert list(found["missing"]) == ["bob", "cid"]
    assert found["malformed"].keys() == {"nonsense"}
    assert list(difference(entry, "people, 'member', today=''")["missing"]) == ["bob"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [("people, 'mail'", "directory_difference: 'mail' is no attribute"), ("people, today='soon'", "year-month-day")],
)
def test_what_cannot_be_is_told(arguments: str, message: str) -> None:
    with pytest.raises(AnsibleError, match=message):
        difference({"mail": "ann"}, arguments)
