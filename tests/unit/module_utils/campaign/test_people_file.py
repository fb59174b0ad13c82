"""Mandates end in people.yml, and nothing else in it changes."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.aurore.infra.plugins.module_utils.campaign.people_file import end_mandates, read_people
from ansible_collections.aurore.infra.plugins.module_utils.model import ModelError
from hypothesis import given
from hypothesis import strategies as st

KEYS = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpnbACStr5SY3ouNvZsOw2g8QwpgXoD2hxNMjBdGK9b",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrriVq7jm8D+flE2bmzs40cTrB2GFWo0/r498F17N84",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINXHB4ZoilxCt9DNWwXR6lPID7KJ4+AlkpMVBKcG4BO1",
]
END = date(2027, 1, 18)
# Every way to write a mandate, and days where a search would find the wrong ones.
TEXT = f"""\
# The people. until: 2027-02-11 is said here too.
people:
  - nick: ann   # the lead
    name: "Ann; until: 2027-02-11"
    role: rtc
    mail: ann@example.org
    keys: [{KEYS[0]}]
    mandate: {{since: 2026-01-15, until: 2027-02-11}}   # was until: 2027-02-11 before

  - nick: bob
    name: Bob
    role: rt
    mail: bob@example.org
    keys:
      - {KEYS[1]}
    mandate:
      # Both included.
      until: "2027-02-11" # 2027-02-11
      since:    2026-01-15
  - {{nick: cid, name: Cid 2027-02-11, role: rt, mail: cid@example.org, keys: [{KEYS[2]}],
     mandate: {{"until": '2027-02-11', since: 2027-02-11}}}}
"""


def changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    """The lines that differ, before and after."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    assert len(old) == len(new)
    return [(one, other) for one, other in zip(old, new, strict=True) if one != other]


def plain(text: str) -> Any:
    return yaml.load(text, yaml.BaseLoader)


def test_in_flow_style_the_day_alone_changes() -> None:
    after = end_mandates(TEXT, {"ann": END})
    assert changed_lines(TEXT, after) == [
        (
            "    mandate: {since: 2026-01-15, until: 2027-02-11}   # was until: 2027-02-11 before\n",
            "    mandate: {since: 2026-01-15, until: 2027-01-18}   # was until: 2027-02-11 before\n",
        )
    ]


def test_in_block_style_the_day_alone_changes() -> None:
    after = end_mandates(TEXT, {"bob": END})
    assert changed_lines(TEXT, after) == [
        ('      until: "2027-02-11" # 2027-02-11\n', '      until: "2027-01-18" # 2027-02-11\n')
    ]


def test_the_same_day_elsewhere_on_the_line_stays() -> None:
    line = f"  - {{nick: dan, name: 2027-02-11, role: rt, mail: d@e.fr, keys: [{KEYS[0]}], "
    mandates = [f"mandate: {{since: 2026-01-15, until: {day}}}}}\n" for day in ("2027-02-11", "2027-01-18")]
    assert end_mandates(f"people:\n{line}{mandates[0]}", {"dan": END}) == f"people:\n{line}{mandates[1]}"


def test_several_at_once() -> None:
    after = end_mandates(TEXT, {"bob": END, "ann": date(2027, 1, 31)})
    assert {person.nick: str(person.mandate.until) for person in read_people(after)} == {
        "ann": "2027-01-31",
        "bob": "2027-01-18",
        "cid": "2027-02-11",
    }


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_and_a_missing_last_one_stay(end: str) -> None:
    text = TEXT.rstrip("\n").replace("\n", end)
    after = end_mandates(text, {"ann": END, "bob": END})
    assert after.count(end) == text.count(end)
    assert not after.endswith(end)
    assert len(after) == len(text)


@pytest.mark.parametrize("day", ["2027-02-11", "2027-02-12", "2099-01-01"])
def test_a_mandate_that_ends_by_then_is_left(day: str) -> None:
    assert end_mandates(TEXT, {"ann": date.fromisoformat(day), "bob": date.fromisoformat(day)}) == TEXT


def test_twice_is_once() -> None:
    once = end_mandates(TEXT, {"ann": END, "bob": END})
    assert end_mandates(once, {"ann": END, "bob": END}) == once
    assert end_mandates(once, {"ann": date(2027, 1, 30)}) == once


def test_on_the_repository_s_own_file() -> None:
    text = Path("inventory/model/people.yml").read_text()
    person = read_people(text)[-1]
    after = end_mandates(text, {person.nick: person.mandate.since})
    assert len(changed_lines(text, after)) == 1
    assert read_people(after)[-1].mandate.until == person.mandate.since


