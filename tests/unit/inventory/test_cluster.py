"""The inventory plugin hands the model to Ansible, with the standard features, and lists what is wrong."""

from __future__ import annotations

import json
import os
import re
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
from ansible_collections.aurore.infra.plugins.module_utils.model import Files, derive, load

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


def resolved(inventory: InventoryData, template: str) -> Any:
    """What a play sees of a variable."""
    templar = Templar(DataLoader(), {"hostvars": {name: host.vars for name, host in inventory.hosts.items()}})
    return templar.template(template)


def refused(path: Path) -> list[str]:
    """The problems that an inventory file, or its model, is refused with: not in what Ansible prints twice."""
    with pytest.raises(AnsibleParserError) as error:
        parse(path)
    assert str(error.value) in {"the options have problems", "the model has problems"}
    return str(error.value._help_text).splitlines()


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
        ("a.yml", 'plugin: "aurore.infra.cluster"\n', True),
        ("a.yml", "'plugin': 'aurore.infra.cluster' # ours\n", True),
        ("a.yml", 'plugin: "aurore.infra.cluster\n', False),
        ("a.yml", "plugin: aurore.infra.cluster2\n", False),
        ("a.yml", "plugin: auroreXinfra.cluster\n", False),
        ("a.yml", "# plugin: aurore.infra.cluster\n", False),
        ("a.yml", "\ufffd\n", False),
    ],
)
def test_files_of_this_plugin(tmp_path: Path, name: str, content: str, expected: bool) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert inventory_loader.get("aurore.infra.cluster").verify_file(str(tmp_path / name)) is expected


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    assert not inventory_loader.get("aurore.infra.cluster").verify_file(str(tmp_path / "a.yml"))


PLACES = {"inventory_file", "inventory_dir"}  # Ansible's own


def test_hosts_groups_and_variables_are_the_model_s(production: InventoryData) -> None:
    fleet = derive(load(MODEL), date.today())  # noqa: DTZ011 - as the plugin does
    groups = {name: [host.name for host in group.hosts] for name, group in production.groups.items()}
    assert groups == fleet.groups | {"all": [], "ungrouped": []}
    assert production.hosts.keys() == fleet.hosts.keys()
    for name, expected in fleet.hosts.items():
        found = variables(production, name)
        assert {key: found[key] for key in expected} == expected
        assert found.keys() - expected.keys() <= PLACES | {"model_hosts", "model_hosts_list", "model_fleet_list"}
    found = shared(production)
    expected = fleet.variables | {"ansible_user": "root", "model_fleet": found["model_fleet"]}
    here = {"model_inventory_dir": str(ROOT / "inventory")}
    here["model_files"] = {path.name: str(path) for path in MODEL.glob("*.yml")}
    assert found == expected | here


def test_the_list_of_all_hosts_is_kept_once(production: InventoryData) -> None:
    keeper, *others = (variables(production, name) for name in production.hosts)
    template = shared(production)["model_fleet"]
    assert [host["name"] for host in resolved(production, template)] == list(production.hosts)
    assert "model_fleet_list" in keeper
    assert not any("model_fleet_list" in host for host in others)


def test_hosts_that_know_the_same_share_the_list(production: InventoryData) -> None:
    views = derive(load(MODEL), date.today()).views  # noqa: DTZ011 - as the plugin does
    keepers = [name for name in production.hosts if "model_hosts_list" in variables(production, name)]
    assert sorted(keepers) == sorted(view["hosts"][0] for view in views)
    for view in views:
        for name in view["hosts"]:
            assert resolved(production, variables(production, name)["model_hosts"]) == view["entries"]


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
    templar = Templar(DataLoader(), shared(lab))
    assert templar.template(shared(lab)["ansible_ssh_common_args"]) == f"-F {ROOT}/.lab/ssh/config"
    assert templar.template(shared(lab)["secrets_directory"]) == f"{ROOT}/.lab/pass"


