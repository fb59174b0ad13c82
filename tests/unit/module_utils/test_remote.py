"""One round trip: over Ansible's local connection, with agents that are a few lines long."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.aurore.infra.plugins.module_utils import remote

from tests.unit.action_call import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

type Ask = Callable[[str, object], dict[str, Any]]

ECHO = """
import json, os, sys

def main(request):
    print("Welcome to git")
    print(json.dumps({"request": json.loads(request), "isolated": sys.flags.isolated, "arguments": sys.argv}))
"""


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Has an agent of that source serve a request."""

    def module(source: str) -> ModuleType:
        path = tmp_path / "agent.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location("agent", path)
        assert spec is not None
        return importlib.util.module_from_spec(spec)

    def run(source: str, request: object) -> dict[str, Any]:
        action = load("ansible.builtin.debug", {})
        return remote.ask(action, module(source), request)

    return run


@pytest.mark.parametrize(
    "request_", [{"à": ["'\"\\", "\u2028\n\r\x00", None, 1.5, True]}, "", [], {"long": "x" * 300_000}]
)
def test_what_is_asked_arrives_as_it_is(ask: Ask, request_: object) -> None:
    answer = ask(ECHO, request_)
    assert answer["request"] == request_
    assert answer["isolated"] == 1
    assert answer["arguments"] == ["-"], "a request may hold secrets, and any user can read arguments"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def main(request): pass", "did not answer: exit status 0"),
        ("def main(request): print('{\"half')", 'did not answer: {"half / exit status 0'),
        ("import sys\ndef main(request): sys.exit(7)", "did not answer: exit status 7"),
        ("import sys\ndef main(request): sys.exit('no room')", "did not answer: no room / exit status 1"),
        ("def main(request): raise ValueError('bad')", "ValueError: bad / exit status 1"),
        ("def main(request): print(); print('[1')", "[1 / exit status 0"),
    ],
)
def test_without_an_answer_it_says_what_was_said(ask: Ask, source: str, said: str) -> None:
    with pytest.raises(AnsibleActionFail) as refusal:
        ask(source, {"password": "hunter2"})
    assert said in str(refusal.value)
    # json, which every agent needs, is not in python3-minimal.
    assert "Is it installed (package python3), and does the connection support pipelining?" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)
