"""What a certificate says, and whether it still serves. Pure: the time is an argument."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Clocks differ: a certificate is valid a little before it was signed, and one that a clock which is ahead signed is not
# too long.
CLOCK_SKEW = timedelta(hours=1)

# RFC 5280, ub-common-name.
LONGEST_IDENTITY = 64

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


class IdentityError(Exception):
    """Something is not what it should be. The message says what it is instead, and what to do."""


@dataclass(frozen=True)
class Wanted:
    """What a host's certificates must say, from the model, and how long they last, from the role."""

    identity: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    validity: timedelta
    renew_before: timedelta

    @classmethod
    def of(
        cls, identity: str, names: Iterable[str], addresses: Iterable[str], valid_days: int, renew_before_days: int
    ) -> Wanted:
        """Return the wish in its canonical form: each name and address once, the identity first, then in order.

        Raises:
            IdentityError: a name or an address is none, or the certificates would be renewed at each run.
        """
        others = sorted({*names} - {identity})
        for name in (identity, *others):
            if not _HOST_NAME.fullmatch(name):
                raise IdentityError(f"{name!r} is not a host name in lower case")
        if len(identity) > LONGEST_IDENTITY:
            raise IdentityError(f"{identity!r} is longer than the {LONGEST_IDENTITY} characters that X.509 allows")
        try:
            parsed = {ipaddress.ip_address(address) for address in addresses}
        except ValueError as problem:
            raise IdentityError(f"not an address: {problem}") from None
        if not 0 < renew_before_days < valid_days:
            raise IdentityError(
                f"renew_before_days ({renew_before_days}) must be between 0 and valid_days ({valid_days}), "
                "or every run would issue new certificates"
            )
        return cls(
            identity=identity,
            names=(identity, *others),
            addresses=tuple(str(address) for address in sorted(parsed, key=lambda one: (one.version, int(one)))),
            validity=timedelta(days=valid_days),
            renew_before=timedelta(days=renew_before_days),
        )


@dataclass(frozen=True)
class Certificate:
    """What a certificate says, of either kind. Keys are fingerprints."""

    identity: str
    names: frozenset[str]
    key: str
    authority: str
    not_before: datetime
    not_after: datetime

    def describe(self) -> str:
        """Return it as lines that a person compares with another's."""
        names = "".join(f"  {name}\n" for name in sorted(self.names))
        return (
            f"identity: {self.identity}\nnames:\n{names}key: {self.key}\nauthority: {self.authority}\n"
            f"valid from: {_date(self.not_before)}\nvalid until: {_date(self.not_after)}\n"
        )


def _date(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def now() -> datetime:
    """Return the time, in whole seconds as certificates have it."""
    return datetime.now(UTC).replace(microsecond=0)


def draft(
    wanted: Wanted, key: str, authority: str, at: datetime, *, authority_ends: datetime | None = None
) -> Certificate:
    """Return what a certificate issued at `at` says. It does not outlive its authority."""
    end = at + wanted.validity
    return Certificate(
        identity=wanted.identity,
        names=frozenset({*wanted.names, *wanted.addresses}),
        key=key,
        authority=authority,
        not_before=at - CLOCK_SKEW,
        not_after=end if authority_ends is None else min(end, authority_ends),
    )


def shortcomings(current: Certificate | str | None, ideal: Certificate, wanted: Wanted, at: datetime) -> list[str]:
    """Return why the host's certificate must be replaced; nothing if it serves.

    Args:
        current: the host's certificate, None if it has none, or a sentence why it cannot be read.
        ideal: the one that would be issued now.
        wanted: for the time before its end at which a certificate is renewed.
        at: now.
    """
    if current is None:
        return ["there is none"]
    if isinstance(current, str):
        return [f"it cannot be read: {current}"]
    missing, surplus = sorted(ideal.names - current.names), sorted(current.names - ideal.names)
    is_near = current.not_after - at < wanted.renew_before
    reasons = {
        "it is for another key than the host's": current.key != ideal.key,
        "another authority signed it": current.authority != ideal.authority,
        f"its identity is {current.identity!r}": current.identity != ideal.identity,
        f"it lacks {', '.join(missing)}": missing,
        f"it should not have {', '.join(surplus)}": surplus,
        f"it is not valid before {_date(current.not_before)}": current.not_before > at,
        # Where a new one would end no later, because the authority itself ends, a new one is of no use.
        f"it ends on {_date(current.not_after)}": is_near and current.not_after < ideal.not_after,
        f"it lasts too long, until {_date(current.not_after)}": current.not_after > ideal.not_after + CLOCK_SKEW,
    }
    return [reason for reason, holds in reasons.items() if holds]
