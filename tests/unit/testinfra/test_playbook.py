"""What tests of playbooks say when they fail is what Ansible has said, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.testinfra import conftest, playbook

if TYPE_CHECKING:
    from pathlib import Path

BOOK = """
- name: A play
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Say something
      ansible.builtin.debug: {msg: "a long story"}
    - name: Change something
      ansible.builtin.command: "true"
      changed_when: true
    - name: Refuse
      ansible.builtin.assert:
        that: answer == 42
        fail_msg: ["it is {{ answer }}", "and not 42"]
        quiet: true
"""


@pytest.fixture
def book(tmp_path: Path) -> str:
    path = tmp_path / "book.yml"
    path.write_text(BOOK)
    return str(path)


def test_a_run_that_fails_and_should_not(book: str) -> None:
    ran = playbook.play(book, "--extra-vars", "answer=41")
    for wanted in (playbook.succeeded, playbook.changes):
        with pytest.raises(pytest.fail.Exception) as failed:
            wanted(ran)
        head, task, host, *rest = str(failed.value).splitlines()
        assert head.startswith("The run fails with status 2: ansible-playbook --inventory ")
        assert (task, host) == ("TASK [Refuse]", "fatal: [localhost]: FAILED! => ")
        assert [line.strip() for line in rest][-3:] == ["msg:", "- it is 41", "- and not 42"]
    assert " FAILED! => " in playbook.refused(ran)


def test_a_run_that_succeeds_and_should_not(book: str) -> None:
    ran = playbook.play(book, "--extra-vars", '{"answer": 42}')
    with pytest.raises(pytest.fail.Exception, match="The run is not refused, but ends with status 0") as failed:
        playbook.refused(ran)
    assert "a long story" in str(failed.value)
    assert "a long story" in playbook.succeeded(ran)
    assert playbook.changes(ran) == {"localhost": 1}


def test_a_playbook_that_cannot_be_read_is_not_refused(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"(?s)is not refused.*could not be found"):
        playbook.refused(playbook.play(str(tmp_path / "absent.yml")))


def test_the_first_failure_is_noted_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "LAB", tmp_path)
    conftest.note("test_a\n1\n2\n3", lines=2)
    conftest.note("test_b\n4")
    assert (tmp_path / "failed-tests").read_text() == "test_b\n4\n\ntest_a\n2\n3\n\n"
    monkeypatch.setattr(conftest, "LAB", tmp_path / "removed")
    conftest.note("test_c")
    assert not (tmp_path / "removed").exists()
