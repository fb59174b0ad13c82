"""The kinds of values that the model's files hold, with what a person has to write."""

import re
import ssl
from collections.abc import Iterable
from datetime import date
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlsplit

from .addresses import Address, Prefix, parse_address, parse_network
from .keys import AUTHORITIES, PEOPLE, check_public_key
from .shape import Parsed, Pattern, Range

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})+"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n?")


def parse_ports(value: int | str) -> range:
    """Reads 22 or "6800-6831".

    Raises:
        ValueError: These are not ports, or more than a firewall's rule should list.
    """
    match = _PORTS.fullmatch(str(value))
    if match is None:
        raise ValueError("not a number or two")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= 65535 or last - first >= 1024:
        raise ValueError("out of range")
    return range(first, last + 1)


def spans(numbers: Iterable[int]) -> str:
    """Ports in their order, with runs of three and more written as first-last."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def parse_day(value: str) -> date:
    """Reads a day of the calendar.

    Raises:
        ValueError: It is not one, or not written as year-month-day.
    """
    if not _DAY.fullmatch(value):
        raise ValueError("not written as year-month-day")
    return date.fromisoformat(value)


def parse_url(value: str) -> str:
    """Checks a URL.

    Raises:
        ValueError: It has no scheme of the web's, no host, a port that there cannot be, or characters that a sources
            list would trip over.
    """
    url = urlsplit(value)
    if url.scheme not in {"http", "https"} or not url.hostname or not re.fullmatch(r"[!-~]+", value) or url.port == 0:
        raise ValueError("not a URL")
    return value


def parse_certificate(value: str) -> str:
    """Checks that this is one certificate in PEM, of an authority: no private key pasted by mistake, no host's.

    Raises:
        ValueError: It is not.
    """
    if not _PEM.fullmatch(value):
        raise ValueError("not a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=value)
    except ssl.SSLError as error:
        raise ValueError("damaged") from error
    if not context.cert_store_stats()["x509_ca"]:
        raise ValueError("not an authority's")
    return value


type HostName = Annotated[str, Pattern(_LABEL, "lower-case letters, digits and hyphens, 63 at most (RFC 1123)")]
type GroupName = Annotated[str, Pattern(r"[a-z][a-z0-9_]{0,62}", "lower-case letters, digits and underscores")]
type Principal = Annotated[
    str, Pattern(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?", "root, or the name of a host or of a group")
]
type DomainName = Annotated[str, Pattern(rf"(?=.{{1,253}}\Z){_DOMAIN}", "a domain name in lower case, such as auro.re")]
type Mail = Annotated[str, Pattern(rf"[a-z0-9._+-]+@{_DOMAIN}", "a mail address in lower case, such as rt@auro.re")]
type Line = Annotated[str, Pattern(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?", "one line of text")]
type Url = Annotated[str, Parsed(parse_url, "a URL such as http://debian-mirror.example/debian")]
type Certificate = Annotated[str, Parsed(parse_certificate, "an authority's certificate in PEM, indented below a |")]
type PublicKey = Annotated[
    str,
    Parsed(partial(check_public_key, kinds=PEOPLE), "a strong public key on one line, made with ssh-keygen -t ed25519"),
]
type AuthorityKey = Annotated[
    str,
    Parsed(
        partial(check_public_key, kinds=AUTHORITIES),
        f"an authority's public key on one line, of type {' or '.join(sorted(AUTHORITIES))}",
    ),
]
type Address4 = Annotated[Address, Parsed(partial(parse_address, version=4), "an IPv4 address such as 192.0.2.1")]
type Address6 = Annotated[Address, Parsed(partial(parse_address, version=6), "an IPv6 address such as 2001:db8::1")]
type Prefix4 = Annotated[
    Prefix, Parsed(partial(parse_network, version=4), "an IPv4 network of hosts such as 192.0.2.0/27, host bits zero")
]
type Prefix6 = Annotated[
    Prefix, Parsed(partial(parse_network, version=6), "an IPv6 network of hosts such as 2001:db8::/64, host bits zero")
]
type Ports = Annotated[range, Parsed(parse_ports, 'a port such as 22 or a range such as "6800-6831"', (int, str))]
type Day = Annotated[date, Parsed(parse_day, "a day such as 2026-01-15")]
type Fingerprint = Annotated[
    str, Pattern(r"SHA256:[A-Za-z0-9+/]{43}", "a fingerprint as ssh-keygen -l prints it, SHA256: and 43 characters")
]
type Serial = Annotated[int, Range(1, 2**32)]
type Vlan = Annotated[int, Range(1, 4094)]
type AsNumber = Annotated[int, Range(1, 4294967294)]
type Gib = Annotated[int, Range(1, 1048576)]
type Reserve = Annotated[int, Range(0, 1048576)]
type Count = Annotated[int, Range(1, 4096)]
type HostNumber = Annotated[int, Range(1, 99999999)]

type Purpose = Literal["administration", "ceph_public", "ceph_cluster", "services", "public"]
type Kind = Literal["node", "guest", "rented"]
