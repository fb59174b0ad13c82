"""aurore.infra.campaign_outcome from the task to the files of a working tree."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.aurore.infra.plugins.action import campaign_outcome
from ansible_collections.aurore.infra.plugins.module_utils.register import store

from tests.unit.action_call import load
from tests.unit.module_utils.campaign.test_change import CERTIFICATES, PEOPLE, TODAY
from tests.unit.module_utils.campaign.test_outcome import SAID


class Tree:
    """A working tree with the model's files."""

    def __init__(self, root: Path) -> None:
        self.people = root / "model/people.yml"
        self.certificates = root / "model/certificates.yml"
        self.campaign = root / "model/campaigns/2027.yml"
        self.people.parent.mkdir(parents=True)
        self.people.write_text(PEOPLE)
        self.certificates.write_text(CERTIFICATES)

    @property
    def texts(self) -> dict[str, str]:
        """What all files hold, by name."""
        return {path.name: path.read_text() for path in self.people.parent.rglob("*") if path.is_file()}

    def run(self, *, is_check: bool = False, **options: Any) -> dict[str, Any]:
        """Run the task, as a worker does."""
        given = {"outcome": SAID, "people": str(self.people), "register": str(self.people.parent)}
        action = load("aurore.infra.campaign_outcome", given | options, check=is_check)
        result: dict[str, Any] = action.run(task_vars={})
        return result


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setattr(campaign_outcome, "today", lambda: TODAY)
    return Tree(tmp_path)


def test_the_change_is_prepared(tree: Tree) -> None:
    result = tree.run()
    assert result["changed"] is True
    assert [Path(path).name for path in result["files"]] == ["2027.yml", "people.yml", "certificates.yml"]
    assert (result["ended"], result["revoked"], result["last_day"]) == (["cid"], [3, 6], "2027-01-20")
    assert result["renewed"] == {"ann": "2028-02-14", "bob": "2028-02-14"}
    assert "\"until\": '2027-01-20'" in tree.people.read_text()
    assert tree.certificates.read_text().count("revoked: 2027-01-20") == 2
    assert "last_day: 2027-01-20" in tree.campaign.read_text()


def test_check_mode_shows_the_diff_that_is_then_applied_and_writes_nothing(tree: Tree) -> None:
    before = tree.texts
    foretold = tree.run(is_check=True)
    assert tree.texts == before
    assert not tree.campaign.parent.exists()
    applied = tree.run()
    assert foretold == applied
    for shown in applied["diff"]:
        assert shown["before_header"] == shown["after_header"]
        path = Path(shown["after_header"])
        assert shown["before"] == before.get(path.name, "")
        assert shown["after"] == path.read_text()
    assert len(applied["diff"]) == 3


def test_twice_is_once_also_on_another_day(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.run()
    done = tree.texts
    monkeypatch.setattr(campaign_outcome, "today", lambda: date(2027, 1, 25))
    again = tree.run()
    assert (again["changed"], again["files"], again["diff"]) == (False, [], [])
    assert tree.run(is_check=True)["changed"] is False
    assert tree.texts == done


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_an_interrupted_run_is_completed(tree: Tree, monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    write, done = store.write, 0

    def interrupt(path: Path, text: str) -> None:
        nonlocal done
        if done == writes:
            raise KeyboardInterrupt
        done += 1
        write(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            tree.run()
    assert tree.run()["changed"] is True
    assert tree.run()["changed"] is False
    assert "\"until\": '2027-01-20'" in tree.people.read_text()
    assert tree.certificates.read_text().count("revoked: 2027-01-20") == 2
    assert set(tree.texts) == {"people.yml", "certificates.yml", "2027.yml"}


def test_what_comes_next_is_for_people(tree: Tree) -> None:
    steps = tree.run()["next"]
    assert steps[0] == "git switch --create campaign-2027"
    assert steps[1] == f"git add {tree.people} {tree.certificates} {tree.campaign}"
    assert "merge request" in steps[3]
    assert steps[-1].endswith("ansible-playbook playbooks/operations/apply_campaign.yml -e year=2027")


def test_a_last_day_can_be_given(tree: Tree) -> None:
    assert tree.run(last_day="2027-01-31")["last_day"] == "2027-01-31"
    assert "\"until\": '2027-01-31'" in tree.people.read_text()
    assert tree.run(last_day=None)["changed"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"outcome": SAID | {"stays": ["bob"], "leaves": [{"nick": "ann", "reason": "answered no"}]}},
            "nothing was prepared:\n'ann' is the RTC",
        ),
        ({"outcome": SAID | {"stays": []}}, "nothing was prepared:\nnobody would stay"),
        ({"outcome": SAID | {"stays": ["ann", "zoe"]}}, "'zoe' is not in people.yml"),
        ({"outcome": SAID | {"opened": "soon"}}, "outcome:1: wrong-value: 'opened' is 'soon'"),
        ({"outcome": {"year": 2027}}, "missing required arguments: .*found in outcome"),
        ({"outcome": None}, "missing required arguments: outcome"),
        ({"last_day": "soon"}, "last_day is 'soon'; write a day such as 2027-01-31"),
        ({"last_day": "2027-01-02"}, "campaign-days"),
        ({"day": "2027-01-31"}, "Unsupported parameters.*day"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(tree: Tree, options: dict[str, Any], message: str) -> None:
    before = tree.texts
    with pytest.raises(AnsibleActionFail, match=message):
        tree.run(**options)
    assert tree.texts == before


def test_line_ends_stay(tree: Tree) -> None:
    tree.people.write_bytes(PEOPLE.replace("\n", "\r\n").encode())
    tree.run()
    assert tree.people.read_bytes().count(b"\r\n") == PEOPLE.count("\n")


def test_files_that_cannot_be_used_are_named(tree: Tree) -> None:
    tree.people.write_bytes(b"people: \xff")
    with pytest.raises(AnsibleActionFail, match=r"a file cannot be read or written: .*run this again"):
        tree.run()
    tree.people.write_text(PEOPLE.replace("role: rtc", "role: king"))
    with pytest.raises(AnsibleActionFail, match=r"model/people.yml:5: wrong-value"):
        tree.run()
