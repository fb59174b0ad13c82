"""The agent of aurore.infra.nftables_ruleset, with the real nft and a kernel's real tables."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.nftables import agent

from tests.unit.firewall import RULESET, empty, nft

if TYPE_CHECKING:
    from collections.abc import Iterator

FOREIGN = "table ip podman { chain forward { counter accept; }; }"


@pytest.fixture(autouse=True)
def _firewall() -> Iterator[None]:
    with empty():
        yield


def converge(ruleset: str = RULESET, *, check: bool = False) -> bool:
    """Bring the rules to the ruleset; whether they differed."""
    return bool(agent.converge(ruleset, check=check)["changed"])


def test_an_empty_firewall_is_filled_once() -> None:
    assert agent.converge(RULESET, check=False)["before"] == ""
    assert 'comment "web"' in nft("list", "ruleset")
    assert not converge()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{443, 80}", "{ http, https }"),
        ("priority 0", "priority filter"),
        ("established,related", "related , established"),
    ],
)
def test_spelling_does_not_matter(one: str, other: str) -> None:
    converge(RULESET.replace(one, other))
    assert not converge()


def test_counters_do_not_matter() -> None:
    converge(RULESET.replace("counter", "counter packets 7 bytes 420"))
    assert "packets 7" in nft("list", "ruleset")
    assert not converge()


@pytest.mark.parametrize(
    "by_hand",
    [
        ("add", "rule", "inet", "filter", "input", "tcp", "dport", "4444", "accept"),
        ("flush", "chain", "inet", "filter", "input"),
        ("add", "chain", "inet", "filter", "forward"),
        ("add", "chain", "inet", "filter", "input", "{ policy accept; }"),
        ("delete", "table", "inet", "filter"),
    ],
)
def test_what_was_changed_by_hand_is_shown_and_mended(by_hand: tuple[str, ...]) -> None:
    converge()
    asked_for = nft("list", "ruleset")
    nft(*by_hand)
    changed = nft("--stateless", "list", "ruleset")

    foretold = agent.converge(RULESET, check=True)
    assert foretold["changed"] is True
    assert nft("--stateless", "list", "ruleset") == changed == foretold["before"]

    assert agent.converge(RULESET, check=False) == foretold
    assert nft("list", "ruleset") == asked_for
    assert not converge()


def test_tables_of_others_are_left_alone() -> None:
    agent.run([agent.NFT, "-f", "-"], FOREIGN)
    theirs = nft("list", "table", "ip", "podman")
    assert agent.converge(RULESET, check=False)["before"] == ""
    assert nft("list", "table", "ip", "podman") == theirs
    assert not converge()


def test_a_ruleset_that_nft_refuses_changes_nothing() -> None:
    converge()
    before = nft("list", "ruleset")
    with pytest.raises(agent.RulesetError, match=r"Could not process rule|syntax error"):
        converge(RULESET.replace("accept comment", "acept comment"))
    assert nft("list", "ruleset") == before


def test_where_nft_is_only_planned_check_mode_says_that_all_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "NFT", "/usr/sbin/there-is-none")
    assert agent.converge(RULESET, check=True) == {"changed": True, "before": "", "after": RULESET}
    with pytest.raises(agent.RulesetError, match=r"there-is-none"):
        converge()


def test_a_command_that_cannot_be_run_or_says_nothing_is_named() -> None:
    with pytest.raises(agent.RulesetError, match=r"^/nowhere: No such file or directory$"):
        agent.run(["/nowhere"])
    with pytest.raises(agent.RulesetError, match=r"^false ended with 1$"):
        agent.run(["false"])


def test_it_answers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    agent.main(json.dumps({"ruleset": RULESET, "check": False}))
    assert json.loads(capsys.readouterr().out)["changed"] is True
    agent.main(json.dumps({"ruleset": "nonsense", "check": False}))
    assert "syntax error" in json.loads(capsys.readouterr().out)["problem"]


def test_it_needs_nothing_but_the_hosts_python() -> None:
    request = json.dumps({"ruleset": RULESET, "check": False})
    program = f"{Path(str(agent.__file__)).read_text()}\nmain({request!r})\n"
    command = ["/usr/bin/python3", "-I", "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["changed"] is True