def test_every_problem_is_told_with_its_line() -> None:
    with pytest.raises(ModelError) as caught:
        end_mandates(TEXT, {"dan": END, "cid": END, "eve": END}, "model/people.yml")
    assert str(caught.value).splitlines() == [
        "model/people.yml:1: unknown-person: 'dan' is not in the file; correct the nick, or add the person",
        "model/people.yml:1: unknown-person: 'eve' is not in the file; correct the nick, or add the person",
        "model/people.yml:21: mandate-dates: the mandate of 'cid' begins after 2027-01-18, when it would end; choose a "
        "later day",
    ]


def test_a_day_on_another_line_than_its_key_is_told() -> None:
    text = TEXT.replace('until: "2027-02-11" # 2027-02-11', 'until:\n        "2027-02-11"')
    with pytest.raises(ModelError, match=r"people\.yml:18: mandate-line: the day .* 'bob' .* put it there"):
        end_mandates(text, {"bob": END})


def test_a_person_who_is_there_twice_is_told() -> None:
    text = TEXT.replace("nick: bob", "nick: ann")
    with pytest.raises(ModelError, match=r"people\.yml:10: duplicate-name: 'ann' is in the file more than once"):
        end_mandates(text, {"ann": END})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "people.yml:1: missing-key: the file is not a mapping with the key 'people'"),
        ("people: [", "people.yml:1: yaml-syntax"),
        (TEXT.replace("role: rtc", "role: king"), "people.yml:5: wrong-value: 'role' is 'king'"),
    ],
)
def test_a_file_that_is_wrong_already_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ModelError) as caught:
        end_mandates(text, {"ann": END})
    assert str(caught.value).startswith(problem)


nicks = st.sampled_from(["ann", "bob", "cid", "null", "7", "until"])
days = st.dates(date(2026, 1, 1), date(2029, 12, 31))
comments = st.sampled_from(["", "  # until: 2027-02-11", " # }", " # é, until: '2028-01-01'"])
names = st.sampled_from(["Ann", "2027-02-11", "until 2027-02-11", "Élodie # 2", "a: {until: 2027-02-11}"])


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A people.yml in some style, and the nicks in it."""
    people = draw(st.lists(nicks, min_size=1, max_size=4, unique=True))
    lines = [f"# until: 2027-02-11{draw(comments)}", "people:"]
    for nick in people:
        since = draw(st.dates(date(2025, 1, 1), date(2026, 12, 31)))
        until = draw(st.one_of(st.just(date(2027, 2, 11)), days.filter(lambda day, since=since: day >= since)))
        quote = draw(st.sampled_from(["", '"', "'"]))
        pair = [f"since: {since}", f"until: {quote}{until}{quote}"]
        pair = pair[::-1] if draw(st.booleans()) else pair
        style = draw(st.sampled_from(["block", "flow", "broken flow", "all flow"]))
        head = [f'nick: "{nick}"', f'name: "{draw(names)}"', "role: rt", "mail: a@b.fr", f"keys: [{KEYS[0]}]"]
        if style == "all flow":
            lines.append(f"  - {{{', '.join([*head, f'mandate: {{{", ".join(pair)}}}'])}}}{draw(comments)}")
            continue
        lines += [f"  - {head[0]}{draw(comments)}", *(f"    {one}" for one in head[1:])]
        match style:
            case "block":
                lines += ["    mandate:", *(f"      {one}{draw(comments)}" for one in pair)]
            case "flow":
                lines.append(f"    mandate: {{{', '.join(pair)}}}{draw(comments)}")
            case _:
                lines += [f"    mandate: {{{pair[0]},{draw(comments)}", f"      {pair[1]}}}{draw(comments)}"]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return end.join(lines) + draw(st.sampled_from(["", end])), people


@given(files(), st.data())
def test_only_the_days_differ(file: tuple[str, list[str]], data: st.DataObject) -> None:
    text, people = file
    before = {person.nick: person.mandate for person in read_people(text)}
    ends = {
        nick: max(data.draw(days), before[nick].since)
        for nick in data.draw(st.lists(st.sampled_from(people), unique=True))
    }
    after = end_mandates(text, ends)
    wanted = {nick: min(mandate.until, ends.get(nick, mandate.until)) for nick, mandate in before.items()}
    assert {person.nick: person.mandate.until for person in read_people(after)} == wanted
    # Another reader sees the same change and no other.
    expected = plain(text)
    for person in expected["people"]:
        person["mandate"]["until"] = str(wanted[person["nick"]])
    assert plain(after) == expected
    # Byte for byte the same but for as many days as were to change.
    shortened = [nick for nick in people if wanted[nick] != before[nick].until]
    assert len(changed_lines(text, after)) == len(shortened)
    blank = re.compile(r"\d{4}-\d\d-\d\d")
    assert blank.sub("", after) == blank.sub("", text)
    # Whatever the day, once more changes nothing.
    assert end_mandates(after, ends) == after
