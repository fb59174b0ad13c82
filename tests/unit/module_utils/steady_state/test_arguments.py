"""What a task may say, and what it hears when it says something else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import arguments

FILE = {"path": "/etc/x/y", "content": "x"}


def problems(**given: Any) -> list[str]:
    return arguments.parse(given)[1]


def test_silence_means_nothing_is_wanted() -> None:
    options, found = arguments.parse({})
    assert found == []
    assert options.keys() == arguments.OPTIONS
    assert not any(options.values())


def test_what_is_not_said_has_a_meaning() -> None:
    options, found = arguments.parse({"files": [FILE], "units": [{"name": "a.service"}], "users": [{"name": "u"}]})
    assert found == []
    assert options["files"] == [
        {
            "path": "/etc/x/y",
            "template": None,
            "source": None,
            "content": "x",
            "content_base64": None,
            "owner": "root",
            "group": "root",
            "mode": "0644",
            "validate": None,
            "restarts": (),
            "reloads": (),
            "notify": (),
            "no_log": False,
        }
    ]
    assert options["units"] == [
        {"name": "a.service", "enabled": None, "state": None, "masked": None, "may_wait": False}
    ]
    assert options["users"][0]["groups"] is None


def test_bytes_in_base_64() -> None:
    item = {"path": "/etc/x/y", "content_base64": "AP8="}
    assert arguments.parse({"files": [item]})[1] == []
    (problem,) = arguments.parse({"files": [item | {"content_base64": "é"}]})[1]
    assert problem == "files[0] (/etc/x/y): content_base64 must be bytes in base 64"


def test_a_null_is_a_key_that_is_not_given() -> None:
    """So that a role can hand on a variable that may be empty."""
    options, found = arguments.parse({"files": [FILE | {"mode": None, "template": None}], "groups": None})
    assert found == []
    assert (options["files"][0]["mode"], options["groups"]) == ("0644", [])


def test_short_forms() -> None:
    options, found = arguments.parse(
        {
            "packages": "jq",
            "groups": ["g"],
            "absent": ["/etc/x/old"],
            "files": [FILE | {"notify": "do x", "reloads": "a.service", "validate": "/bin/grep 'two words' %s"}],
        }
    )
    assert found == []
    assert (options["packages"], options["groups"][0]["name"]) == (["jq"], "g")
    assert (options["absent"][0]["path"], options["absent"][0]["recursive"]) == ("/etc/x/old", False)
    assert (options["files"][0]["notify"], options["files"][0]["reloads"]) == (["do x"], ["a.service"])
    assert options["files"][0]["validate"] == ["/bin/grep", "two words", "%s"]


def test_what_is_listed_twice_in_a_list_of_words_counts_once() -> None:
    assert arguments.parse({"packages": ["jq", "jq"]})[0]["packages"] == ["jq"]


def test_all_problems_are_told_at_once_each_with_its_item() -> None:
    found = problems(
        package=["jq"],
        files=[
            FILE | {"onwer": "root", "mode": 644},
            {"path": "etc/z"},
            {"content": "x", "template": "y"},
            "/etc/a",
        ],
        units={"name": "a.service"},
        users=[{}],
    )
    assert found == [
        "package: no such option; did you mean packages?",
        "users[0]: name is missing",
        "files[0] (/etc/x/y): no such key: onwer; did you mean owner?",
        'files[0] (/etc/x/y): mode must be a string of three or four octal digits, such as "0644"',
        "files[1] (etc/z): give one of template, source, content, content_base64",
        "files[1] (etc/z): path must be an absolute path, without `..` and without a slash at the end",
        "files[2]: path is missing",
        "files[2]: give one of template, source, content, content_base64",
        "files[3]: must be a mapping with the keys path, template, source, content, content_base64, owner, group, "
        "mode, validate, restarts, reloads, notify, no_log",
        "units: must be a list",
    ]


@pytest.mark.parametrize(
    ("option", "item", "told"),
    [
        ("directories", {"path": "/srv/x/"}, "path must be an absolute path"),
        ("directories", {"path": "/srv/../etc"}, "path must be an absolute path"),
        ("directories", {"path": "/srv/x", "exclusive": "yes"}, "exclusive must be true or false"),
        ("files", FILE | {"mode": "rw"}, "mode must be a string of three or four octal digits"),
        ("files", FILE | {"validate": "nft 'c %s"}, "validate must be a command that judges `%s`"),
        ("files", FILE | {"validate": "nft -c -f /etc/nftables.conf"}, "validate must be a command that judges `%s`"),
        ("files", FILE | {"validate": "%s"}, "validate must be a command that judges `%s`"),
        ("files", FILE | {"validate": ["nft", "%s"]}, "validate must be a command that judges `%s`"),
        ("files", FILE | {"restarts": ["../../x"]}, "restarts: '../../x' is not a unit's full name"),
        ("files", FILE | {"restarts": ["nginx"]}, "restarts: 'nginx' is not a unit's full name"),
        ("files", FILE | {"restarts": [7]}, "restarts: 7 is not a unit's full name"),
        ("files", FILE | {"restarts": {"a": "b"}}, "restarts must be a list, each of it a unit's full name"),
        ("units", {"name": "a.service", "state": "running"}, "state must be started or stopped"),
        ("users", {"name": "u", "uid": "7"}, "uid must be a whole number"),
        ("users", {"name": "u", "uid": True}, "uid must be a whole number"),
        ("users", {"name": "a b"}, "name must be the name of a user or a group"),
        ("links", {"path": "/srv/x"}, "target is missing"),
    ],
)
def test_values_that_cannot_be(option: str, item: dict[str, Any], told: str) -> None:
    found = problems(**{option: [item]})
    assert len(found) == 1
    assert found[0].startswith(f"{option}[0] ({item.get('path', item.get('name'))}): {told}")


@pytest.mark.parametrize("name", ["Jq", "-y", "jq=1.7", "./jq.deb", ""])
def test_names_that_apt_would_read_as_something_else(name: str) -> None:
    assert problems(packages=[name]) == [f"packages: {name!r} is not the name of a package"]


@pytest.mark.parametrize(
    "unit", ["a.service", "postgresql@17-main.service", r"dev-disk-by\x2duuid.swap", "a@b.c.socket"]
)
def test_units_have_many_forms(unit: str) -> None:
    assert problems(units=[{"name": unit}]) == []


# --- Settings of the kernel


def test_settings_are_text() -> None:
    options, found = arguments.parse(
        {
            "sysctls": {"net.ipv4.ip_forward": 1, "net/ipv4/conf/eth0.10/rp_filter": "2"},
            "sysctl_file": "/etc/sysctl.d/x",
        }
    )
    assert found == []
    assert options["sysctls"] == [
        {"name": "net.ipv4.ip_forward", "value": "1"},
        {"name": "net/ipv4/conf/eth0.10/rp_filter", "value": "2"},
    ]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["net.x"], "sysctls: must be a mapping from names to values"),
        ({"../../etc/passwd": 1}, "sysctls (../../etc/passwd): this is no name of a setting"),
        ({"net..x": 1}, "sysctls (net..x): this is no name of a setting"),
        ({7: 1}, "sysctls (7): this is no name of a setting"),
        ({"net.x": "1\nnet.y = 2"}, "sysctls (net.x): must be a line of text or a whole number"),
        ({"net.x": True}, "sysctls (net.x): must be a line of text or a whole number"),
    ],
)
def test_settings_that_cannot_be(settings: Any, told: str) -> None:
    found = problems(sysctls=settings, sysctl_file="/etc/sysctl.d/x")
    assert len(found) == 1
    assert found[0].startswith(told)


def test_settings_need_a_file_that_keeps_them() -> None:
    assert problems(sysctls={"net.x": 1})[0].startswith("sysctl_file: sysctls need a file that keeps them")
    assert problems(sysctls={"net.x": 1}, sysctl_file="x")[0].startswith("sysctl_file:")


# --- What contradicts itself, or the system


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"packages": ["jq"], "packages_absent": ["jq"]}, "packages: jq is in packages_absent too; remove one"),
        ({"groups": ["g", "g"]}, "groups: g is listed twice; keep one"),
        ({"units": [{"name": "a.service"}, {"name": "a.service"}]}, "units: a.service is listed twice; keep one"),
        ({"files": [FILE], "absent": ["/etc/x/y"]}, "paths: /etc/x/y is listed twice; keep one"),
        (
            {"files": [FILE], "sysctls": {"net.x": 1}, "sysctl_file": "/etc/x/y"},
            "paths: /etc/x/y is listed twice; keep one",
        ),
        (
            {"files": [FILE], "absent": [{"path": "/etc/x", "recursive": True}]},
            "absent: /etc/x holds /etc/x/y, which must be there; remove one",
        ),
    ],
)
def test_contradictions(given: dict[str, Any], told: str) -> None:
    assert problems(**given) == [told]


@pytest.mark.parametrize("path", ["/etc", "/usr", "/var", "/home", "/var/lib", "/usr/bin", "/etc/ssh"])
def test_what_every_host_needs_is_neither_absent_nor_exclusive(path: str) -> None:
    told = [f"paths: {path} is part of the system: it can be neither absent nor exclusive"]
    assert problems(absent=[{"path": path, "recursive": True}]) == told
    assert problems(directories=[{"path": path, "exclusive": True}]) == told
    assert problems(directories=[{"path": path}]) == []
