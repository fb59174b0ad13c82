"""The module `aurore.infra.patroni_switchover`: another member becomes the primary."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_switchover
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Make another member the primary
description:
  - Runs on the primary, whose PostgreSQL alone can say what it is doing. What proves that one may ask is taken from
    Patroni's own configuration.
  - Refuses, with all reasons at once, while the cluster is not whole. A member does not run, a replica is behind or not
    synchronous, a transaction has run for long, a backup is being made, somebody is at work on the cluster.
  - Afterwards awaits that all members follow the new primary.
  - The replicas find out who is the next, which is quick. When one of them is asked for, Patroni has each of the others
    wait for two seconds before it follows, and until then nothing is acknowledged.
  - Where the wanted member is the primary already, there is nothing to do, on whatever member that is found out.
options:
  to:
    description: The member that shall be the primary; empty for whichever replica is first.
    type: str
    default: ""
  config:
    description: The file with Patroni's configuration.
    type: path
    default: /etc/patroni/config.yml
  max_lag:
    description: Bytes that a replica may be behind.
    type: int
    default: 16777216
  max_transaction:
    description: Seconds that a transaction may have run; it would end.
    type: int
    default: 60
  patience:
    description: Seconds to wait for the new primary, and again for the others to follow it.
    type: int
    default: 120
attributes:
  check_mode:
    support: full
    description: Refuses as a run would, and says what it would do.
"""

EXAMPLES = r"""
- name: Make another member the primary
  aurore.infra.patroni_switchover:
    to: postgresql-gs
  when: primary == inventory_hostname
"""

RETURN = r"""
previous:
  description: Who was the primary.
  returned: success
  type: str
  sample: postgresql-edc
primary:
  description: Who is the primary; in check mode, who may be, with V( or ) between them.
  returned: success
  type: str
  sample: postgresql-gs
outage:
  description:
    - Seconds in which no member said that it accepts writes, as seen from this one. Clients notice a little more, since
      they have to come to the new primary as well.
  returned: success
  type: float
  sample: 1.3
reasons:
  description: Why it was refused.
  returned: when it was
  type: list
  elements: str
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aurore.infra.plugins.module_utils.patroni.local import read
from ansible_collections.aurore.infra.plugins.module_utils.patroni.rest import PatroniError, PatroniUnavailableError
from ansible_collections.aurore.infra.plugins.module_utils.patroni.whole import (
    Limits,
    Sample,
    ailments,
    outage,
    primary,
    successors,
)

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.patroni.local import Local
    from ansible_collections.aurore.infra.plugins.module_utils.patroni.rest import Patroni
    from ansible_collections.aurore.infra.plugins.module_utils.patroni.whole import Cluster

PACE = 0.2
"""Seconds between two looks at who accepts writes. Each has to be answered by members that have other things to do."""

SLOW = 60.0
"""Seconds that Patroni may take to answer: it does when it is done, or has given up."""


class RefusedError(Exception):
    """It must not be done now.

    Attributes:
        reasons: Why, as sentences.
    """

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            "to": {"type": "str", "default": ""},
            "config": {"type": "path", "default": "/etc/patroni/config.yml"},
            "max_lag": {"type": "int", "default": 16777216},
            "max_transaction": {"type": "int", "default": 60},
            "patience": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    try:
        result = apply(module)
    except RefusedError as refused:
        module.fail_json(msg=f"patroni_switchover refuses: {refused}", reasons=refused.reasons)
    except (PatroniError, OSError) as problem:
        module.fail_json(msg=f"patroni_switchover: {problem}")
    module.exit_json(**result)


def apply(module: AnsibleModule) -> dict[str, Any]:
    """Does what is wanted; in check mode, only says what it would.

    Raises:
        RefusedError: It must not be done now.
        PatroniError: It could not be done.
    """
    options = module.params
    local = read(options["config"])
    view = local.view(lambda argv: module.run_command(argv, cwd="/"))
    cluster = view["cluster"]
    previous = primary(cluster) if cluster else ""
    if previous and previous == options["to"]:
        return {"changed": False, "previous": previous, "primary": previous, "outage": 0.0}

    limits = Limits(options["max_lag"], options["max_transaction"])
    reasons = ailments({local.config["name"]: view}, limits)
    if reasons or cluster is None:
        raise RefusedError(reasons)
    try:
        candidates = successors(cluster, options["to"])
    except ValueError as problem:
        raise RefusedError([str(problem)]) from problem
    result = {"changed": True, "previous": previous, "primary": " or ".join(candidates), "outage": 0.0}
    if not module.check_mode:
        now, seconds = switch_over(local, cluster, candidates, options["patience"])
        await_whole(local, now, limits, options["patience"])
        result |= {"primary": now, "outage": round(seconds, 2)}
    return result


def switch_over(local: Local, cluster: Cluster, candidates: list[str], patience: float) -> tuple[str, float]:
    """Has the primary hand its place over; returns who has it now, and how long nobody accepted writes.

    Raises:
        PatroniError: It was refused, or another member has become the primary, or nobody within that time.
    """
    wish = {"leader": primary(cluster)} | ({"candidate": candidates[0]} if len(candidates) == 1 else {})
    members = {member["name"]: local.patroni(urlsplit(member["api_url"]).netloc, 2.0) for member in cluster["members"]}
    # It was, when all was found well.
    samples = [Sample(time.monotonic(), accepting=True)]
    deadline = time.monotonic() + patience
    with ThreadPoolExecutor(max_workers=1) as pool:
        request = pool.submit(local.patroni(timeout=SLOW).post, "/switchover", wish)
        while True:
            when, is_done = time.monotonic(), request.done()
            accepting = [name for name, patroni in members.items() if accepts_writes(patroni)]
            samples.append(Sample(when, bool(accepting)))
            if is_done:
                said = request.result()
                if len(accepting) == 1 and accepting[0] in candidates:
                    return accepting[0], outage(samples)
                if when > deadline:
                    break
            time.sleep(PACE)
    raise PatroniError(
        f"{' and '.join(accepting) or 'nobody'} is the primary, and not {' or '.join(candidates)}: {said}"
    )


def accepts_writes(patroni: Patroni) -> bool:
    """Whether a member says that its server does."""
    try:
        status = patroni.get("/patroni")
    except PatroniUnavailableError:
        return False
    return bool(status.get("state") == "running" and status.get("role") in {"primary", "master"})


def await_whole(local: Local, now: str, limits: Limits, patience: float) -> None:
    """Waits until all follow the new primary, the old one too.

    Raises:
        PatroniError: They did not within that time.
    """
    deadline = time.monotonic() + patience
    while True:
        view = local.view(lambda _: (0, "[]", ""))
        found = ailments({local.config["name"]: view}, limits, stops=())
        if view["cluster"] and primary(view["cluster"]) == now and not found:
            return
        if time.monotonic() > deadline:
            raise PatroniError(f"{now} is the primary, but {'; '.join(found) or 'not for this member'}")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
