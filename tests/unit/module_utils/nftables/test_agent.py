"""The agent of aurore.infra.nftables_ruleset, with the real nft and a kernel's real tables."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.nftables import agent

from tests.unit.firewall import RULESET, empty, eventually, nft

if TYPE_CHECKING:
    from collections.abc import Iterator

FOREIGN = "table ip podman { chain forward { counter accept; }; }"


@pytest.fixture(autouse=True)
def _firewall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(agent, "RUN", tmp_path)
    with empty():
        yield


def call(ruleset: str = RULESET, *, check: bool = False, seconds: float = 60) -> dict[str, Any]:
    """Bring the rules to the ruleset, and confirm them."""
    answer = agent.converge(ruleset, ["lo"], seconds, check=check)
    if pending := answer.pop("pending", None):
        agent.confirm(str(pending))
    return answer


def converge(ruleset: str = RULESET) -> bool:
    """The same; whether they differed."""
    return bool(call(ruleset)["changed"])


def test_an_empty_firewall_is_filled_once() -> None:
    assert call()["before"] == ""
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

    foretold = call(check=True)
    assert foretold["changed"] is True
    assert nft("--stateless", "list", "ruleset") == changed == foretold["before"]

    assert call() == foretold
    assert nft("list", "ruleset") == asked_for
    assert not converge()


def test_tables_of_others_are_left_alone() -> None:
    agent.run([agent.NFT, "-f", "-"], FOREIGN)
    theirs = nft("list", "table", "ip", "podman")
    assert call()["before"] == ""
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
    assert call(check=True) == {"changed": True, "before": "", "after": RULESET}
    with pytest.raises(agent.RulesetError, match=r"there-is-none"):
        converge()


@pytest.mark.parametrize("earlier", ["", RULESET.replace("443", "8443")])
def test_rules_that_nobody_confirms_are_undone(earlier: str, tmp_path: Path) -> None:
    if earlier:
        converge(earlier)
    before = nft("--stateless", "list", "ruleset")
    pending = str(agent.converge(RULESET, [], 0.3, check=False)["pending"])
    assert nft("--stateless", "list", "ruleset") != before
    assert eventually(lambda: nft("--stateless", "list", "ruleset") == before)
    with pytest.raises(agent.RulesetError, match="too late"):
        agent.confirm(pending)


def test_rules_that_are_confirmed_stay(tmp_path: Path) -> None:
    agent.confirm(str(agent.converge(RULESET, [], 0.1, check=False)["pending"]))
    assert eventually(lambda: not undoing(tmp_path))
    assert 'comment "web"' in nft("list", "ruleset")
    assert list(tmp_path.iterdir()) == []


def undoing(directory: Path) -> bool:
    """Whether something still waits for a confirmation."""
    command = ["pgrep", "--full", f"{directory}/aurore-nftables-"]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_what_the_kernel_refuses_needs_no_undoing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(agent, "expected", lambda _: "table inet filter {\n")
    with pytest.raises(agent.RulesetError, match="syntax error"):
        agent.converge("nonsense", [], 60, check=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("check", [True, False])
def test_rules_for_an_interface_that_there_is_not_are_refused(check: bool) -> None:
    with pytest.raises(agent.RulesetError, match=r"^this host has no interface adm0, pub0, only lo: "):
        agent.converge(RULESET, ["adm0", "lo", "pub0"], 60, check=check)
    assert nft("list", "ruleset") == ""


def test_a_command_that_cannot_be_run_or_says_nothing_is_named() -> None:
    with pytest.raises(agent.RulesetError, match=r"^/nowhere: No such file or directory$"):
        agent.run(["/nowhere"])
    with pytest.raises(agent.RulesetError, match=r"^false ended with 1$"):
        agent.run(["false"])


def request(ruleset: str = RULESET, *, check: bool = False) -> str:
    """What the controller sends."""
    return json.dumps({"ruleset": ruleset, "interfaces": [], "seconds": 60, "check": check})


def test_it_answers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    agent.main(request())
    answer = json.loads(capsys.readouterr().out)
    assert answer["changed"] is True
    agent.main(json.dumps({"pending": answer["pending"]}))
    assert json.loads(capsys.readouterr().out) == {}
    agent.main(request("nonsense"))
    assert "syntax error" in json.loads(capsys.readouterr().out)["problem"]


def test_it_needs_nothing_but_the_hosts_python() -> None:
    program = f"{Path(str(agent.__file__)).read_text()}\nmain({request(check=True)!r})\n"
    command = ["/usr/bin/python3", "-I", "-"]
    done = subprocess.run(command, input=program, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["changed"] is True
