"""Which hosts do not refuse yet what was revoked."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.register import deployed, krl

from .test_krl import entry

if TYPE_CHECKING:
    from .conftest import Key

DAY = date(2026, 11, 25)


def test_hosts_whose_list_is_old(authority: Key) -> None:
    certificates = [
        entry(1, authority, "2026-11-01"), entry(2, authority, "2026-11-20"), entry(3, authority),
        entry(4, authority, "2026-11-24"),
    ]  # fmt: skip

    def after(count: int) -> bytes:
        return krl.of_register(certificates[:count], [authority.line])

    lists = {"fresh": after(4), "late": after(3), "older": after(1), "silent": None, "none": b"",
             "ahead": krl.build({}, krl.Head(9, DAY), "x")}  # fmt: skip
    assert list(deployed.outdated(lists, certificates, DAY, 1)) == [
        "late lacks 1 of 3 revocations, the first of 2026-11-24: run playbooks/site.yml",
        "older lacks 2 of 3 revocations, the first of 2026-11-20: run playbooks/site.yml",
        "silent did not answer: nobody knows what it refuses",
        "none: /etc/ssh/revoked_keys is not a key revocation list: run playbooks/site.yml",
        "ahead has a newer list than this register: git pull",
    ]
    assert [one.split()[0] for one in deployed.outdated(lists, certificates, DAY, 2)] == [
        "older", "silent", "none:", "ahead",
    ]  # fmt: skip