def test_sizes_are_replaced_in_part(tmp_path: Path) -> None:
    inventory = parse(configured(tmp_path, sizes={"guest": {"memory": 1}}))
    assert variables(inventory, "git")["model_size"] == {"memory": 1, "cores": 4, "disk": 200}
    assert variables(inventory, "relay")["model_size"] == {"memory": 2, "cores": 1, "disk": 20}


SIZES = "write some of node, guest, rented, each with some of memory, cores, disk as whole numbers"


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({"sizes": {"guests": {"memory": 1}}}, [f"wrong-option: 'guests' of 'sizes' is {{'memory': 1}}; {SIZES}"]),
        ({"sizes": {"guest": 1}}, [f"wrong-option: 'guest' of 'sizes' is 1; {SIZES}"]),
        ({"sizes": {"guest": {"ram": 1}}}, [f"wrong-option: 'guest' of 'sizes' is {{'ram': 1}}; {SIZES}"]),
        (
            {"sizes": {"node": {"memory": "lots"}}},
            [f"wrong-option: 'node' of 'sizes' is {{'memory': 'lots'}}; {SIZES}"],
        ),
        ({"sizes": {"node": {"memory": True}}}, [f"wrong-option: 'node' of 'sizes' is {{'memory': True}}; {SIZES}"]),
        ({"sizes": {"node": {"memory": 0}}}, [f"wrong-option: 'node' of 'sizes' is {{'memory': 0}}; {SIZES}"]),
        ({"variables": {1: "a"}}, ["wrong-option: 1 is no name for a variable; use letters, digits and _"]),
        ({"variables": {"a b": "a"}}, ["wrong-option: 'a b' is no name for a variable; use letters, digits and _"]),
        (
            {"readdress": {"ipv4": "198.18.0.0/16", 6: "fd00::/48"}},
            [
                "wrong-option: 'ipv6' is missing; write an IPv6 network such as fd00:1:2::/48",
                "wrong-option: key 6 is unknown here; use ipv4 and ipv6",
            ],
        ),
        (
            {"readdress": {"ipv4": 12, "ipv6": ["fd00::/48"]}},
            [
                "wrong-option: 'ipv4' is 12; write an IPv4 network such as 198.18.0.0/16",
                "wrong-option: 'ipv6' is ['fd00::/48']; write an IPv6 network such as fd00:1:2::/48",
            ],
        ),
    ],
)
def test_options_that_nobody_could_use(tmp_path: Path, options: dict[str, Any], problems: list[str]) -> None:
    file = configured(tmp_path, **options)
    written = file.read_text(encoding="utf-8").splitlines()
    line = 1 + next(number for number, text in enumerate(written) if text.startswith(next(iter(options))))
    assert refused(file) == [f"{file}:{line}: {problem}" for problem in problems]


def test_an_option_that_there_is_not_is_no_option(tmp_path: Path) -> None:
    """With a slip in this name, the lab would have production's addresses."""
    file = configured(tmp_path, readress={"ipv4": "198.18.0.0/16"}, Strict=True)
    first, second = refused(file)
    assert first.startswith(f"{file}:1: unknown-option: there is no option 'Strict'; use one of cache, ")
    assert second.startswith(f"{file}:4: unknown-option: there is no option 'readress'; use one of cache, ")
    assert ", readdress, " in second


def test_the_options_of_all_inventory_plugins_are_options(tmp_path: Path) -> None:
    parse(
        configured(
            tmp_path,
            strict=True,
            cache=False,
            cache_prefix="x",
            use_extra_vars=True,
            leading_separator=False,
            compose={},
        )
    )


def test_an_option_of_another_type(tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match=r"'readdress' .* has an invalid value: .*: 5"):
        parse(configured(tmp_path, readdress=5))


