"""How long `ansible-inventory --list` takes with our plugin, and with Ansible's own static YAML inventory.

    .venv/bin/python tests/bench/bench_inventory.py [--sizes 10,100,1000,10000] [--runs 3]

For each size, a valid model of that many hosts is generated; what our plugin makes of it is written as a static
inventory with the same hosts, groups and variables; then both are listed in turns, and the fastest run of each counts.
The table shows the ratio, and the time per host, which stays level where growth is linear. Times are of the processor:
the command uses one, and does not wait for anything but the processor, so on an idle machine the clock says the same.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SITES = [f"s{number}" for number in range(8)]
CELL = 5
"""Members of each service."""
PUBLIC = ["dns_primary", "log_server", "mail_server"]
"""Services of the first guests, which have public addresses."""

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Dumper(DUMPER):  # type: ignore[misc,valid-type]
    """Writes values out where PyYAML would write an alias, which no person does."""

    def ignore_aliases(self, data: Any) -> bool:
        """No value has an alias."""
        return True


def network(number: int, name: str, purpose: str, sites: list[str]) -> dict[str, Any]:
    """A network with room for many hosts."""
    return {
        "name": name,
        "purpose": purpose,
        "sites": sites,
        "vlan": 100 + number,
        "ipv4": f"10.{number * 16}.0.0/12",
        "gateway4": f"10.{number * 16 + 15}.255.254",
        "ipv6": f"2001:db8:0:{number}::/64",
        "gateway6": f"2001:db8:0:{number}:ffff::1",
    }


def service(name: str, client: str) -> dict[str, Any]:
    """A service that its own members and those of another one talk to."""
    listen = {"description": "Data", "via": ["services"], "protocol": "tcp", "ports": [5432], "clients": [name, client]}
    return {"name": name, "title": f"Service {name}", "listens": [listen]}


def storage(name: str) -> dict[str, Any]:
    """A storage cluster of some nodes."""
    listen = {"description": "Data", "via": ["ceph_public"], "protocol": "tcp", "ports": [3300], "clients": [name]}
    return {"name": name, "title": f"Storage {name}", "listens": [listen]}


def nodes(count: int) -> list[dict[str, Any]]:
    """Hypervisors, spread over the sites."""
    return [
        {
            "name": f"node-{number}",
            "site": SITES[number % len(SITES)],
            "memory": 64,
            "cores": 16,
            "disks": [{"device": "sda", "size": 240, "use": "system"}, {"device": "sdb", "size": 960, "use": "osd"}],
            "services": [f"storage_{number // CELL}"],
            "addresses": {"adm-nodes": number + 1, "storage": number + 1},
        }
        for number in range(count)
    ]


def guests(count: int, node_count: int) -> list[dict[str, Any]]:
    """Guests; each third runs on any node. Those of one service share a group as far as there are nodes for them."""
    return [
        {
            "name": f"guest-{number}",
            "node": "any" if number % 3 == 0 else f"node-{number % node_count}",
            "anti_affinity": f"data-{number // CELL}" if node_count > CELL else None,
            "memory": 2,
            "vcpus": 2,
            "disk": 20,
            "services": [f"data_{number // CELL}", *PUBLIC[number : number + 1]],
            "addresses": dict.fromkeys(
                ["adm-guests", "services", *(["public"] if number < len(PUBLIC) else [])], number + 1
            ),
        }
        for number in range(count)
    ]


def model(size: int) -> dict[str, Any]:
    """The content of each file of a valid model.

    Args:
        size: Number of hosts; at least 10.
    """
    node_count = max(2, size // 10)
    guest_count = size - node_count - 1
    cells = -(-guest_count // CELL)
    template = yaml.safe_load((ROOT / "inventory/model/people.yml").read_text(encoding="utf-8"))
    dns = [
        {"description": "DNS", "via": ["public"], "protocol": protocol, "ports": [53], "clients": ["anyone"]}
        for protocol in ("udp", "tcp")
    ]
    logs = {"description": "Logs", "via": ["administration", "public"], "protocol": "tcp", "ports": [19532]}
    return {
        "fleet.yml": yaml.safe_load((ROOT / "inventory/model/fleet.yml").read_text(encoding="utf-8")),
        "sites.yml": {
            "sites": [{"name": name, "title": name, "system": "ours"} for name in SITES]
            + [{"name": "away", "title": "away", "system": "theirs"}]
        },
        "networks.yml": {
            "autonomous_systems": [
                {
                    "name": name,
                    "number": number,
                    "title": f"AS {number}",
                    "resolvers": [{"ipv4": "192.0.2.53", "ipv6": "2001:db8:ffff::53"}],
                    "time_servers": [{"name": "ntp.example.org", "ipv4": "192.0.2.123", "ipv6": "2001:db8:ffff::123"}],
                }
                for name, number in (("ours", 64496), ("theirs", 64511))
            ],
            "networks": [
                network(0, "control", "administration", SITES[:1]),
                network(1, "adm-nodes", "administration", SITES),
                network(2, "adm-guests", "administration", SITES),
                network(3, "storage", "ceph_public", SITES),
                network(4, "services", "services", SITES),
                network(5, "public", "public", SITES),
                network(6, "public-away", "public", ["away"]),
            ],
        },
        "nodes.yml": {"reserves": {"node": 4, "osd": 5}, "nodes": nodes(node_count)},
        "guests.yml": {"guests": guests(guest_count, node_count)},
        "rented.yml": {
            "rented": [
                {
                    "name": "relay",
                    "site": "away",
                    "memory": 2,
                    "cores": 1,
                    "disk": 20,
                    "services": ["dns_secondary", "mail_relay"],
                    "addresses": {"public-away": 1},
                }
            ]
        },
        "services.yml": {
            "common": yaml.safe_load((ROOT / "inventory/model/services.yml").read_text(encoding="utf-8"))["common"],
            "services": [
                *(service(f"data_{number}", f"data_{(number + 1) % cells}") for number in range(cells)),
                *(storage(f"storage_{number}") for number in range(-(-node_count // CELL))),
                {"name": "dns_primary", "title": "DNS", "listens": dns},
                {"name": "dns_secondary", "title": "DNS", "listens": dns},
                {"name": "log_server", "title": "Logs", "listens": [logs | {"clients": ["hosts"]}]},
                {"name": "mail_server", "title": "Mail", "listens": []},
                {"name": "mail_relay", "title": "Mail", "listens": []},
            ],
        },
        "zones.yml": {
            "zones": [{"name": "auro.re", "contact": "hostmaster@auro.re", "name_servers": ["guest-0", "relay"]}]
        },
        "people.yml": template,
        "certificates.yml": {"certificates": []},
        "equipment.yml": {"equipment": []},
    }


def write_model(directory: Path, size: int) -> None:
    """Writes the files of a model."""
    directory.mkdir(parents=True)
    for name, content in model(size).items():
        text = yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True)
        (directory / name).write_text(text, encoding="utf-8")


def write(directory: Path, size: int) -> tuple[Path, Path]:
    """Writes a model with our plugin's configuration, and the static inventory with the same content."""
    write_model(directory / "model", size)
    ours = directory / "ours.yml"
    ours.write_text("plugin: aurore.infra.cluster\nvariables: {ansible_user: root}\n", encoding="utf-8")
    exported = directory / "exported.json"
    run(ours, exported, "--export")
    static = directory / "static.yml"
    static.write_text(
        yaml.dump(static_inventory(json.loads(exported.read_text(encoding="utf-8"))), Dumper=Dumper), encoding="utf-8"
    )
    return ours, static


