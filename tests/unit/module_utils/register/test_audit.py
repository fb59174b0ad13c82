"""What the command says of a register that does not agree with itself."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.register import audit, file, store
from ansible_collections.aurore.infra.plugins.module_utils.register.certificate import read

from .conftest import TODAY, sign

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.register.store import Register

    from .conftest import Key

MODEL = Path(__file__).parents[4] / "inventory/model"


def problems(register: Register, authority: Key, **ends: date) -> list[str]:
    """What is wrong with a register, whose people hold office for long."""
    return list(
        map(
            str,
            audit.problems(
                register.certificates,
                register.published,
                authorities=[authority.line],
                ends={"ann": date(2030, 1, 1)} | ends,
                today=TODAY,
            ),
        )
    )


def test_a_register_that_agrees(register: Register, authority: Key, ann: Key) -> None:
    register.enter(sign(authority, ann))
    assert problems(register, authority) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"person": "bob"}, "has the key ID ann instead of bob"),
        ({"principals": ("root", "git")}, "has the principals root instead of root, git"),
        ({"since": date(2026, 11, 24)}, "has the beginning 2026-11-25T00:00:00+00:00 instead of 2026-11-24"),
        ({"until": date(2027, 12, 24)}, "has the end 2027-12-23T00:00:00+00:00 instead of 2027-12-24"),
        ({"key": f"SHA256:{'A' * 43}"}, f"instead of SHA256:{'A' * 43}"),
        ({"authority": f"SHA256:{'A' * 43}"}, f"instead of SHA256:{'A' * 43}"),
    ],
)
def test_a_line_that_says_something_else(
    register: Register, authority: Key, ann: Key, other: dict[str, object], said: str
) -> None:
    line = register.enter(sign(authority, ann))._replace(**other)  # type: ignore[arg-type]
    published = register.directory / "1-ann.pub"
    published.rename(register.directory / file.published_name(1, line.person))
    register.path.write_text(file.added("certificates: []\n", line))
    (found,) = problems(register, authority, bob=date(2030, 1, 1))
    assert found.startswith("certificates.yml:2: other-certificate: the certificate 1 has ")
    assert said in found


def test_a_serial_that_is_another(register: Register, authority: Key, ann: Key) -> None:
    line = register.enter(sign(authority, ann))._replace(serial=2)
    register.path.write_text(file.added("certificates: []\n", line))
    (register.directory / "1-ann.pub").rename(register.directory / "2-ann.pub")
    (found,) = problems(register, authority)
    assert "the certificate 2 has the serial 1 instead of 2; correct the line, or revoke the certificate" in found


def test_certificates_that_are_missing_damaged_forged_or_too_many(register: Register, authority: Key, ann: Key) -> None:
    for serial in (1, 2, 3):
        register.enter(sign(authority, ann, serial))
    published = register.directory
    (published / "1-ann.pub").unlink()
    (published / "2-ann.pub").write_text("ssh-rsa AAAA\n")
    kind, blob, comment = (published / "3-ann.pub").read_text().split()
    content = bytearray(base64.b64decode(blob))
    content[-1] ^= 1
    (published / "3-ann.pub").write_text(f"{kind} {base64.b64encode(content).decode()} {comment}")
    (published / "4-ann.pub").write_text(sign(authority, ann, 4))
    assert [found.split(": ")[:2] for found in problems(register, authority)] == [
        ["certificates.yml:4", "missing-certificate"],
        ["certificates/2-ann.pub:1", "damaged-certificate"],
        ["certificates/3-ann.pub:1", "forged-certificate"],
        ["certificates/4-ann.pub:1", "unregistered-certificate"],
    ]


def test_more_than_administration_needs(register: Register, authority: Key, ann: Key) -> None:
    days = ("20261125", "20271223")
    register.enter(sign(authority, ann, 1, "ann", "root", days, "-O", "force-command=/bin/sh"))
    assert [
        found.partition(": other-certificate: ")[2].partition(";")[0] for found in problems(register, authority)
    ] == [
        "the certificate 1 allows permit-user-rc, which signing does not know",
        "the certificate 1 has the critical options force-command, which signing does not know",
    ]


def test_somebody_whose_mandate_is_over(register: Register, authority: Key, ann: Key) -> None:
    register.enter(sign(authority, ann))
    assert problems(register, authority, ann=TODAY) == []
    (found,) = problems(register, authority, ann=date(2026, 11, 24))
    assert "certificate-of-nobody: the mandate of 'ann' ended on 2026-11-24, but this certificate runs" in found
    register.path.write_text(file.revoked(register.text, [1], TODAY, "Over"))
    assert problems(register, authority, ann=date(2026, 11, 24)) == []


def test_a_time_without_end(authority: Key, ann: Key) -> None:
    certificate = replace(read(sign(authority, ann)), valid_before=24 * 60 * 60 * 2**40)
    with pytest.raises(store.CertificateError, match="it is valid until the end of time"):
        store.line_of(certificate)
