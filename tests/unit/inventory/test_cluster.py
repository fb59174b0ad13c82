"""The inventory plugin hands the model to Ansible, with the standard features, and lists what is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible.template import Templar
from ansible_collections.aurore.infra.plugins.inventory import cluster
from ansible_collections.aurore.infra.plugins.module_utils.model import derive, load

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "inventory" / "model"


def parse(path: Path, *, cache: bool = True) -> InventoryData:
    """What Ansible gets from an inventory file."""
    plugin = inventory_loader.get("aurore.infra.cluster")
    assert plugin.verify_file(str(path))
    inventory = InventoryData()
    plugin.parse(inventory, DataLoader(), str(path), cache=cache)
    if hasattr(plugin, "_cache"):
        plugin.update_cache_if_changed()  # as the inventory manager does
    inventory.reconcile_inventory()
    return inventory


def configured(directory: Path, **options: Any) -> Path:
    """An inventory file over the real model, with options."""
    file = directory / "inventory.yml"
    file.write_text(yaml.safe_dump({"plugin": "aurore.infra.cluster", "model": str(MODEL)} | options), encoding="utf-8")
    return file


def variables(inventory: InventoryData, host: str) -> dict[str, Any]:
    """The variables of a host itself."""
    found = inventory.get_host(host)
    assert found is not None
    return dict(found.vars)


def shared(inventory: InventoryData) -> dict[str, Any]:
    """The variables of group all."""
    return dict(inventory.groups["all"].vars)


@pytest.fixture(scope="module")
def production() -> InventoryData:
    """The fleet, for real."""
    return parse(ROOT / "inventory" / "production.yml")


@pytest.fixture(scope="module")
def lab() -> InventoryData:
    """The fleet as it is in the lab."""
    return parse(ROOT / "inventory" / "lab.yml")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the model, to change."""
    directory = tmp_path / "model"
    directory.mkdir()
    for file in MODEL.glob("*.yml"):
        (directory / file.name).write_bytes(file.read_bytes())
    return directory


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.yml", "plugin: aurore.infra.cluster\n", True),
        ("a.yaml", "# first\n---\nplugin:   aurore.infra.cluster  # ours\n", True),
        ("a.txt", "plugin: aurore.infra.cluster\n", False),
        ("a.yml", "plugin: ansible.builtin.constructed\n", False),
        ("a.yml", "all:\n  hosts:\n    plugin: aurore.infra.clusters\n", False),
        ("a.yml", "# plugin: aurore.infra.cluster\n", False),
        ("a.yml", "\ufffd\n", False),
    ],
)
def test_files_of_this_plugin(tmp_path: Path, name: str, content: str, expected: bool) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert inventory_loader.get("aurore.infra.cluster").verify_file(str(tmp_path / name)) is expected


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    assert not inventory_loader.get("aurore.infra.cluster").verify_file(str(tmp_path / "a.yml"))


def test_hosts_groups_and_variables_are_the_model_s(production: InventoryData) -> None:
    fleet = derive(load(MODEL), date.today())  # noqa: DTZ011 - as the plugin does
    groups = {name: [host.name for host in group.hosts] for name, group in production.groups.items()}
    assert groups == fleet.groups | {"all": [], "ungrouped": []}
    assert production.hosts.keys() == fleet.hosts.keys()
    for name, expected in fleet.hosts.items():
        found = variables(production, name)
        assert {key: found[key] for key in expected} == expected
    expected = fleet.variables | {"ansible_user": "root", "model_fleet": shared(production)["model_fleet"]}
    assert shared(production) == expected


def test_the_list_of_all_hosts_is_kept_once(production: InventoryData) -> None:
    keeper, *others = (variables(production, name) for name in production.hosts)
    template = shared(production)["model_fleet"]
    templar = Templar(DataLoader(), {"hostvars": {name: host.vars for name, host in production.hosts.items()}})
    assert [host["name"] for host in templar.template(template)] == list(production.hosts)
    assert "model_fleet_list" in keeper
    assert not any("model_fleet_list" in host for host in others)


def test_the_lab_is_the_same_fleet_elsewhere(production: InventoryData, lab: InventoryData) -> None:
    assert lab.hosts.keys() == production.hosts.keys()
    for name in production.hosts:
        real, there = variables(production, name), variables(lab, name)
        assert there["ansible_host"].startswith("198.18.")
        assert all(address.startswith(("198.18.", "fd5a:7e57:1ab0:")) for address in there["model_addresses"])
        assert [item["network"] for item in there["model_interfaces"]] == [
            item["network"] for item in real["model_interfaces"]
        ]
    assert variables(lab, "node-gs")["model_size"] == {"memory": 2, "cores": 2, "disk": 20}