def static_inventory(exported: dict[str, Any]) -> dict[str, Any]:
    """A static inventory from what `ansible-inventory --export` lists."""
    hosts = exported["_meta"]["hostvars"]
    children = {
        name: {"hosts": dict.fromkeys(group["hosts"])}
        for name, group in exported.items()
        if name not in {"_meta", "all", "ungrouped"} and group.get("hosts")
    }
    return {"all": {"vars": exported["all"]["vars"], "hosts": hosts, "children": children}}


def run(inventory: Path, output: Path, *options: str) -> float:
    """Lists an inventory into a file; returns seconds of processor time."""
    command = [Path(sys.executable).with_name("ansible-inventory"), "-i", inventory, "--list", "--output", output]
    # Both plugins are enabled for both, so that each run does the same but for the file that it finds.
    environment = os.environ | {"ANSIBLE_INVENTORY_ENABLED": "aurore.infra.cluster,yaml"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, *options], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def same(one: Path, other: Path) -> bool:
    """Whether two listings hold the same hosts with the same variables, and the same groups."""
    return normal(one) == normal(other)


def normal(listing: Path) -> Any:
    """A listing without what depends on the order of groups."""
    data = json.loads(listing.read_text(encoding="utf-8"))
    hosts = data.pop("_meta")["hostvars"]
    return hosts, {name: sorted(group.get("hosts", [])) for name, group in data.items()}


def measure(size: int, runs: int) -> tuple[float, float]:
    """The fastest run of ours and of the static inventory, in seconds."""
    with tempfile.TemporaryDirectory() as directory:
        ours, static = write(Path(directory) / str(size), size)
        listings = Path(directory) / "ours.json", Path(directory) / "static.json"
        times = [(run(ours, listings[0]), run(static, listings[1])) for _ in range(runs)]
        assert same(*listings), "the two inventories do not hold the same"
    return min(one for one, _ in times), min(other for _, other in times)


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description="Times our inventory plugin against a static YAML inventory.")
    parser.add_argument("--sizes", default="10,100,1000,10000")
    parser.add_argument("--runs", type=int, default=3, help="of the sizes up to 1,000; the largest are listed once")
    options = parser.parse_args()
    sys.stdout.write(
        f"{'hosts':>7} {'model s':>9} {'static s':>9} {'ratio':>6} {'model ms/host':>14} {'static ms/host':>15}\n"
    )
    for size in map(int, options.sizes.split(",")):
        ours, static = measure(size, options.runs if size <= 1000 else 1)
        sys.stdout.write(
            f"{size:>7} {ours:>9.2f} {static:>9.2f} {ours / static:>6.2f} "
            f"{1000 * ours / size:>14.2f} {1000 * static / size:>15.2f}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
