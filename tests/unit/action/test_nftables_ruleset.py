"""aurore.infra.nftables_ruleset from the task to the kernel, over Ansible's local connection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible_collections.aurore.infra.plugins.module_utils import remote

from tests.unit.action_call import load
from tests.unit.firewall import RULESET, empty, eventually, nft

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _firewall() -> Iterator[None]:
    with empty():
        yield


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever comes in anew is refused, as by rules that drop SSH."""
    ask = remote.ask

    def first_only(action: Any, agent: Any, request: dict[str, Any]) -> dict[str, Any]:
        if "pending" in request:
            raise AnsibleConnectionFailure("Connection timed out")
        return ask(action, agent, request)

    monkeypatch.setattr(remote, "ask", first_only)
    yield
    for left in Path("/run").glob("aurore-nftables-*"):
        left.unlink()


def run(*, check: bool = False, **args: Any) -> dict[str, Any]:
    """Run the task, as a worker does."""
    action = load("aurore.infra.nftables_ruleset", args, check=check)
    result: dict[str, Any] = action.run(task_vars={})
    return result


def test_check_mode_foretells_what_a_run_does() -> None:
    foretold = run(check=True, ruleset=RULESET)
    assert nft("list", "ruleset") == ""
    done = run(ruleset=RULESET)
    assert foretold == done
    assert done["changed"] is True
    assert done["diff"] == [
        {
            "before_header": "rules loaded now",
            "after_header": "rules as they must be",
            "before": "",
            "after": nft("--stateless", "list", "ruleset"),
        }
    ]
    again = run(ruleset=RULESET)
    assert (again["changed"], again["diff"]) == (False, [])


def test_what_nft_refuses_fails_in_its_words() -> None:
    with pytest.raises(AnsibleActionFail, match=r"the ruleset was not loaded: .*syntax error"):
        run(ruleset="table inet { }")


@pytest.mark.usefixtures("refused")
def test_rules_that_let_nobody_in_fail_and_are_undone() -> None:
    with pytest.raises(AnsibleActionFail, match=r"lets nobody in: Connection timed out\. After 1 s it goes back"):
        run(ruleset=RULESET, confirm_seconds=1)
    assert 'comment "web"' in nft("list", "ruleset")
    assert eventually(lambda: nft("list", "ruleset") == "")


def test_a_ruleset_is_asked_for() -> None:
    with pytest.raises(AnsibleActionFail, match="ruleset"):
        run()