def test_values_of_variables_may_be_templates(lab: InventoryData) -> None:
    templar = Templar(DataLoader(), shared(lab) | {"inventory_dir": str(ROOT / "inventory")})
    assert templar.template(shared(lab)["ansible_ssh_common_args"]) == f"-F {ROOT}/.lab/ssh/config"
    assert templar.template(shared(lab)["secrets_directory"]) == f"{ROOT}/.lab/pass"


def test_sizes_are_replaced_in_part(tmp_path: Path) -> None:
    inventory = parse(configured(tmp_path, sizes={"guest": {"memory": 1}}))
    assert variables(inventory, "git")["model_size"] == {"memory": 1, "cores": 4, "disk": 200}
    assert variables(inventory, "relay")["model_size"] == {"memory": 2, "cores": 1, "disk": 20}


@pytest.mark.parametrize("sizes", [{"guests": {"memory": 1}}, {"guest": 1}, {"guest": {"ram": 1}}])
def test_wrong_sizes(tmp_path: Path, sizes: dict[str, Any]) -> None:
    with pytest.raises(AnsibleParserError, match=r"sizes: write some of node, guest, rented, each with some of cores"):
        parse(configured(tmp_path, sizes=sizes))


def test_facts_take_the_place_of_the_model_s_values(tmp_path: Path) -> None:
    facts = {
        "apt_mirror": "http://lab.example/debian",
        "apt_proxy": "http://198.18.2.2:3142",
        "user_authorities": ["k"],
    }
    (tmp_path / "facts.yml").write_text(yaml.safe_dump(facts), encoding="utf-8")
    found = shared(parse(configured(tmp_path, facts_file="facts.yml", facts_required=True)))
    assert found["model_apt_mirror"] == "http://lab.example/debian"
    assert found["model_apt_proxy"] == "http://198.18.2.2:3142"
    assert found["model_user_authorities"] == ["k"]
    assert found["model_apt_security_mirror"] == "http://debian-mirror.example/debian-security"


def test_facts_that_do_not_exist_yet(tmp_path: Path) -> None:
    assert "model_apt_proxy" not in shared(parse(configured(tmp_path, facts_file="facts.yml")))
    with pytest.raises(AnsibleParserError, match=r"facts\.yml does not exist; `make lab` writes it"):
        parse(configured(tmp_path, facts_file="facts.yml", facts_required=True))


@pytest.mark.parametrize("content", ["- a\n", "apt_prox: b\n"])
def test_facts_that_are_not_the_lab_s(tmp_path: Path, content: str) -> None:
    (tmp_path / "facts.yml").write_text(content, encoding="utf-8")
    with pytest.raises(AnsibleParserError, match=r"is not a mapping of apt_mirror, .*; `make lab` writes it anew"):
        parse(configured(tmp_path, facts_file="facts.yml"))


def test_all_problems_are_listed(tmp_path: Path, model: Path) -> None:
    guests = (model / "guests.yml").read_text(encoding="utf-8")
    (model / "guests.yml").write_text(guests.replace("node: node-gs", "node: node-far"), encoding="utf-8")
    (model / "zones.yml").unlink()
    with pytest.raises(AnsibleParserError) as error:
        parse(configured(tmp_path, model="model"))
    lines = str(error.value).splitlines()
    assert lines[0] == "the model has problems:"
    assert [line.split(": ")[1] for line in lines[1:]] == ["unknown-node"] * 3 + ["missing-file"]
    assert all(line.startswith(f"{model}/") for line in lines[1:])


def test_problems_are_shown_from_the_working_directory(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / "zones.yml").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AnsibleParserError, match=r"\nmodel/zones\.yml:1: missing-file"):
        parse(configured(tmp_path, model="model"))


def test_moves_that_leave_something_behind(tmp_path: Path) -> None:
    with pytest.raises(
        AnsibleParserError, match=r"inventory\.yml: readdress: 192\.0\.2\.0/27 is in none of the prefixes"
    ):
        parse(configured(tmp_path, readdress={"203.0.113.0/24": "198.18.113.0/24"}))


def test_a_configuration_with_an_unknown_plugin(tmp_path: Path) -> None:
    file = configured(tmp_path)
    plugin = inventory_loader.get("aurore.infra.cluster")
    file.write_text("plugin: other\n", encoding="utf-8")
    with pytest.raises(AnsibleParserError, match="Incorrect plugin name"):
        plugin.parse(InventoryData(), DataLoader(), str(file))


