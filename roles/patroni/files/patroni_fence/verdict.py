"""What follows from a look: pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .view import View


class Verdict(Enum):
    """What to do about the leader."""

    LISTEN = "it is alive, or it is this member: listen to it"
    AWAIT = "there is none: leave everything as it is"
    FENCE = "it is silent: stop listening to it, and say so"
    END = "it is silent, and none of those listens to it by whom it could acknowledge anything: end its term"


def judge(view: View, me: str, patience: int) -> Verdict:
    """What to do.

    A term is ended by a synchronous replica alone, and only when each synchronous replica has stopped listening: with
    one that still listens, the primary could have a commit acknowledged that the next one lacks.

    Args:
        view: Of one look.
        me: This member's name.
        patience: Seconds for which a leader may be silent. By then, one that works has mostly given up by itself.
    """
    if view.leader is None:
        return Verdict.AWAIT
    if view.leader == me or not view.lease or view.silent < patience:
        return Verdict.LISTEN
    if me in view.synchronous and view.synchronous <= view.votes:
        return Verdict.END
    return Verdict.FENCE
