"""From what the campaign's program says to the files that the college reads."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.campaign import outcome
from ansible_collections.aurore.infra.plugins.module_utils.campaign.change import Before, RefusedError, prepare
from ansible_collections.aurore.infra.plugins.module_utils.campaign.people_file import read_people
from ansible_collections.aurore.infra.plugins.module_utils.model import ModelError
from ansible_collections.aurore.infra.plugins.module_utils.register import file as register

from .test_outcome import SAID
from .test_people_file import KEYS, TEXT

PEOPLE = TEXT.replace("since: 2027-02-11}}", "since: 2026-01-15}}").replace("'2027-02-11'", "'2028-02-11'")
PATHS = Before("people.yml", "certificates.yml", "campaigns/2027.yml")
TODAY = date(2027, 1, 20)


def line(serial: int, person: str, since: str, until: str, more: str = "") -> str:
    key = f"SHA256:{'k' * 43}"
    days = f"since: {since}, until: {until}"
    return (
        f"  - {{serial: {serial}, person: {person}, principals: [root], {days}, key: {key}, authority: {key}{more}}}\n"
    )


CERTIFICATES = "# The register.\ncertificates:\n" + "".join(
    [
        line(1, "ann", "2026-01-15", "2027-02-12"),
        line(2, "cid", "2025-01-15", "2026-02-12"),
        line(3, "cid", "2026-01-15", "2027-02-12"),
        line(4, "bob", "2026-01-15", "2027-02-12"),
        line(5, "cid", "2026-03-01", "2027-03-29", ", revoked: 2026-04-01, reason: lost"),
        line(6, "cid", "2026-04-01", "2027-04-29"),
        line(7, "cid", "2026-04-01", "2027-01-20"),
    ]
)
NOW = Before(PEOPLE, CERTIFICATES, "")


def test_mandates_end_and_certificates_that_still_run_are_revoked() -> None:
    planned = prepare(SAID, NOW, PATHS, TODAY, None)
    assert (planned.ended, planned.revoked, planned.last_day) == (("cid",), (3, 6), TODAY)
    assert {one.nick: str(one.mandate.until) for one in read_people(planned.after.people)} == {
        "ann": "2028-02-14",
        "bob": "2028-02-14",
        "cid": "2027-01-20",
    }
    lines = {one.serial: one for one in register.read(planned.after.certificates)}
    assert {serial for serial, one in lines.items() if one.revoked == TODAY} == {3, 6}
    assert lines[3].reason == "campaign of January 2027: no answer"
    assert (str(lines[5].revoked), lines[5].reason) == ("2026-04-01", "lost")
    before, after = CERTIFICATES.splitlines(), planned.after.certificates.splitlines()
    assert [number for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new] == [4, 7]
    found = outcome.read(planned.after.campaign, PATHS.campaign)
    assert found.last_day == TODAY


@pytest.mark.parametrize("day", [TODAY, date(2027, 1, 21), date(2027, 3, 1)])
def test_once_done_nothing_is_left_whatever_the_day(day: date) -> None:
    done = prepare(SAID, NOW, PATHS, TODAY, None).after
    again = prepare(SAID, done, PATHS, day, None)
    assert again.after == done
    assert (again.ended, again.revoked, again.renewed, again.last_day) == ((), (), {}, TODAY)


@pytest.mark.parametrize("written", [{2}, {2, 0}])
def test_what_was_interrupted_is_completed_on_another_day(written: set[int]) -> None:
    done = prepare(SAID, NOW, PATHS, TODAY, None).after
    partly = Before(*(done[place] if place in written else NOW[place] for place in range(3)))
    completed = prepare(SAID, partly, PATHS, date(2027, 1, 22), None)
    assert completed.after.people == done.people
    assert completed.after.campaign == done.campaign
    revoked = {one.serial for one in register.read(completed.after.certificates) if one.revoked == date(2027, 1, 22)}
    assert revoked == {3, 6}


def test_the_last_day_may_be_chosen_and_is_not_before_the_deadline_by_itself() -> None:
    assert prepare(SAID, NOW, PATHS, TODAY, date(2027, 1, 31)).last_day == date(2027, 1, 31)
    assert prepare(SAID, NOW, PATHS, date(2027, 1, 10), None).last_day == date(2027, 1, 18)
    with pytest.raises(ModelError, match="campaign-days: 2027-01-17 is before 2027-01-18"):
        prepare(SAID, NOW, PATHS, TODAY, date(2027, 1, 17))


def test_the_mandates_of_those_who_stay_are_renewed() -> None:
    planned = prepare(SAID, NOW, PATHS, TODAY, None)
    assert planned.renewed == {"ann": date(2028, 2, 14), "bob": date(2028, 2, 14)}
    longer = NOW._replace(people=NOW.people.replace("2027-02-11", "2029-01-01"))
    assert prepare(SAID, longer, PATHS, TODAY, None).renewed == {}


def test_when_nobody_leaves_the_outcome_alone_is_written() -> None:
    planned = prepare(SAID | {"stays": ["ann", "bob", "cid"], "leaves": []}, NOW, PATHS, TODAY, None)
    assert planned.after.certificates == NOW.certificates
    assert "leaves: []" in planned.after.campaign
    assert set(planned.renewed) == {"ann", "bob", "cid"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"stays": ["bob"], "leaves": [{"nick": "ann", "reason": "answered no"}]}, "'ann' is the RTC"),
        ({"stays": []}, "nobody would stay"),
        ({"stays": ["ann", "zoe"]}, "'zoe' is not in people.yml"),
        ({"stays": [], "unclear": ["zoe"]}, "nobody would stay.*\n|'zoe' is not in people.yml"),
    ],
)
def test_what_must_not_be_is_refused(said: dict[str, Any], why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        prepare(SAID | said, NOW, PATHS, TODAY, None)


def test_who_was_to_leave_and_stays_after_all_is_for_git() -> None:
    done = prepare(SAID, NOW, PATHS, TODAY, None).after
    with pytest.raises(RefusedError, match=r"'cid' should leave, which is no longer so; .*`git restore people.yml"):
        prepare(SAID | {"stays": ["ann", "bob", "cid"], "leaves": []}, done, PATHS, TODAY, None)


@pytest.mark.parametrize(
    "damaged", [NOW._replace(people=""), NOW._replace(certificates="x"), NOW._replace(campaign="x")]
)
def test_files_that_are_wrong_are_told(damaged: Before) -> None:
    with pytest.raises(ModelError):
        prepare(SAID, damaged, PATHS, TODAY, None)


def test_the_keys_of_the_example_are_used() -> None:
    assert len({key for person in read_people(PEOPLE) for key in person.keys}) == len(KEYS)
