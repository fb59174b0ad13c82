"""Restore the whole cluster, here: the present data is put aside, and a copy takes its place.

Each step is written down before it is done, so that a run that was interrupted is completed by the next, or undone.
Patroni is stopped on all members meanwhile; who does that, and has the others follow, is
playbooks/operations/restore_postgresql.yml.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import repository
from .copy import LONGEST, Copy
from .settings import RestoreError
from .state import State, sync

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .programs import Run
    from .settings import Settings
    from .target import Target

PLACE = "recovery"
NOTE = "recover"
_GIVE_UP = "The old data is beside. `restore-drill abandon` gives the restore up: docs/runbooks/restore-postgresql.md"


def status(settings: Settings, run: Run, target: Target, label: str = "") -> dict[str, Any]:
    """What a restore would do here: which backups there are, what is there now, and whether there is room.

    `begun` is what has been done of it, `obstacle` why it cannot begin.
    """
    known = repository.backups(run, settings)
    begun, obstacle = _begun(State(settings), _wanted(target, label))
    return {
        "begun": begun,
        "obstacle": obstacle or ("" if begun else _out_of_reach(target, known, label)),
        "backups": [{"label": one.label, "ended": _moment(one.ended)} for one in known],
        "size": known[-1].size,
        "free": shutil.disk_usage(settings.data.parent.parent).free,
        "reserve": settings.reserve * repository.MIB,
        "aside": [str(one) for one in sorted(settings.data.parent.glob(f"{settings.data.name}.before-*"))],
    }


def recover(settings: Settings, run: Run, target: Target, label: str = "") -> Path | None:
    """Put the data aside, restore, and end as a primary that is stopped. Where the old data is, if there was any.

    Raises:
        RestoreError: another restore is half done, the data is in use, there is no room, or no way to the point.
    """
    state = State(settings)
    with state.only_run(LONGEST):
        _see_stopped(settings)
        wanted = _wanted(target, label)
        begun, other = _begun(state, wanted)
        if other:
            raise RestoreError(other)
        if not begun:
            repository.see_room(settings.data.parent.parent, repository.backups(run, settings)[-1], settings.reserve)
            # Of one that is interrupted there may be a history of its own, which the next run must not follow.
            timeline = target.timeline or repository.newest_timeline(run, settings)
            begun = {"target": wanted, "timeline": timeline, "aside": _new_name(settings.data)}
            begun |= {"recovered": "", "handed_over": False, "cleared": False, "followed": ""}
            state.note(NOTE, begun)
        aside = Path(begun["aside"]) if begun["aside"] else None
        copy = Copy(settings, run, settings.state / PLACE, settings.data)
        # If somebody has started Patroni since, it has taken what was restored to where the others were.
        if begun["handed_over"] or (begun["recovered"] and begun["recovered"] == copy.stand()):
            return aside
        if aside and not aside.exists():
            settings.data.rename(aside)
            sync(aside.parent)
        try:
            _recover(copy, replace(target, timeline=begun["timeline"]), label, aside)
        except RestoreError as error:
            raise RestoreError(f"{error}\n{_GIVE_UP}") from None
        state.note(NOTE, begun | {"recovered": copy.stand()})
        return aside


def _wanted(target: Target, label: str) -> dict[str, Any]:
    return {**asdict(target), "label": label}


def _begun(state: State, wanted: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """What has been done of a restore, and why another one is in its way."""
    begun = state.noted(NOTE)
    if not begun or begun["target"] == wanted:
        return begun, ""
    if begun["handed_over"]:
        # The cluster has worked with it: what that one lacks, this one does anew.
        return None, ""
    return None, (
        f"Another restore is half done here: {begun['target']}. Run that one again, or give it up with "
        "restore-drill abandon."
    )


def _out_of_reach(target: Target, known: Sequence[repository.Backup], label: str) -> str:
    """Why no backup leads to the moment, as far as one can tell before everything is stopped."""
    moment = target.moment
    if moment is None:
        return ""
    if moment > datetime.now(UTC):
        return f"{moment:%Y-%m-%d %H:%M:%SZ} is yet to come: say an earlier moment, or latest."
    ends = [one.ended for one in known if not label or one.label == label]
    if ends and moment.timestamp() < min(ends):
        return (
            f"{moment:%Y-%m-%d %H:%M:%SZ} is before the end of {'that' if label else 'the first'} backup "
            f"({_moment(min(ends))}), and can be restored from none: say a later one."
        )
    return ""


def _recover(copy: Copy, target: Target, label: str, aside: Path | None) -> None:
    """What lies in the data's place is a copy that is not complete, or nothing."""
    copy.remove()
    if copy.data.exists():
        shutil.rmtree(copy.data)
    copy.restore(target, "promote", [f"--set={label}"] if label else [])
    limits = copy.limits(aside or copy.data)
    # Nothing of the new history goes into the archive before Patroni takes it over: replicas follow the newest one that
    # is there, so that they could not come back when this is given up.
    copy.start()
    copy.await_promoted()
    copy.forget_target()
    copy.stop()
    # With what it had before, so that it does not ask of Patroni for as much as it had on the way.
    copy.start(limits=limits)
    copy.await_promoted()
    copy.stop()
    copy.remove()


def hand_over(settings: Settings) -> None:
    """Note that the cluster is about to work with the restored data: from now on there is no way back."""
    _note(settings, {"handed_over": True})


def cleared(settings: Settings) -> None:
    """Note that the others have no data of the history that is no more: from now on, theirs is this one's."""
    _note(settings, {"cleared": True})


def followed(settings: Settings) -> None:
    """Note that all members work with the restored data, and since when."""
    _note(settings, {"followed": _moment(int(time.time()))})


def _note(settings: Settings, what: dict[str, Any]) -> None:
    state = State(settings)
    begun = state.noted(NOTE)
    if begun:
        state.note(NOTE, begun | what)


def done(settings: Settings) -> Path | None:
    """The restore is over. Where the old data is, which is a person's to remove, if there was any."""
    state = State(settings)
    begun = state.noted(NOTE)
    state.forget(NOTE)
    return Path(begun["aside"]) if begun and begun["aside"] else None


def abandon(settings: Settings, run: Run) -> Path | None:
    """Undo a restore that was not completed: the old data comes back. Where it was, if there was any.

    Raises:
        RestoreError: there is nothing to undo, it is too late for that, or the data is in use.
    """
    state = State(settings)
    with state.only_run():
        begun = state.noted(NOTE)
        if not begun:
            raise RestoreError("No restore is half done here.")
        if begun["handed_over"]:
            raise RestoreError(
                "The cluster has worked with the restored data: complete this, or restore another moment."
            )
        Copy(settings, run, settings.state / PLACE, settings.data).remove()
        _see_stopped(settings)
        aside = Path(begun["aside"]) if begun["aside"] else None
        if aside and aside.exists():
            if settings.data.exists():
                shutil.rmtree(settings.data)
            aside.rename(settings.data)
            sync(aside.parent)
        state.forget(NOTE)
        return aside


def _see_stopped(settings: Settings) -> None:
    if (settings.data / "postmaster.pid").exists() and not (settings.state / PLACE).exists():
        raise RestoreError(f"PostgreSQL runs on {settings.data}: stop Patroni on all members first.")


def _new_name(data: Path) -> str | None:
    """Where the present data is put aside, if there is any."""
    if not data.is_dir() or not any(data.iterdir()):
        return None
    # Never one that is there: what is beside would be taken for the data.
    name = f"{data}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    return next(one for one in (f"{name}-{number}" for number in count(1)) if not Path(one).exists())


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
