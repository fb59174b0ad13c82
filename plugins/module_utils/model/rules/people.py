"""The technical staff."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..keys import key_material
from ..problems import Location
from .registry import listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..index import Index
    from .registry import Finding


@rule("one-rtc", "people")
def one_rtc(index: Index) -> Iterator[Finding]:
    """One person is the RTC: the one who keeps the user authority's token."""
    leads = [person for person in index.model.people if person.role == "rtc"]
    if not leads:
        yield Location("people.yml", 1), "nobody has the role rtc; give it to one person"
    for person in leads[1:]:
        yield person.at("role"), f"'{leads[0].nick}' is the RTC already; make one of them rt"


@rule("mandate-dates")
def mandate_dates(index: Index) -> Iterator[Finding]:
    """A mandate ends after it begins."""
    for person in index.model.people:
        mandate = person.mandate
        if mandate.until < mandate.since:
            yield mandate.at("until"), f"{mandate.until} is before {mandate.since}; exchange or correct the dates"


@rule("shared-key")
def shared_keys(index: Index) -> Iterator[Finding]:
    """A key has one purpose: logs say who it was, and who may sign for hosts cannot let people in."""
    authorities = index.model.authorities
    uses = [(key, "the user authority", partial(authorities.at, "users", key)) for key in authorities.users]
    single = (("host", authorities.host), ("emergency", authorities.emergency))
    uses += [(key, f"the {name} authority", partial(authorities.at, name)) for name, key in single if key is not None]
    for person in index.model.people:
        uses += [(key, f"'{person.nick}'", partial(person.at, "keys", key)) for key in person.keys]
    owners: dict[str, str] = {}
    for key, owner, locate in uses:
        first = owners.setdefault(key_material(key), owner)
        if first != owner:
            yield locate(), f"this is the key of {first} as well; give each a key of their own"


@rule("shared-mail")
def shared_mails(index: Index) -> Iterator[Finding]:
    """Each person has a mail address: what concerns one, such as an expiring certificate, goes to that one."""
    nicks: dict[str, list[str]] = {}
    for person in index.model.people:
        nicks.setdefault(person.mail, []).append(person.nick)
        if len(nicks[person.mail]) > 1:
            others = listed(nicks[person.mail][:-1])
            yield person.at("mail"), f"'{person.mail}' is the address of {others} as well; give each their own"
