"""One fact, one place: what the model knows is not written elsewhere."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from .house import Finding, Repository, docstring_lines, found, hold, load

if TYPE_CHECKING:
    from collections.abc import Iterator

DERIVE = "It belongs to inventory/model/: use the variable that the inventory derives from it (model_*)."
WHERE = ("roles/*", "playbooks/*", "plugins/*", "group_vars/*", "host_vars/*", "!*.md", "!*.svg")

# Not addresses of anything: the host itself, nothing and everything.
NEUTRAL = [
    ip_network(one) for one in ("127.0.0.0/8", "0.0.0.0/32", "255.255.255.255/32", "169.254.0.0/16", "224.0.0.0/4")
]
NEUTRAL += [ip_network(one) for one in ("::/64", "fe80::/10", "ff00::/8")]
# RFC 5737, RFC 3849, RFC 2544, RFC 4193: nobody's. For the documentation of plugins, and their messages ("such as …").
NOBODYS = [ip_network(one) for one in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")]
NOBODYS += [ip_network(one) for one in ("2001:db8::/32", "fc00::/7")]
CANDIDATE = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})(?![\w:]|\.\d)"
)


def _written(line: str) -> Iterator[IPv4Address | IPv6Address]:
    for candidate in CANDIDATE.findall(line):
        try:
            address = ip_address(candidate)
        except ValueError:
            continue
        if not any(address in network for network in NEUTRAL):
            yield address


def _in_code(repository: Repository) -> Iterator[tuple[str, int, str, bool]]:
    """Yield lines, and whether they are a plugin's examples: documentation, or a message that says "such as"."""
    for path, text in repository.matching(*WHERE):
        documented = docstring_lines(text) if path.endswith(".py") else set()
        for number, line in enumerate(text.splitlines(), 1):
            yield path, number, line, number in documented or (path.endswith(".py") and "such as" in line)


def addresses(repository: Repository) -> Iterator[Finding]:
    """Addresses outside the model. Examples of plugins may use those that are nobody's."""
    for path, number, line, is_example in _in_code(repository):
        for address in _written(line):
            if not (is_example and any(address in network for network in NOBODYS)):
                yield Finding(path, number, f"the address {address}")


def vlans(repository: Repository) -> Iterator[Finding]:
    """VLAN numbers outside the model."""
    for path, number, line, is_example in _in_code(repository):
        if not is_example and (match := re.search(r"\bvlan\w*\s*[:=]\s*[\"']?\d+", line, re.IGNORECASE)):
            yield Finding(path, number, f"a VLAN: {match[0]}")


def host_names(repository: Repository) -> Iterator[Finding]:
    """Names of hosts: in full, those that cannot be mistaken for a word, and tests for one host."""
    model = [load(text) or {} for _, text in repository.matching("inventory/model/*.yml")]
    hosts = {entry["name"] for part in model for kind in ("nodes", "guests", "rented") for entry in part.get(kind, [])}
    compound = "|".join(sorted(re.escape(name) for name in hosts if "-" in name)) or "(?!)"
    domains = "|".join(re.escape(part["names"]["domain"]) for part in model if "names" in part) or "(?!)"
    forbidden = re.compile(
        rf"(?P<name>(?<![\w-])(?:{compound})(?![\w-]))"
        rf"|(?P<domain>(?<![\w@/-])(?:[\w-]+\.)*(?:{domains})\b)"
        r"|(?P<one>inventory_hostname\s*(?:==|!=|\bin\b)|hostvars\[\s*['\"][^{])"
    )
    for path, number, line, is_example in _in_code(repository):
        if path.startswith("host_vars/") or is_example:
            continue
        if match := forbidden.search(line):
            yield Finding(path, number, f"the fleet's own name {match[0]!r}")
    for path, number, line in repository.lines("playbooks/*.yml"):
        match = re.match(r"\s*-?\s*hosts:\s*(\S+)\s*$", line)
        if match and match[1] in hosts:
            yield Finding(path, number, f"a play for the host {match[1]!r}")


def test_addresses_are_in_the_model_only(repository: Repository) -> None:
    hold(addresses, DERIVE, repository)


def test_vlans_are_in_the_model_only(repository: Repository) -> None:
    hold(vlans, DERIVE, repository)


def test_host_names_are_in_the_model_only(repository: Repository) -> None:
    hold(host_names, f"{DERIVE} A play is for a group.", repository)


def test_the_checkers_see_what_is_wrong() -> None:
    assert found(addresses, {"roles/a/tasks/main.yml": "a: 10.0.0.1/8\nb: 127.0.0.1\nc: fd00:1::1\nd: 1.2.3"}) == [
        "roles/a/tasks/main.yml:1",
        "roles/a/tasks/main.yml:3",
    ]
    assert found(addresses, {"group_vars/all.yml": "at: '12:30:15'\nmac: 52:54:00:12:34:56\nany: '::'"}) == []
    plugin = 'EXAMPLES = """\n192.0.2.1\n10.0.0.1\n"""\nHERE = "192.0.2.1"\nraise ValueError("such as 192.0.2.1")\n'
    assert found(addresses, {"plugins/a.py": plugin}) == ["plugins/a.py:3", "plugins/a.py:5"]
    assert found(vlans, {"roles/a/vars/main.yml": "vlan: 12\nvlan_id: '{{ one }}'"}) == ["roles/a/vars/main.yml:1"]
    model = {
        "inventory/model/nodes.yml": "nodes: [{name: node-fleming}]\nguests: [{name: mail}]",
        "inventory/model/fleet.yml": "names: {domain: auro.re}",
    }
    tasks = "a: mail\nb: node-fleming\nc: git.auro.re\nd: when inventory_hostname == x\ne: postmaster@auro.re"
    assert found(host_names, {"roles/a/tasks/main.yml": tasks, **model}) == [
        "roles/a/tasks/main.yml:2",
        "roles/a/tasks/main.yml:3",
        "roles/a/tasks/main.yml:4",
    ]
    assert found(host_names, {"playbooks/a.yml": "- hosts: mail\n- hosts: mail_server", **model}) == [
        "playbooks/a.yml:1"
    ]