CONSTRUCTED: dict[str, Any] = {
    "compose": {"first_network": "model_interfaces[0].network", "place": "model_domain ~ '/' ~ model_kind"},
    "groups": {"exposed": "model_openings | selectattr('anyone') | list | length > 0"},
    "keyed_groups": [{"key": "model_interfaces | map(attribute='purpose')", "prefix": "purpose"}],
}


def test_constructed_groups_and_variables(tmp_path: Path) -> None:
    inventory = parse(configured(tmp_path, strict=True, **CONSTRUCTED))
    assert variables(inventory, "git")["first_network"] == "adm-guests"
    assert variables(inventory, "relay")["place"] == "auro.re/rented"
    exposed = {host.name for host in inventory.groups["exposed"].hosts}
    assert "git" in exposed
    assert "postgresql-gs" not in exposed
    assert {host.name for host in inventory.groups["purpose_ceph_cluster"].hosts} == {
        "node-fleming",
        "node-edc",
        "node-gs",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"compose": {"x": "model_nothing.at_all"}},
        {"groups": {"x": "model_nothing.at_all"}},
        {"keyed_groups": [{"key": "model_nothing.at_all", "prefix": "x"}]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_strict(tmp_path: Path, wrong: dict[str, Any]) -> None:
    assert len(parse(configured(tmp_path, **wrong)).hosts) == 17
    with pytest.raises(AnsibleError, match="node-fleming"):
        parse(configured(tmp_path, strict=True, **wrong))


def test_cache(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was derived is used again, for as long as the model is the same, unless Ansible asks for a refresh."""
    calls: list[str] = []

    def counting(files: dict[str, bytes], directory: str) -> Any:
        calls.append(directory)
        return validate(files, directory)

    validate = cluster.validate
    monkeypatch.setattr(cluster, "validate", counting)
    options = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    file = configured(tmp_path, model="model", sizes={"guest": {"memory": 1}}, **options)
    first = parse(file)
    second = parse(file)
    assert len(calls) == 1
    for name in first.hosts:
        assert variables(first, name) == variables(second, name)
    assert shared(first) == shared(second)
    assert {name: list(map(str, group.hosts)) for name, group in first.groups.items()} == {
        name: list(map(str, group.hosts)) for name, group in second.groups.items()
    }
    parse(file, cache=False)
    assert len(calls) == 2
    parse(file)
    assert len(calls) == 2
    guests = (model / "guests.yml").read_text(encoding="utf-8")
    (model / "guests.yml").write_text(guests.replace("disk: 500", "disk: 600"), encoding="utf-8")
    assert variables(parse(file), "log")["model_size"] == {"memory": 1, "cores": 2, "disk": 600}
    assert len(calls) == 3


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Runs one of Ansible's commands from the repository's root."""
    program = Path(sys.executable).with_name(command[0])
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "120"}
    return subprocess.run(
        [program, *command[1:]], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", ["production", "lab"])
def test_graph(name: str) -> None:
    done = run("ansible-inventory", "-i", f"inventory/{name}.yml", "--graph")
    assert done.returncode == 0
    assert "  |--@postgresql:\n  |  |--postgresql-fleming\n" in done.stdout
    assert done.stderr == ""


def test_a_broken_model_ends_in_a_list_and_not_in_a_traceback(tmp_path: Path, model: Path) -> None:
    (model / "zones.yml").write_text("zones: [", encoding="utf-8")
    done = run("ansible-inventory", "-i", str(configured(tmp_path, model="model")), "--list")
    assert done.returncode != 0
    assert f"{model}/zones.yml:1: yaml-syntax: " in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_documentation_tells_every_option() -> None:
    done = run("ansible-doc", "-t", "inventory", "aurore.infra.cluster", "--json")
    told = json.loads(done.stdout)["aurore.infra.cluster"]
    assert {"plugin", "model", "readdress", "sizes", "facts_file", "facts_required", "variables"} <= set(
        told["doc"]["options"]
    )
    assert {"cache", "compose", "keyed_groups", "groups", "strict"} <= set(told["doc"]["options"])
    assert all(option["description"] for option in told["doc"]["options"].values())
    example = yaml.safe_load(told["examples"])
    assert example == yaml.safe_load((ROOT / "inventory" / "production.yml").read_text(encoding="utf-8"))
