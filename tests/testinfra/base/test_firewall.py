"""What the kernel has loaded is what the model says, all of it and no more; and packets find out the same."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from ipaddress import collapse_addresses, ip_address, ip_network, summarize_address_range
from typing import TYPE_CHECKING, Any

import pytest

from ..conftest import Variables, connect, eventually, run
from ..playbook import refused, site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

# Rules of every host that no opening of the model asks for, as nft prints them.
ALWAYS = [
    'iif "lo" accept',
    "ct state vmap { invalid : drop, established : accept, related : accept }",
    "icmp type { destination-unreachable, echo-request, time-exceeded, parameter-problem } accept",
    "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request } accept",
    "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept",
    "icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
]

type Opening = tuple[str, str, str, frozenset[str], frozenset[str]]


def wanted(model: Variables) -> set[Opening]:
    """The openings as (interface, family, protocol, ports, clients)."""
    return {
        (
            opening["interface"] or "",
            family,
            opening["protocol"],
            frozenset(map(str, opening["ports"])),
            frozenset(clients),
        )
        for opening in model["model_openings"]
        for family, clients in (
            [("any", [])] if opening["anyone"] else [("ip", opening["ipv4"]), ("ip6", opening["ipv6"])]
        )
        if opening["anyone"] or clients
    }


def members(right: Any) -> Iterator[str]:
    """The elements of a set in nft's JSON, or the one value; adjacent networks come back as ranges."""
    for one in right["set"] if isinstance(right, dict) and "set" in right else [right]:
        match one:
            case {"prefix": {"addr": address, "len": length}}:
                yield f"{address}/{length}"
            case {"range": [low, high]}:
                yield f"{low}-{high}"
            case _:
                yield str(one)


def opening(rule: dict[str, Any]) -> Opening:
    """An opening, read back from a rule of the kernel's."""
    interface, family, protocol, ports, clients = "", "any", "", frozenset[str](), frozenset[str]()
    for expression in rule["expr"]:
        match expression:
            case {"match": {"left": {"meta": {"key": "iifname"}}, "right": name}}:
                interface = name
            case {
                "match": {"left": {"payload": {"protocol": "ip" | "ip6" as found, "field": "saddr"}}, "right": right}
            }:
                family, clients = found, frozenset(members(right))
            case {"match": {"left": {"payload": {"protocol": found, "field": "dport"}}, "right": right}}:
                protocol, ports = found, frozenset(members(right))
    return interface, family, protocol, ports, clients


def networks(clients: frozenset[str]) -> frozenset[str]:
    """Clients in one form: the kernel merges neighbours, the model lists them."""
    if not clients:
        return clients
    found: list[Any] = []
    for client in clients:
        low, dash, high = client.partition("-")
        found += list(summarize_address_range(ip_address(low), ip_address(high))) if dash else [ip_network(low)]
    return frozenset(map(str, collapse_addresses(found)))


def test_the_loaded_ruleset_is_the_model_s_as_a_whole(each: Host, fleet: dict[str, Variables]) -> None:
    listed = json.loads(each.check_output("nft --json list table inet filter"))["nftables"]
    chains = {one["chain"]["name"]: one["chain"] for one in listed if "chain" in one}
    assert {name: chain["policy"] for name, chain in chains.items()} == {
        "input": "drop",
        "forward": "drop",
        "output": "accept",
    }
    rules = [one["rule"] for one in listed if "rule" in one]
    assert {rule["chain"] for rule in rules} == {"input"}

    with_comment = [rule for rule in rules if "comment" in rule]
    # The last one counts what falls through to the policy; all others let something in.
    assert [rule["comment"] for rule in with_comment if "accept" not in rule["expr"][-1]] == ["dropped"]
    openings = [opening(rule) for rule in with_comment if "accept" in rule["expr"][-1]]
    loaded = {(*one[:4], networks(one[4])) for one in openings}
    model = {(*one[:4], networks(one[4])) for one in wanted(fleet[each.backend.get_hostname()])}
    assert loaded == model
    assert len(openings) == len(loaded)

    printed = each.check_output("nft --stateless list chain inet filter input").splitlines()
    others = [line.strip() for line in printed if line.startswith("\t\t") and " accept comment " not in line]
    assert [line for line in others if not line.startswith("type filter")] == [*ALWAYS, 'counter comment "dropped"']


def test_what_else_is_loaded_lets_nobody_in(each: Host, fleet: dict[str, Variables]) -> None:
    listed = json.loads(each.check_output("nft --json list ruleset"))["nftables"]
    services = fleet[each.backend.get_hostname()]["model_services"]
    # It is there once a primary has been silent.
    fence = {"patroni_fence"} if "postgresql" in services else set()
    assert {one["table"]["name"] for one in listed if "table" in one} - fence == {"filter"}
    # What one table accepts goes on to the next: only a drop counts.
    assert all("drop" in one["rule"]["expr"][-1] for one in listed if "rule" in one and one["rule"]["table"] in fence)


def reaches(name: str, address: str, port: int) -> bool:
    """Whether a connection is made; one that is dropped takes the whole time."""
    attempt = f"import socket; socket.create_connection(('{address}', {port}), 2).close()"
    return connect(name).run(f'python3 -c "{attempt}"').rc == 0


CLOSED = "table inet filter\ndelete table inet filter\ntable inet filter { chain input { %s; policy drop; }; }"


def test_rules_that_would_lock_us_out_undo_themselves() -> None:
    host = connect("www")
    before = host.check_output("nft --stateless list ruleset")
    # The rules from before are back after Ansible has given up coming in, and not sooner.
    options = {"ruleset": CLOSED % "type filter hook input priority filter", "confirm_seconds": 10}
    about = ["ansible", "www", "--inventory", "inventory/lab.yml", "--module-name", "aurore.infra.nftables_ruleset"]
    done = run(*about, "--args", json.dumps(options), "--timeout", "5", check=False)
    assert done.returncode == 2
    assert "with the new rules this host lets nobody in" in done.stdout
    assert eventually(lambda: connect("www").run("true").rc == 0, 60)
    assert host.check_output("nft --stateless list ruleset") == before


def test_rules_for_an_interface_that_there_is_not_are_not_loaded() -> None:
    said = refused(site("--limit", "www", "--extra-vars", '{"model_interfaces": [{"name": "eth7"}]}', "--check"))
    assert "this host has no interface eth7" in said


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_packets_pass_where_the_model_says(fleet: dict[str, Variables], family: str) -> None:
    log = {one["purpose"]: one[family] for one in fleet["log"]["model_interfaces"]}
    assert reaches("git", log["administration"], 19532)
    assert reaches("node-gs", log["administration"], 19532)
    assert reaches("relay", log["public"], 19532)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_packets_are_dropped_elsewhere(fleet: dict[str, Variables], family: str) -> None:
    log = {one["purpose"]: one[family] for one in fleet["log"]["model_interfaces"]}
    attempt = f"import socket; socket.create_connection(('{log['administration']}', 19532), 2).close()"
    # From the wrong side, to the wrong port, and from the machines that administer, which send no logs.
    with ThreadPoolExecutor() as pool:
        relay = pool.submit(reaches, "relay", log["administration"], 19532)
        git = pool.submit(reaches, "git", log["administration"], 22)
        here = pool.submit(run, "python3", "-c", attempt, check=False)
    assert (relay.result(), git.result(), here.result().returncode) == (False, False, 1)
