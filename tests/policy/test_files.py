"""What no file of the repository holds, and what the change log does."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from .house import ROOT, Finding, Repository, found, hold

if TYPE_CHECKING:
    from collections.abc import Iterator

# In pieces, so that this file does not hold them.
PACKAGE_HOSTS = [
    ".".join(pieces)
    for pieces in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("docker", "io"),
        ("quay", "io"),
        ("ghcr", "io"),
        ("registry", "npmjs", "org"),
        ("galaxy", "ansible", "com"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("archive", "ubuntu", "com"),
    )
]
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")
# A whole key: tests may speak of the first line of one.
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{60}")
OTHER_SECRETS = re.compile(r"\$ANSIBLE_" + r"VAULT;|AGE-SECRET-" + r"KEY-1\w{20}|-----BEGIN PGP PRIVATE KEY " + "BLOCK")
SECRET_VALUE = re.compile(r"^\s*(?:- )?\w*(?:password|passphrase|token|secret)\s*:\s*(?P<value>[^\s#{>|&*\[].*)")


# What tells apt, pip and uv where packages are: below /etc, and below a person's home.
SYSTEM_SETTINGS = (
    *("apt/sources.list", "apt/sources.list.d/*"),
    *("pip.conf", "pip/pip.conf", "xdg/pip/pip.conf", "uv/uv.toml", "xdg/uv/uv.toml"),
)
OWN_SETTINGS = (".pip/pip.conf", ".config/pip/pip.conf", ".config/uv/uv.toml")


def package_settings(root: Path, home: Path) -> Iterator[Path]:
    """Yield the files that tell where this machine gets packages."""
    for directory, patterns in ((root / "etc", SYSTEM_SETTINGS), (home, OWN_SETTINGS)):
        yield from (path for pattern in patterns for path in directory.glob(pattern) if path.is_file())


def hosts_of_this_machine(root: Path = Path("/"), home: Path | None = None) -> set[str]:
    """Return the hosts from which this machine gets packages: a tool that writes files may have put one into them."""
    variable = re.compile(r"(PIP|UV)_.*(URL|INDEX|LINKS)|(?i:.*_proxy)$")
    texts = [value for name, value in os.environ.items() if variable.match(name)]
    texts += [path.read_text(errors="replace") for path in package_settings(root, home or Path.home())]
    hosts = {urlsplit(url).hostname or "" for text in texts for url in re.findall(r"https?://[^\s\"'\]]+", text)}
    return {host for host in hosts if "." in host and not host.startswith("127.")}


def package_hosts(repository: Repository) -> Iterator[Finding]:
    """Names of machines that serve packages: each place has its own, and the set-up finds them."""
    names = "|".join(re.escape(host) for host in sorted({*PACKAGE_HOSTS, *hosts_of_this_machine()}))
    for path, number, line in repository.lines("*"):
        if match := re.search(rf"(?<![\w-])(?:{names})(?![\w-])", line):
            yield Finding(path, number, f"the package host {match[0]}")


def places(repository: Repository) -> Iterator[Finding]:
    """Where this copy happens to be."""
    for path, number, line in repository.lines("*"):
        if re.search(rf"{re.escape(str(ROOT))}(?![\w-])", line):
            yield Finding(path, number, f"the path {ROOT} of this copy")


def secrets(repository: Repository) -> Iterator[Finding]:
    """Keys, and values of variables that sound secret and are not looked up."""
    for path, text in repository.matching("*"):
        for pattern in (PRIVATE_KEY, OTHER_SECRETS):
            if match := pattern.search(text):
                yield Finding(path, text.count("\n", 0, match.start()) + 1, "a secret")
    where = ("group_vars/*.yml", "host_vars/*.yml", "inventory/*.yml", "roles/*.yml", "playbooks/*.yml")
    for path, number, line in repository.lines(*where, "!*/argument_specs.yml"):
        match = SECRET_VALUE.match(line)
        if match and not match["value"].startswith(('"{{', "'{{", "null", "true", "false", '""', "''")):
            yield Finding(path, number, "a value that sounds secret")


def unfinished(repository: Repository) -> Iterator[Finding]:
    """Notes to oneself."""
    for path, number, line in repository.lines("*", "!*.lock", "!*.svg"):
        if match := UNFINISHED.search(line):
            yield Finding(path, number, match[0])


def versions(repository: Repository) -> Iterator[Finding]:
    """A version that pyproject.toml, galaxy.yml and the change log do not agree on."""
    version = tomllib.loads(repository.files["pyproject.toml"])["project"]["version"]
    galaxy = repository.yaml("galaxy.yml")["version"]
    if galaxy != version:
        yield Finding("galaxy.yml", 1, f"version {galaxy}, while pyproject.toml has {version}")
    if not re.search(rf"^## \[?{re.escape(version)}\b", repository.files["CHANGELOG.md"], re.MULTILINE):
        yield Finding("CHANGELOG.md", 1, f"no section for version {version}")


def test_no_package_host_is_named(repository: Repository) -> None:
    hold(
        package_hosts,
        "Leave it to the machine's own configuration (pip, uv, apt) or to the model's mirror.",
        repository,
    )


def test_no_place_is_named(repository: Repository) -> None:
    hold(places, "Use a path from the repository's root.", repository)


def test_no_secret_is_committed(repository: Repository) -> None:
    hold(secrets, "Put it into the store, and look it up: lookup('aurore.infra.secret', 'name').", repository)


def test_nothing_is_left_unfinished(repository: Repository) -> None:
    hold(unfinished, "Do it, or open an issue.", repository)


def test_the_change_log_has_the_version(repository: Repository) -> None:
    hold(versions, "Write what changes for whoever upgrades, and what they have to do.", repository)


def test_the_checkers_see_what_is_wrong() -> None:
    assert found(package_hosts, {"README.md": f"ok\nhttps://files.{PACKAGE_HOSTS[1]}/x\n"}) == ["README.md:2"]
    assert found(package_hosts, {"README.md": "https://debian-mirror.example/\n"}) == []
    assert found(places, {"a.yml": f"path: {ROOT}/roles\n"}) == ["a.yml:1"]
    key = "x\n-----BEGIN OPENSSH PRIVATE " + "KEY-----\n" + "b3BlbnNzaC1r" * 6 + "\n"
    assert found(secrets, {"docs/a.md": key}) == ["docs/a.md:2"]
    values = 'db_password: hunter2\nb_password: "{{ lookup() }}"\nc_token:\n  - x\n'
    assert found(secrets, {"group_vars/all.yml": values}) == ["group_vars/all.yml:1"]
    assert found(unfinished, {"a.py": "# FIX" + "ME: later\n# fixme-less\n"}) == ["a.py:1"]
    project = {"pyproject.toml": '[project]\nversion = "1.2.0"\n', "galaxy.yml": "version: 1.1.0"}
    assert found(versions, {"CHANGELOG.md": "## 1.1.0\n", **project}) == ["galaxy.yml:1", "CHANGELOG.md:1"]


def test_this_machines_package_hosts_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://user@mirror.example.net:8443/simple")
    assert "mirror.example.net" in hosts_of_this_machine()
    assert found(package_hosts, {"requirements.lock": "--index-url https://mirror.example.net/\n"}) == [
        "requirements.lock:1"
    ]


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "UV_DEFAULT_INDEX", "PIP_FIND_LINKS"])
def test_package_hosts_in_the_environment_are_known(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://mirror.example.net:3128")
    assert "mirror.example.net" in hosts_of_this_machine()


@pytest.mark.parametrize(
    "path",
    [
        "etc/apt/sources.list",
        "etc/apt/sources.list.d/debian.sources",
        "etc/pip.conf",
        "etc/pip/pip.conf",
        "etc/xdg/pip/pip.conf",
        "etc/xdg/uv/uv.toml",
        "etc/uv/uv.toml",
        "home/.config/uv/uv.toml",
        "home/.config/pip/pip.conf",
        "home/.pip/pip.conf",
    ],
)
def test_package_hosts_in_settings_are_known(tmp_path: Path, path: str) -> None:
    settings = tmp_path / path
    settings.parent.mkdir(parents=True)
    settings.write_text("[global]\nindex-url = https://mirror.example.net/simple\n")
    assert "mirror.example.net" in hosts_of_this_machine(tmp_path, tmp_path / "home")