def test_the_overlay_s_files_take_the_place_of_the_model_s(tmp_path: Path) -> None:
    overlay = tmp_path / "lab"
    overlay.mkdir()
    fleet = yaml.safe_load((MODEL / "fleet.yml").read_text(encoding="utf-8"))
    fleet["packages"] |= {"mirror": "http://lab.example/debian", "proxy": "http://198.18.2.2:3142"}
    (overlay / "fleet.yml").write_text(yaml.safe_dump(fleet), encoding="utf-8")
    found = shared(parse(configured(tmp_path, overlay="lab")))
    assert found["model_apt_mirror"] == "http://lab.example/debian"
    assert found["model_apt_proxy"] == "http://198.18.2.2:3142"
    assert found["model_apt_security_mirror"] == "http://debian-mirror.example/debian-security"
    assert found["model_files"]["fleet.yml"] == str(overlay / "fleet.yml")
    assert found["model_files"]["people.yml"] == str(MODEL / "people.yml")
    (overlay / "people.yml").write_text("people: [1]\n", encoding="utf-8")
    with pytest.raises(AnsibleParserError) as refused:
        parse(configured(tmp_path, overlay="lab"))
    assert f"{overlay}/people.yml:1: wrong-type: " in refused.value._help_text


def test_an_overlay_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert shared(parse(configured(tmp_path, overlay="lab")))["model_apt_proxy"] is None


def test_all_problems_are_listed(tmp_path: Path, model: Path) -> None:
    guests = (model / "guests.yml").read_text(encoding="utf-8")
    (model / "guests.yml").write_text(guests.replace("node: node-gs", "node: node-far"), encoding="utf-8")
    (model / "zones.yml").unlink()
    lines = refused(configured(tmp_path, model="model"))
    assert [line.split(": ")[1] for line in lines] == ["unknown-node"] * 3 + ["missing-file"]
    assert all(line.startswith(f"{model}/") for line in lines)


def test_problems_are_shown_from_the_working_directory(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model / "zones.yml").unlink()
    monkeypatch.chdir(tmp_path)
    (line,) = refused(configured(tmp_path, model="model"))
    assert line.startswith("model/zones.yml:1: missing-file: ")
    (line,) = refused(configured(tmp_path, model="modle"))
    assert line.startswith("modle:1: missing-directory: ")


def test_ranges_that_are_too_small(tmp_path: Path) -> None:
    file = configured(tmp_path, readdress={"ipv4": "198.18.0.0/24", "ipv6": "fd5a:7e57:1ab0::/48"})
    lines = refused(file)
    assert f"{file}:3: wrong-option: 198.51.100.32/27 finds no room in 198.18.0.0/24; choose a larger range" in lines


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


OTHER_CODE = ["other"]


def test_a_cached_inventory_is_not_that_of_other_code(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    file = configured(tmp_path, model="model", **options)
    parse(file)
    (stale,) = (tmp_path / "cache").iterdir()
    text = stale.read_text(encoding="utf-8")
    assert "git.adm.auro.re" in text
    stale.write_text(text.replace("git.adm.auro.re", "from the cache"), encoding="utf-8")
    assert variables(parse(file), "git")["model_fqdn"] == "from the cache"
    monkeypatch.setattr(cluster, "_code", lambda: OTHER_CODE)
    assert variables(parse(file), "git")["model_fqdn"] == "git.adm.auro.re"


def test_the_code_is_all_that_derives() -> None:
    code = b"".join(cluster._code())
    assert b"class InventoryModule" in code
    assert b"def readdress" in code
    assert b"class Firewall" in code


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        "{}",
        '{"__payload__": "no JSON"}',
        {},
        {"groups": {}, "hosts": {}, "variables": {}},
        {"groups": {"a": 1}, "hosts": {}, "variables": {}, "views": []},
        {"groups": {}, "hosts": {"git": []}, "variables": {}, "views": []},
        {"groups": {}, "hosts": {"git": {}}, "variables": [], "views": []},
        {"groups": {}, "hosts": {"git": {}}, "variables": {}, "views": {}},
        {"groups": {}, "hosts": {"git": {}}, "variables": {}, "views": [{"hosts": ["git"]}]},
        {"groups": {}, "hosts": {}, "variables": {}, "views": []},
    ],
)
def test_what_is_no_fleet_is_not_taken_from_the_cache(tmp_path: Path, model: Path, content: Any) -> None:
    options = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    file = configured(tmp_path, model="model", **options)
    parse(file)
    (cached,) = (tmp_path / "cache").iterdir()
    envelope = content if isinstance(content, str) else json.dumps({"__payload__": json.dumps(content)})
    cached.write_text(envelope, encoding="utf-8")
    assert len(parse(file).hosts) == 17


