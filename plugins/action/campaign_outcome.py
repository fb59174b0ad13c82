"""`aurore.infra.campaign_outcome`, which works on the control machine alone. Documented in modules/."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.aurore.infra.plugins.module_utils.campaign import change
from ansible_collections.aurore.infra.plugins.module_utils.campaign.outcome import name
from ansible_collections.aurore.infra.plugins.module_utils.model import ModelError
from ansible_collections.aurore.infra.plugins.module_utils.model.fields import parse_day
from ansible_collections.aurore.infra.plugins.module_utils.options import validated
from ansible_collections.aurore.infra.plugins.module_utils.register import store
from ansible_collections.aurore.infra.plugins.modules.campaign_outcome import DOCUMENTATION


def today() -> date:
    """The day of the one who prepares the change: mandates end by the calendar of those who hold them."""
    return date.today()  # noqa: DTZ011


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """Prepares, in the working tree, the change that the college reads."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = validated(self, DOCUMENTATION)
        said, paths = options["outcome"], self._paths(options)
        try:
            last_day = parse_day(options["last_day"]) if options["last_day"] else None
        except ValueError as problem:
            raise AnsibleActionFail(f"last_day is {options['last_day']!r}; write a day such as 2027-01-31") from problem
        try:
            with store.Register(paths[1].parent).locked():
                before = change.Before(*map(_text, paths))
                planned = change.prepare(said, before, change.Before(*map(str, paths)), today(), last_day)
                touched = [place for place in change.ORDER if before[place] != planned.after[place]]
                for place in touched if not self._task.check_mode else ():
                    paths[place].parent.mkdir(exist_ok=True)
                    store.write(paths[place].resolve(), planned.after[place])
        except (OSError, UnicodeError) as problem:
            raise AnsibleActionFail(f"a file cannot be read or written: {problem}; run this again then") from problem
        except (change.RefusedError, ModelError) as problem:
            raise AnsibleActionFail(f"nothing was prepared:\n{problem}") from problem
        return result | {
            "changed": bool(touched),
            "files": [str(paths[place]) for place in touched],
            "diff": [
                {
                    "before_header": str(paths[place]),
                    "after_header": str(paths[place]),
                    "before": before[place],
                    "after": planned.after[place],
                }
                for place in touched
            ],
            "last_day": planned.last_day.isoformat(),
            "ended": list(planned.ended),
            "revoked": list(planned.revoked),
            "renewed": {nick: day.isoformat() for nick, day in planned.renewed.items()},
            "next": _next(paths, said["year"]),
        }

    def _paths(self, options: dict[str, Any]) -> tuple[Path, Path, Path]:
        """Where the files are, in the order of change.Before."""
        people, register = (Path(self._loader.path_dwim(options[one])) for one in ("people", "register"))
        return people, register / "certificates.yml", register / "campaigns" / name(options["outcome"]["year"])


def _text(path: Path) -> str:
    """A file's text, line ends as they are; empty where there is no file."""
    return path.read_bytes().decode() if path.exists() else ""


def _next(paths: tuple[Path, Path, Path], year: int) -> list[str]:
    """What a person does now: nothing here runs git, and nobody is dismissed before the college has merged."""
    branch = f"campaign-{year}"
    return [
        f"git switch --create {branch}",
        f"git add {' '.join(map(str, paths))}",
        f"git commit --message 'people: the outcome of the campaign of January {year}'",
        f"git push --set-upstream origin {branch}, and open a merge request: the college reads it, and decides",
        f"once it is merged: git switch main && git pull && "
        f"ansible-playbook playbooks/operations/apply_campaign.yml -e year={year}",
    ]
