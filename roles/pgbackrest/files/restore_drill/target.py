"""The point to restore to, as people write it and as pgBackRest wants it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from .settings import RestoreError

HOW = (
    "Say latest, a time with its zone (2026-11-26 10:00:00+01:00), name:POINT, xid:NUMBER, before-xid:NUMBER, "
    "lsn:PLACE or before-lsn:PLACE."
)
_FORMS = {"name": r"[^'\s].{0,62}", "xid": r"\d+", "lsn": r"[0-9A-Fa-f]+/[0-9A-Fa-f]+"}


@dataclass(frozen=True)
class Target:
    """A point in the history of the cluster."""

    kind: str
    """As pgBackRest calls it: default (the end of the archive), time, name, xid or lsn."""
    value: str = ""
    exclusive: bool = False
    """Whether what happened at that very point is left out."""
    timeline: str = ""
    """Which of several histories; the newest one by default."""

    @property
    def moment(self) -> datetime | None:
        """When it is, of those that are a time."""
        return datetime.fromisoformat(self.value) if self.kind == "time" else None

    def options(self, action: str) -> list[str]:
        """What pgBackRest is told, with what PostgreSQL does when it is there: pause or promote."""
        options = [f"--type={self.kind}"]
        if self.kind != "default":
            options += [f"--target={self.value}", f"--target-action={action}"]
        if self.exclusive:
            options.append("--target-exclusive")
        if self.timeline:
            options.append(f"--target-timeline={self.timeline}")
        return options


def parse(text: str, timeline: str = "") -> Target:
    """Read what somebody has typed.

    Raises:
        RestoreError: it is not a point in time.
    """
    if text == "latest":
        return Target("default", timeline=timeline)
    kind, colon, value = text.partition(":")
    exclusive = kind.startswith("before-")
    form = _FORMS.get(kind.removeprefix("before-"))
    if colon and form and re.fullmatch(form, value) and not (exclusive and kind.endswith("name")):
        return Target(kind.removeprefix("before-"), value, exclusive, timeline)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RestoreError(f"{text!r} is not a point to restore to. {HOW}") from None
    if moment.tzinfo is None:
        raise RestoreError(f"{text!r} has no zone: Paris or UTC? {HOW}")
    return Target("time", moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00"), timeline=timeline)