def test_cache(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was derived is used again, for as long as the model is the same, unless Ansible asks for a refresh."""
    calls: list[str] = []

    def counting(files: Files, today: date) -> Any:
        calls.append(files.directory)
        return validate(files, today)

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
    assert done.stderr.count(f"{model}/zones.yml:1: yaml-syntax: ") == 1
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What ansible-doc says."""
    done = run("ansible-doc", "-t", "inventory", "aurore.infra.cluster", "--json")
    found: dict[str, Any] = json.loads(done.stdout)["aurore.infra.cluster"]
    return found


def test_documentation_tells_every_option(told: dict[str, Any]) -> None:
    options = told["doc"]["options"]
    assert {"plugin", "model", "readdress", "sizes", "overlay", "variables"} <= set(options)
    assert {"cache", "compose", "keyed_groups", "groups", "strict"} <= set(options)
    assert all(option["description"] for option in options.values())


def described(value: Any, told: dict[str, Any], where: str) -> None:
    """Checks that documentation tells the keys of a value, and of those below it; no more and no less."""
    items = value if isinstance(value, list) else [value]
    contains = told.get("contains", {})
    assert told["description"], where
    assert told["type"] == KINDS.get(type(value), told["type"]), where
    if set(contains) == {"SERVICE"}:  # the keys are names of the model
        for name, item in value.items():
            described(item, contains["SERVICE"], f"{where}.{name}")
        return
    for item in items:
        if isinstance(item, dict):
            missing = contains.keys() - item.keys()
            assert item.keys() <= contains.keys(), where
            assert missing <= {"fqdn"} if where == "model_time_servers" else not missing, where
            for key, below in item.items():
                described(below, contains[key], f"{where}.{key}")
        else:
            assert not contains, where


KINDS = {str: "str", bool: "bool", int: "int", list: "list", dict: "dict"}


def test_documentation_tells_every_variable_and_its_keys(told: dict[str, Any]) -> None:
    fleet = derive(load(MODEL), date(2026, 6, 1))
    of_hosts = {name for name, one in told["return"].items() if one["returned"] == "of each host"}
    for name, variables in fleet.hosts.items():
        (entries,) = (view["entries"] for view in fleet.views if name in view["hosts"])
        known = variables | {"model_hosts": entries}
        assert known.keys() == of_hosts
        for variable, value in known.items():
            described(value, told["return"][variable], variable)
    assert fleet.variables.keys() | {"model_files", "model_inventory_dir"} == told["return"].keys() - of_hosts
    for variable, value in fleet.variables.items():
        described(value, told["return"][variable], variable)


def examples() -> list[str]:
    """The examples of the documentation. All but the first are comments, below a sentence."""
    blocks = yaml.safe_load(json.dumps(cluster.EXAMPLES)).split("\n\n")
    first, _, *others = (block.strip() for block in blocks)
    return [first, *(re.sub(r"^# ?", "", block.split("\n", 1)[1], flags=re.MULTILINE) for block in others)]


def test_the_first_example_is_the_whole_of_production() -> None:
    assert yaml.safe_load(cluster.EXAMPLES) == yaml.safe_load((ROOT / "inventory/production.yml").read_text("utf-8"))


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.splitlines()[1])
def test_every_example_works(tmp_path: Path, example: str) -> None:
    (tmp_path / "model").symlink_to(MODEL)
    file = tmp_path / "inventory.yml"
    file.write_text(example.replace("~/.cache/aurore", str(tmp_path / "cache")), encoding="utf-8")
    inventory = parse(file)
    assert len(inventory.hosts) == 17
    if "compose" in example:
        assert len(list(variables(inventory, "postgresql-gs")["database_hosts"])) == 3
        assert "network_public_ovh" in inventory.groups
