"""Every host: healthy, in time, with the right names and limits, and nothing listening that should not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..conftest import Variables, connect, eventually
from ..playbook import refused, site

if TYPE_CHECKING:
    from testinfra.host import Host


def variables(fleet: dict[str, Variables], host: Host) -> Variables:
    return fleet[host.backend.get_hostname()]


def test_systemd_is_content(each: Host) -> None:
    assert eventually(lambda: each.run("systemctl is-system-running").stdout.strip() == "running"), each.run(
        "systemctl --failed --no-legend"
    ).stdout


def test_the_names_are_the_model_s(each: Host, fleet: dict[str, Variables]) -> None:
    assert each.run("hostname").stdout.strip() == variables(fleet, each)["model_name"]
    assert each.run("hostname --fqdn").stdout.strip() == variables(fleet, each)["model_fqdn"]


def test_every_host_finds_those_that_it_can_reach_and_reaches_them(each: Host, fleet: dict[str, Variables]) -> None:
    known = hosts_known_to(each, fleet)
    # Some names are of several hosts.
    wanted = {(one["ipv4"], name) for one in known for name in one["names"]}
    names = " ".join(sorted({name for _, name in wanted}))
    answers = each.check_output(f'for name in {names}; do getent ahostsv4 $name | sed "s/ .*/ $name/"; done')
    assert {(*line.split(),) for line in answers.splitlines()} == wanted
    addresses = [one[family] for one in known for family in ("ipv4", "ipv6")]
    silent = each.check_output(
        f"for address in {' '.join(addresses)}; do "
        "(ping -n -q -c 3 -i 0.2 -W 5 $address >&2 || echo $address) & done; wait"
    )
    assert silent.split() == []


def hosts_known_to(host: Host, fleet: dict[str, Variables]) -> list[Variables]:
    """The hosts of /etc/hosts; the inventory keeps a list that several have in common with one of them."""
    shared = variables(fleet, host)["model_hosts"]
    keeper = re.search(r"hostvars\['([^']+)'\]\.model_hosts_list", str(shared))
    return fleet[keeper[1]]["model_hosts_list"] if keeper else shared


def test_locale_and_time_zone(each: Host) -> None:
    assert each.run("date +%Z").stdout.strip() in {"CET", "CEST"}
    assert "fr_FR.utf8" in each.check_output("locale -a").split()
    assert each.check_output("LC_ALL=fr_FR.UTF-8 date --date 2026-08-01 +%B").strip() == "août"


def test_security_upgrades_come_from_debian_security_alone(each: Host) -> None:
    said = each.check_output("unattended-upgrade --dry-run --debug 2>&1")
    origins = re.findall(r"^Allowed origins are: (.*)$", said, re.MULTILINE)
    assert origins == ["origin=Debian,codename=trixie-security,label=Debian-Security"]
    assert each.service("apt-daily-upgrade.timer").is_running
    assert each.service("apt-daily.timer").is_running


def test_apt_knows_the_model_s_sources_alone(each: Host, fleet: dict[str, Variables]) -> None:
    sites = set(each.check_output("apt-get indextargets --format '$(SITE)$(REPO_URI)' 'Identifier: Packages'").split())
    model = variables(fleet, each)
    wanted = {model["model_apt_mirror"].rstrip("/") + "/", model["model_apt_security_mirror"].rstrip("/") + "/"}
    uris = set(each.check_output("apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages'").split())
    assert uris == wanted, sites


def test_the_journal_keeps_to_its_limits(each: Host) -> None:
    limits = each.check_output("systemd-analyze cat-config systemd/journald.conf")
    assert re.findall(r"^SystemMaxUse=(.*)$", limits, re.MULTILINE)[-1] == "512M"
    # In effect: journald says what it may take when it opens its files.
    said = each.check_output("journalctl --quiet --output=cat -u systemd-journald --grep 'System Journal'")
    assert re.search(r"max 512M", said), said
    assert each.file("/var/log/journal").is_directory


GUARDED = {"tcp:22"}


def test_nothing_listens_but_what_the_model_opens(each: Host, fleet: dict[str, Variables]) -> None:
    model = variables(fleet, each)
    opened = {f"{one['protocol']}:{port}" for one in model["model_openings"] for port in one["ports"]}
    lines = each.check_output("ss --numeric --listening --tcp --udp --no-header").splitlines()
    listening = {
        (f"{line.split()[0]}:{line.split()[4].rpartition(':')[2]}")
        for line in lines
        if not line.split()[4].startswith(("127.", "[::1]"))
    }
    assert listening >= GUARDED
    assert listening <= opened, listening - opened


def test_guests_take_their_time_from_the_nodes(fleet: dict[str, Variables]) -> None:
    nodes = {one["model_interfaces"][0]["ipv4"] for one in fleet.values() if one["model_kind"] == "node"}
    guest = connect("git")
    sources = [line.split(",") for line in guest.check_output("chronyc -c -n sources").splitlines()]
    assert {source[2] for source in sources} == nodes

    def reached() -> bool:
        now = [line.split(",") for line in guest.check_output("chronyc -c -n sources").splitlines()]
        return any(source[1] == "*" for source in now) and all(int(source[5], 8) > 0 for source in now)

    assert eventually(reached, 60), guest.check_output("chronyc -n sources")


def test_what_must_run_after_a_boot_is_enabled(each: Host) -> None:
    """That it then does is the second verify's affair, after the side effect has cut the power of some."""
    enabled = ("nftables", "ssh", "chrony", "locales", "systemd-journal-upload", "unattended-upgrades")
    assert [unit for unit in enabled if not each.service(unit).is_enabled] == []


def test_nobody_else_keeps_time_or_names(each: Host) -> None:
    for package in ("systemd-timesyncd", "systemd-resolved", "resolvconf"):
        assert not each.package(package).is_installed


def test_a_host_of_another_release_is_refused() -> None:
    host = connect("www")
    before = host.file("/etc/apt/sources.list.d/debian.sources").content_string
    said = refused(site("--limit", "www", "--extra-vars", "base_release=bookworm"))
    assert "VERSION_CODENAME=bookworm /etc/os-release" in said
    assert host.file("/etc/apt/sources.list.d/debian.sources").content_string == before
