"""Whether hosts refuse what the register says is revoked."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from ansible_collections.aurore.infra.plugins.module_utils.register import krl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def outdated(
    lists: Mapping[str, bytes | None], certificates: Iterable[Mapping[str, Any]], today: date, max_age_days: int
) -> Iterator[str]:
    """Says which hosts have an old list of revoked certificates, or none.

    A list is old from the day of the first revocation that it lacks.

    Args:
        lists: The lists by host; None for a host that did not answer.
        certificates: The inventory's variable model_certificates.
        today: The day, in UTC.
        max_age_days: How many days a list may be old without being told.
    """
    days = sorted(date.fromisoformat(one["revoked"]) for one in certificates if one["revoked"] is not None)
    for host, content in lists.items():
        if content is None:
            yield f"{host} did not answer: nobody knows what it refuses"
            continue
        try:
            version = krl.read_head(content).version
        except ValueError as error:
            yield f"{host}: /etc/ssh/revoked_keys is {error}: run playbooks/site.yml"
            continue
        missing = days[version:]
        if version > len(days):
            yield f"{host} has a newer list than this register: git pull"
        elif missing and (today - missing[0]).days >= max_age_days:
            yield (
                f"{host} lacks {len(missing)} of {len(days)} revocations, the first of {missing[0]}: run "
                f"playbooks/site.yml"
            )
