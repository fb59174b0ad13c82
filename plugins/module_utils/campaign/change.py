"""The change to the repository that a campaign's outcome asks for: texts in, texts out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.aurore.infra.plugins.module_utils.campaign import outcome as outcomes
from ansible_collections.aurore.infra.plugins.module_utils.campaign.people_file import end_mandates, read_people
from ansible_collections.aurore.infra.plugins.module_utils.model.calendar import end
from ansible_collections.aurore.infra.plugins.module_utils.register import file as register

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from typing import Any

    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Person


class RefusedError(Exception):
    """Nothing may be prepared; says why, one sentence per line."""


class Before(NamedTuple):
    """The files as they are.

    Attributes:
        people: people.yml.
        certificates: certificates.yml.
        campaign: The campaign's file; empty where there is none yet.
    """

    people: str
    certificates: str
    campaign: str


ORDER = (2, 0, 1)
"""The places of Before in the order in which they are written. The campaign's file is first: it has the last day, so a
run that was interrupted is completed by the next, whatever its day."""


class Change(NamedTuple):
    """The files as the college shall read them, and what differs.

    Attributes:
        after: The texts.
        last_day: Of the mandates that end.
        ended: Nicks of those whose mandates are shortened.
        revoked: Serials of the certificates that are revoked.
        renewed: New last days of the mandates of those who stay, by nick.
    """

    after: Before
    last_day: date
    ended: tuple[str, ...]
    revoked: tuple[int, ...]
    renewed: dict[str, date]


def prepare(said: Mapping[str, Any], before: Before, paths: Before, today: date, last_day: date | None) -> Change:
    """Works out the change. Of a change that is made already, nothing is left.

    Args:
        said: What the campaign's program says.
        before: The files' contents.
        paths: Their paths, for the messages.
        today: The day on which certificates are revoked.
        last_day: Of the mandates that end; by default the one in the campaign's file, or else today, and not before the
            deadline.

    Raises:
        RefusedError: The change must not be made.
        ModelError: One of the files, or what the program says, is not what it should be.
    """
    answers = outcomes.answers(said)
    earlier = outcomes.read(before.campaign, paths.campaign) if before.campaign else None
    people = read_people(before.people, paths.people)
    leaves = {one.nick: one.reason for one in answers.leaves}
    why = outcomes.objections(answers, people)
    if earlier is not None:
        why += _taken_back((one.nick for one in earlier.leaves), leaves, paths)
    if why:
        raise RefusedError("\n".join(why))

    if last_day is None:
        last_day = max(today, answers.deadline) if earlier is None else earlier.last_day
    # As long as a certificate that is signed on the last day of the campaign: both last a year and four weeks.
    until = end(answers.deadline) - timedelta(days=1)
    ends, lasts = dict.fromkeys(leaves, last_day), dict.fromkeys(answers.stays, until)
    changed_people = end_mandates(before.people, ends, paths.people, lasts)
    certificates, serials = before.certificates, []
    for one in register.read(before.certificates):
        if one.person in leaves and one.revoked is None and one.until > today:
            reason = f"campaign of January {answers.year}: {leaves[one.person]}"
            certificates = register.revoked(certificates, [one.serial], today, reason)
            serials.append(one.serial)
    campaign = outcomes.write(answers, last_day)
    outcomes.read(campaign, paths.campaign)
    return Change(
        after=Before(changed_people, certificates, campaign),
        last_day=last_day,
        ended=tuple(sorted(_ended(people, leaves, last_day))),
        revoked=tuple(sorted(serials)),
        renewed={
            person.nick: until for person in people if person.nick in answers.stays and person.mandate.until < until
        },
    )


def _ended(people: Iterable[Person], leaves: Mapping[str, str], last_day: date) -> list[str]:
    return [person.nick for person in people if person.nick in leaves and person.mandate.until > last_day]


def _taken_back(earlier: Iterable[str], leaves: Mapping[str, str], paths: Before) -> list[str]:
    """Whoever was to leave stays after all: what was prepared is undone by git, which knows what was there before."""
    back = sorted(set(earlier) - leaves.keys())
    if not back:
        return []
    names = " and ".join(f"'{nick}'" for nick in back)
    return [
        f"{paths.campaign} says that {names} should leave, which is no longer so; undo what it prepared with "
        f"`git restore {paths.people} {paths.certificates}`, remove it, and run this again"
    ]
