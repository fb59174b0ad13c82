"""What a run loads before it forks, as a run of its own shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.aurore.infra.plugins.callback import preload

ROOT = Path(__file__).parents[3]
# A worker tells what it has from its parent, before it evaluates anything by itself.
ACTION = """
import os
import sys

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        loaded = [name for name in sys.modules if "plugins.filter.core" in name or "plugins.filter.sshfp" in name]
        return {"changed": False, "parent": os.getppid(), "msg": f"loaded={len(loaded)}"}
"""
PLAY = """
- name: Look
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Look
      look:
"""


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    (tmp_path / "action_plugins").mkdir()
    (tmp_path / "action_plugins/look.py").write_text(ACTION)
    (tmp_path / "library").mkdir()
    (tmp_path / "library/look.py").write_text("")
    path = tmp_path / "playbook.yml"
    path.write_text(PLAY)
    return path


def loaded(playbook: Path, callbacks: str) -> int:
    ansible = str(Path(sys.executable).with_name("ansible-playbook"))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(playbook.parent), "ANSIBLE_CALLBACKS_ENABLED": callbacks}
    done = subprocess.run(
        [ansible, "--inventory=localhost,", "--connection=local", str(playbook), "-v"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"loaded=(\d+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert "[WARNING]: Skipping callback" not in done.stderr
    return int(found[1])


def test_workers_have_the_filters_from_their_parent(playbook: Path) -> None:
    assert loaded(playbook, preload.CallbackModule.CALLBACK_NAME) > loaded(playbook, "ansible.builtin.minimal") == 0


def test_the_repository_enables_it() -> None:
    assert f"callbacks_enabled = {preload.CallbackModule.CALLBACK_NAME}" in (ROOT / "ansible.cfg").read_text()


def test_each_collection_is_there() -> None:
    assert all(preload.filter_loader.get(name) is not None for name in preload.COLLECTIONS)


def test_it_loads_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(preload.filter_loader, "get", asked.append)
    preload.CallbackModule().v2_playbook_on_start(None)
    assert asked == [*preload.COLLECTIONS]
