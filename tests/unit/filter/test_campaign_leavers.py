"""Who leaves, as a template asks."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.unit.module_utils.campaign.test_outcome import WRITTEN

PEOPLE = [{"nick": "ann", "until": "2027-02-11"}, {"nick": "cid", "until": "2027-01-31"}]


def leavers(text: str = WRITTEN, people: list[dict[str, str]] = PEOPLE, today: str = "2027-01-31") -> Any:
    variables = {"text": text, "people": people, "today": today}
    templar = Templar(loader=DataLoader(), variables=variables)
    call = "{{ text | aurore.infra.campaign_leavers(people, file='campaigns/2027.yml', today=today) }}"
    return templar.template(trust_as_template(call))


def test_those_who_leave_are_named_once_the_model_says_so() -> None:
    assert leavers() == ["cid"]
    assert leavers(WRITTEN.replace('leaves:\n  - nick: cid\n    reason: "no answer"', "leaves: []")) == []


def test_before_the_merge_nobody_leaves() -> None:
    with pytest.raises(AnsibleError) as caught:
        leavers(people=[{"nick": "cid", "until": "2027-02-11"}])
    assert "the mandate of 'cid' runs until 2027-02-11 there, not until 2027-01-31" in str(caught.value)
    assert "the college has not merged the outcome" in str(caught.value)
    with pytest.raises(AnsibleError, match="'cid' is not in people"):
        leavers(people=[])


def test_before_the_last_day_nobody_leaves() -> None:
    with pytest.raises(AnsibleError, match="the mandates of those who leave run until 2027-01-31; run this again then"):
        leavers(today="2027-01-30")


def test_a_file_that_cannot_be_used_is_told_with_its_lines() -> None:
    with pytest.raises(AnsibleError, match=r"nothing was changed:\ncampaigns/2027\.yml:1: campaign-year"):
        leavers(WRITTEN.replace("year: 2027", "year: 2026"))
