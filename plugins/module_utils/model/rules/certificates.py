"""Certificates that let people in.

What takes the calendar looks at the index's day: a certificate that is over forbids nothing any more, so a model that
is valid stays valid as days go by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..calendar import end
from ..derive.fleet import groups_of
from ..keys import fingerprint
from ..schema import ROOT
from .registry import few, listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..index import Index
    from .registry import Finding


@rule("unknown-principal", "people", "nodes", "guests", "rented", "services", "sites")
def unknown_principals(index: Index) -> Iterator[Finding]:
    """What a person administers is there: all hosts, one, or those of a group."""
    groups = groups_of(index)
    for person in index.model.people:
        for name in person.administers:
            if name != ROOT and name not in index.hosts and name not in groups:
                known = f"{ROOT} for all hosts, a host's name, or one of {listed(groups)}"
                yield person.at("administers", name), f"there is no host or group '{name}'; use {known}"


@rule("serial-order")
def serial_order(index: Index) -> Iterator[Finding]:
    """Serial numbers grow, so that none is ever used twice and a line that was slipped in is seen."""
    last = 0
    for certificate in index.model.certificates:
        if certificate.serial <= last:
            yield certificate.at("serial"), f"{certificate.serial} does not follow {last}; serials grow line by line"
        last = max(last, certificate.serial)


@rule("certificate-line")
def one_line_each(index: Index) -> Iterator[Finding]:
    """A certificate is one line: reviewers see it whole, and what adds and revokes can edit the file."""
    for certificate in index.model.certificates:
        assert isinstance(certificate.origin.tree.value, dict)
        if any(item.line != certificate.at().line for item in certificate.origin.tree.value.values()):
            yield certificate.at(), f"the certificate {certificate.serial} takes several lines; write it on one"


@rule("unknown-person", "people")
def unknown_persons(index: Index) -> Iterator[Finding]:
    """Who holds a certificate is known, as long as the certificate is in the list: logs name that person."""
    people = {person.nick for person in index.model.people}
    for certificate in index.model.certificates:
        if certificate.person not in people:
            sentence = f"nobody has the nick '{certificate.person}'; put the entry back into people.yml"
            yield certificate.at("person"), sentence


@rule("certificate-dates")
def certificate_dates(index: Index) -> Iterator[Finding]:
    """A certificate ends after it begins, and lasts no longer than the college decided."""
    for certificate in index.model.certificates:
        since, until = certificate.since, certificate.until
        if until <= since:
            yield certificate.at("until"), f"{until} is not after {since}; correct the dates"
        elif until > end(since):
            yield certificate.at("until"), f"{until} is after {end(since)}, a year and four weeks; revoke it"
        if certificate.revoked is not None and certificate.revoked < since:
            yield certificate.at("revoked"), f"{certificate.revoked} is before {since}; correct the day"


@rule("revocation-reason")
def revocation_reasons(index: Index) -> Iterator[Finding]:
    """Who reads the list finds out why a certificate was revoked."""
    for certificate in index.model.certificates:
        if certificate.revoked is not None and certificate.reason is None:
            yield certificate.at("revoked"), "key 'reason' is missing; say why it was revoked"
        if certificate.revoked is None and certificate.reason is not None:
            yield certificate.at("reason"), "this one is not revoked; add the day as 'revoked', or remove the reason"


@rule("authority-in-use", "authorities")
def authorities_in_use(index: Index) -> Iterator[Finding]:
    """An authority is trusted until its last certificate ends: removing it earlier locks its people out."""
    known = {fingerprint(key) for key in index.model.authorities.people}
    gone: dict[str, list[str]] = {}
    for certificate in index.model.certificates:
        if certificate.is_current(index.today) and certificate.authority not in known:
            gone.setdefault(certificate.authority, []).append(f"{certificate.serial} of {certificate.person}")
    for authority, certificates in gone.items():
        sentence = (
            f"{authority} is no authority any more, but its certificates {few(certificates)} still run; put it back "
            "into fleet.yml until they end, or revoke them"
        )
        yield index.model.authorities.at("users"), sentence


@rule("key-of-nobody", "people")
def keys_of_nobody(index: Index) -> Iterator[Finding]:
    """A certificate that runs is for a key that its person still has."""
    keys = {person.nick: {fingerprint(key) for key in person.keys} for person in index.model.people}
    for certificate in index.model.certificates:
        if certificate.is_current(index.today) and certificate.key not in keys.get(
            certificate.person, {certificate.key}
        ):
            sentence = f"'{certificate.person}' has no such key in people.yml; put it back there, or revoke this one"
            yield certificate.at("key"), sentence
