"""A host that somebody changed by hand: `--check --diff` shows that and only that, and the next run mends it."""

from __future__ import annotations

import re

from tests.testinfra.conftest import connect, inventory
from tests.testinfra.playbook import changes, site

DRIFT = {
    "www": [
        "echo '203.0.113.250 evil.example' >> /etc/hosts",
        "chmod 0644 /etc/ssh/sshd_config && chmod 0777 /etc/nftables.conf",
        "echo 'PermitRootLogin yes' > /etc/ssh/sshd_config.d/back-door.conf",
    ],
    "mail": ["nft add rule inet filter input tcp dport 4444 accept"],
    "matrix": ["systemctl --now --quiet disable unattended-upgrades.service"],
    "containers": ["hostname elsewhere", "rm /etc/chrony/chrony.conf"],
}
SHOWN = {
    "www": {
        "files: /etc/hosts",
        "files: /etc/nftables.conf",
        "absent: /etc/ssh/sshd_config.d/back-door.conf",
    },
    "mail": {"rules loaded now"},
    "matrix": {"units: unattended-upgrades.service"},
    "containers": {"sysctls: kernel.hostname", "files: /etc/chrony/chrony.conf"},
}


def test_check_shows_the_drift_and_only_that_and_the_next_run_mends_it() -> None:
    before = site("--check", "--diff")
    assert set(changes(before).values()) == {0}, before.stdout
    assert "--- before" not in before.stdout

    for name, commands in DRIFT.items():
        for command in commands:
            connect(name).check_output(command)

    # The others have just been looked at.
    limit = f"--limit={','.join(DRIFT)}"
    check = site("--check", "--diff", limit)
    assert {name for name, count in changes(check).items() if count} == DRIFT.keys()
    headers = set(re.findall(r"^--- before: (.*)$", check.stdout, re.MULTILINE))
    assert headers == set().union(*SHOWN.values())
    assert "+203.0.113.250" not in check.stdout
    assert "-203.0.113.250 evil.example" in check.stdout
    assert re.search(r"^-\s+tcp dport 4444 accept$", check.stdout, re.MULTILINE)
    # It was a check: nothing is mended yet.
    assert "evil.example" in connect("www").file("/etc/hosts").content_string

    mended = site(limit)
    assert {name for name, count in changes(mended).items() if count} == DRIFT.keys()
    assert "evil.example" not in connect("www").file("/etc/hosts").content_string
    assert not connect("www").file("/etc/ssh/sshd_config.d/back-door.conf").exists
    assert "4444" not in connect("mail").check_output("nft list ruleset")
    assert connect("matrix").service("unattended-upgrades").is_running
    assert connect("containers").check_output("hostname") == inventory()["containers"]["model_name"]
    assert connect("containers").service("chrony").is_running

    after = site("--check", "--diff", limit)
    assert set(changes(after).values()) == {0}, after.stdout
