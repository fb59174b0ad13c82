"""IPv4 and IPv6 addresses and prefixes as whole numbers.

The standard library's ipaddress checks what people wrote. Everything that is computed per host works on numbers, and
the C library writes them: ten times as fast, which shows with thousands of hosts.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_BITS = {4: 32, 6: 128}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


class Address(NamedTuple):
    """One address.

    Attributes:
        version: 4 or 6.
        number: The address as a whole number.
    """

    version: int
    number: int

    def __str__(self) -> str:
        return socket.inet_ntop(_FAMILIES[self.version], self.number.to_bytes(_BITS[self.version] // 8))


class Prefix(NamedTuple):
    """A network's addresses.

    Attributes:
        version: 4 or 6.
        number: The first address.
        length: Bits that all addresses share.
    """

    version: int
    number: int
    length: int

    @property
    def size(self) -> int:
        """How many addresses there are."""
        return 1 << (_BITS[self.version] - self.length)

    @property
    def last(self) -> int:
        """The last address, as a number."""
        return self.number + self.size - 1

    def holds(self, address: Address) -> bool:
        """Whether the address is one of these."""
        return self.version == address.version and self.number <= address.number <= self.last

    def overlaps(self, other: Prefix) -> bool:
        """Whether some addresses of the other are among these."""
        return self.version == other.version and self.number <= other.last and other.number <= self.last

    def covers(self, other: Prefix) -> bool:
        """Whether all addresses of the other are among these."""
        return self.version == other.version and self.number <= other.number and other.last <= self.last

    def __str__(self) -> str:
        return f"{Address(self.version, self.number)}/{self.length}"

    @classmethod
    def of(cls, address: Address) -> Prefix:
        """The prefix that holds one address."""
        return cls(address.version, address.number, _BITS[address.version])


def parse_address(text: str, version: int) -> Address:
    """Reads an address.

    Raises:
        ValueError: The text is not an address of that version.
    """
    if version == 4:
        return Address(4, int(ipaddress.IPv4Address(text)))
    address = ipaddress.IPv6Address(text)
    if address.scope_id is not None:
        raise ValueError("a zone is of one machine only")
    return Address(6, int(address))


def parse_prefix(text: str, version: int) -> Prefix:
    """Reads a prefix written as address/length, with no bit set after the length.

    Raises:
        ValueError: The text is not a prefix of that version.
    """
    address, slash, length = text.partition("/")
    if not slash or not length.isascii() or not length.isdigit() or int(length) > _BITS[version]:
        raise ValueError("not written as address/length")
    prefix = Prefix(version, parse_address(address, version).number, int(length))
    if prefix.number % prefix.size:
        raise ValueError("bits are set after the length")
    return prefix


_SPECIAL = tuple(
    parse_prefix(text, 6 if ":" in text else 4)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/8", "fe80::/10", "ff00::/8")
)
"""Addresses that no host can have for its own in a network (RFC 6890): this host, its links, groups, reserved ones."""


EVERYWHERE = Prefix(4, 0, 0), Prefix(6, 0, 0)
"""All addresses there are."""


def parse_network(text: str, version: int) -> Prefix:
    """Reads the prefix of a network of hosts.

    Raises:
        ValueError: The text is not a prefix of that version, or hosts cannot have its addresses.
    """
    prefix = parse_prefix(text, version)
    if any(prefix.overlaps(special) for special in _SPECIAL):
        raise ValueError("not for hosts")
    return prefix


def host_address(prefix: Prefix, number: int) -> Address:
    """The address of a host by its number in the network.

    In IPv6 the number's decimal digits are written as they are: host 11 of 2001:db8::/64 is 2001:db8::11, which people
    recognise.

    Args:
        prefix: The network.
        number: From 1. One that is too large gives an address of another network; see `is_usable`.
    """
    offset = number if prefix.version == 4 else int(str(number), 16)
    return Address(prefix.version, prefix.number + offset)


def is_usable(prefix: Prefix, address: Address) -> bool:
    """Whether a host of the network may have the address.

    The first one is the network's own or any router's (RFC 4291, section 2.6.1), the last one of IPv4 is for broadcasts
    (RFC 919, section 7).
    """
    last = prefix.last - (prefix.version == 4)
    return prefix.version == address.version and prefix.number < address.number <= last


def collapse(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """Prefixes of one version in order, without those that another one covers: nftables refuses overlaps."""
    kept: list[Prefix] = []
    for prefix in sorted(prefixes):
        if not kept or not kept[-1].covers(prefix):
            kept.append(prefix)
    return kept


def overlapping(prefixes: Iterable[Prefix]) -> list[tuple[Prefix, Prefix]]:
    """Pairs of prefixes that share addresses; for each prefix at most one that comes before it in order."""
    found: list[tuple[Prefix, Prefix]] = []
    widest: Prefix | None = None
    for prefix in sorted(prefixes):
        if widest is not None and widest.overlaps(prefix):
            found.append((widest, prefix))
        if widest is None or not widest.covers(prefix):
            widest = prefix
    return found
