"""The campaign's file: written, read back, and refused when it cannot be."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.aurore.infra.plugins.module_utils.campaign import outcome
from ansible_collections.aurore.infra.plugins.module_utils.campaign.people_file import read_people
from ansible_collections.aurore.infra.plugins.module_utils.model import ModelError
from hypothesis import given
from hypothesis import strategies as st

from .test_people_file import TEXT

SAID: dict[str, Any] = {
    "year": 2027,
    "opened": "2027-01-04",
    "deadline": "2027-01-18",
    "stays": ["bob", "ann"],
    "leaves": [{"nick": "cid", "reason": "no answer"}],
    "late": ["cid"],
    "unclear": [],
}
LAST = date(2027, 1, 31)
FILE = "campaigns/2027.yml"
WRITTEN = """\
year: 2027
opened: 2027-01-04
deadline: 2027-01-18
# The last day of the mandates of those who leave.
last_day: 2027-01-31
stays:
  - ann
  - bob
leaves:
  - nick: cid
    reason: "no answer"
late:
  - cid
unclear: []
"""


def test_a_file_says_what_the_program_said() -> None:
    text = outcome.write(outcome.answers(SAID), LAST)
    assert text.endswith(WRITTEN)
    found = outcome.read(text, FILE)
    assert (found.year, str(found.opened), found.last_day) == (2027, "2027-01-04", LAST)
    assert found.stays == ("ann", "bob")
    assert [(one.nick, one.reason) for one in found.leaves] == [("cid", "no answer")]
    assert (found.late, found.unclear) == (("cid",), ())


def test_its_head_says_whose_decision_it_is_and_what_applies_it() -> None:
    head = outcome.write(outcome.answers(SAID), LAST).removesuffix(WRITTEN)
    assert all(line.startswith("#") for line in head.splitlines() if line)
    assert "merging it is the college's decision" in head
    assert "ansible-playbook playbooks/operations/apply_campaign.yml -e year=2027" in head
    assert "ansible-playbook playbooks/site.yml" in head


def test_the_order_of_what_was_said_does_not_matter() -> None:
    other = SAID | {"stays": ["ann", "bob"]}
    assert outcome.write(outcome.answers(SAID), LAST) == outcome.write(outcome.answers(other), LAST)


def test_the_repository_s_linter_has_nothing_to_say(tmp_path: Path) -> None:
    path = tmp_path / "2027.yml"
    path.write_text(outcome.write(outcome.answers(SAID), LAST))
    linter = str(Path(sys.executable).with_name("yamllint"))
    subprocess.run([linter, "--strict", "--config-file", ".yamllint", str(path)], check=True)


nicks = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?|null|true|12|0x1|1e3|2027-01-01", fullmatch=True)
reasons = st.text(min_size=1, max_size=30).filter(
    lambda text: text.strip() == text and all(" " <= one != "\x7f" for one in text)
)


@given(st.lists(nicks, unique=True, min_size=1, max_size=6), st.lists(reasons, min_size=6, max_size=6), st.data())
def test_whatever_was_said_is_read_back(people: list[str], why: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(people)))
    leaves = [{"nick": nick, "reason": reason} for nick, reason in zip(people[cut:], why, strict=False)]
    said = outcome.answers(SAID | {"stays": people[:cut], "leaves": leaves, "late": people, "unclear": people[:1]})
    text = outcome.write(said, LAST)
    found = outcome.read(text, FILE)
    assert set(found.stays) == set(people[:cut])
    assert {one.nick: one.reason for one in found.leaves} == {one["nick"]: one["reason"] for one in leaves}
    assert (set(found.late), found.unclear) == (set(people), tuple(people[:1]))
    assert outcome.write(found, LAST) == text
    # PyYAML, which Ansible uses, must at least be able to.
    assert yaml.safe_load(text)["year"] == 2027


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        ("year: 2027", "year: 2028", ["1: campaign-year: the file of the year 2028 is 2028.yml; correct one of them"]),
        (
            "deadline: 2027-01-18",
            "deadline: 2027-01-01",
            ["3: campaign-days: 2027-01-01 is before 2027-01-04; exchange or correct the days"],
        ),
        (
            "last_day: 2027-01-31",
            "last_day: 2027-01-17",
            ["5: campaign-days: 2027-01-17 is before 2027-01-18, until when answers count; choose a later day"],
        ),
        ("nick: cid", "nick: ann", ["10: campaign-twice: 'ann' is in stays or leaves already; keep one"]),
        ("  - bob", "  - Bob", ["8: wrong-value: 'stays' is 'Bob'; write lower-case letters, digits and hyphens, 63"]),
        (
            "opened: 2027-01-04\n",
            "opend: 2027-01-04\n",
            ["1: missing-key: key 'opened' is missing; add it", "2: unknown-key: key 'opend' is unknown here"],
        ),
        ("unclear: []", "unclear: [", ["14: yaml-syntax"]),
    ],
)
def test_each_problem_has_its_line(old: str, new: str, problems: list[str]) -> None:
    assert old in WRITTEN
    with pytest.raises(ModelError) as caught:
        outcome.read(WRITTEN.replace(old, new), FILE)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(problems)
    for line, problem in zip(lines, problems, strict=True):
        assert line.startswith(f"{FILE}:{problem}")


def test_problems_are_told_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        outcome.answers(SAID | {"opened": "soon", "stays": "ann", "late": ["Cid"], "more": 1})
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "unknown-key",
        "wrong-type",
        "wrong-value",
        "wrong-value",
    ]


def test_days_may_be_days() -> None:
    assert outcome.answers(SAID | {"opened": date(2027, 1, 4)}) == outcome.answers(SAID)


# --- What must not be


def objections(**said: Any) -> list[str]:
    return outcome.objections(outcome.answers(SAID | said), read_people(TEXT))


def test_an_ordinary_outcome_meets_no_objection() -> None:
    assert objections() == []
    assert objections(stays=["ann", "bob", "cid"], leaves=[], late=[]) == []


def test_the_rtc_does_not_leave_with_the_token() -> None:
    (why,) = objections(stays=["bob"], leaves=[{"nick": "ann", "reason": "answered no"}])
    assert why.startswith("'ann' is the RTC, keeps the token, and is among those who leave; give the role rtc")


def test_a_former_rtc_may_leave_once_another_has_the_role() -> None:
    people = read_people(TEXT.replace("role: rt\n", "role: rtc\n").replace("role: rtc\n", "role: rt\n", 1))
    said = outcome.answers(SAID | {"stays": ["bob"], "leaves": [{"nick": "ann", "reason": "answered no"}]})
    assert outcome.objections(said, people) == []


def test_somebody_has_to_stay() -> None:
    why = objections(stays=[], leaves=[{"nick": "bob", "reason": "no answer"}, {"nick": "cid", "reason": "no answer"}])
    assert len(why) == 1
    assert why[0].startswith("nobody would stay")


def test_who_is_not_in_the_model_is_named_wherever_they_are() -> None:
    why = objections(stays=["ann", "dan"], leaves=[{"nick": "eve", "reason": "no answer"}], late=["dan"])
    assert why == [f"'{nick}' is not in people.yml; correct the nick, or add the person" for nick in ("dan", "eve")]


def test_a_model_that_does_not_say_the_same_is_told() -> None:
    found = outcome.read(WRITTEN, FILE)
    assert outcome.disagreements(found, {"cid": LAST}) == []
    assert outcome.disagreements(found, {"cid": date(2027, 1, 18)}) == []
    assert outcome.disagreements(found, {"cid": date(2027, 2, 11)}) == [
        "the mandate of 'cid' runs until 2027-02-11 there, not until 2027-01-31"
    ]
    assert outcome.disagreements(found, {}) == ["'cid' is not in people.yml"]
