"""What one value may be."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import fields
from ansible_collections.aurore.infra.plugins.module_utils.model.addresses import parse_prefix
from ansible_collections.aurore.infra.plugins.module_utils.model.document import Tree
from ansible_collections.aurore.infra.plugins.module_utils.model.shape import INVALID, Report, reader

from .fleet import CERTIFICATE, CERTIFICATE_OF_A_HOST


def read(field: Any, value: Any) -> Any:
    """The value that a field makes of one, or INVALID."""
    return reader(field)(Tree(value, 1), "key", Report("x.yml"))


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (fields.HostName, "a", "a"),
        (fields.HostName, "node-1", "node-1"),
        (fields.HostName, "x" * 63, "x" * 63),
        (fields.GroupName, "dns_primary", "dns_primary"),
        (fields.DomainName, "adm.auro.re", "adm.auro.re"),
        (fields.Mail, "someone+list@auro.re", "someone+list@auro.re"),
        (fields.Line, "Résidence Émilie du Châtelet", "Résidence Émilie du Châtelet"),
        (fields.Line, "x", "x"),
        (fields.Url, "https://mirror.example:8080/debian", "https://mirror.example:8080/debian"),
        (fields.Certificate, CERTIFICATE, CERTIFICATE),
        (fields.Prefix4, "192.168.0.0/16", parse_prefix("192.168.0.0/16", 4)),
        (fields.Prefix6, "fd00::/8", parse_prefix("fd00::/8", 6)),
        (fields.Ports, 22, range(22, 23)),
        (fields.Ports, "22", range(22, 23)),
        (fields.Ports, "6800-6831", range(6800, 6832)),
        (fields.Ports, "1-1024", range(1, 1025)),
        (fields.Ports, 65535, range(65535, 65536)),
        (fields.Day, "2028-02-29", date(2028, 2, 29)),
        (fields.Vlan, 4094, 4094),
        (fields.Reserve, 0, 0),
    ],
)
def test_what_is_accepted(field: Any, value: Any, expected: Any) -> None:
    assert read(field, value) == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((fields.HostName, value) for value in ("", "-a", "a-", "a.b", "A", "é", "a\n", "x" * 64, None, 1)),
        *((fields.GroupName, value) for value in ("1a", "a-b", "_a", "A", "a\n")),
        *((fields.DomainName, value) for value in ("re", "auro.re.", ".auro.re", "auro..re", "AURO.re")),
        (fields.DomainName, ".".join(["abc"] * 64)),
        *((fields.Mail, value) for value in ("auro.re", "a@b", "a b@auro.re", "a@auro.re\n", "A@auro.re")),
        *((fields.Line, value) for value in ("", " ", " a", "a ", "a\nb", "a\tb", "\x7f")),
        *((fields.Url, value) for value in ("a.example", "ftp://a.example/", "http://", "http://a b/", "http://[")),
        *((fields.Url, f"http://a.example:{port}/") for port in (0, 65536, "x")),
        *((fields.Certificate, value) for value in ("", CERTIFICATE_OF_A_HOST, CERTIFICATE * 2)),
        (fields.Certificate, CERTIFICATE.replace("M", "N")),
        *((fields.Prefix4, value) for value in ("224.0.0.0/27", "0.0.0.0/0", "127.0.0.0/8", "169.254.8.0/24")),
        (fields.Prefix4, "255.255.255.255/32"),
        *((fields.Prefix6, value) for value in ("ff00::/16", "::/0", "fe80::/64", "::ffff:0:0/96")),
        *((fields.Ports, value) for value in (0, 65536, -1, "", "a", "1-", "-1", "2-1", "1-1025", "1-2-3", True)),
        (fields.Ports, "\uff11"),  # a digit, but not one of ASCII
        *((fields.Day, value) for value in ("2026-02-29", "20260101", "2026-1-1", "2026-01-01T00:00", 2026)),
        *((fields.Vlan, value) for value in (0, 4095, "1", True)),
        *((fields.Gib, value) for value in (0, -1, 2**21)),
        *((fields.Purpose, value) for value in ("", "publi", "public\n", "administration|public")),
    ],
)  # fmt: skip
def test_what_is_refused(field: Any, value: Any) -> None:
    assert read(field, value) is INVALID


@pytest.mark.parametrize(
    ("numbers", "written"),
    [
        ([22], "22"),
        ([443, 80], "80, 443"),
        ([3300, 6789, 6790], "3300, 6789, 6790"),
        (range(6800, 6832), "6800-6831"),
        ([1, 2, 3, 5], "1-3, 5"),
        ([], ""),
    ],
)
def test_spans_writes_runs_of_three_and_more_short(numbers: list[int], written: str) -> None:
    assert fields.spans(numbers) == written
