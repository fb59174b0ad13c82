"""The module `aurore.infra.package_upgrade`: other versions of packages, and daemons that run them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: package_upgrade
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Upgrade packages, and restart the units that still run what was there before
description:
  - Upgrades those of the named packages that are installed to the version that apt prefers, with what they need. Then
    restarts the units of which a process runs a program or a library that was replaced, be it just now or long ago, or
    is older than what it has read.
  - A run that is interrupted, run again, does what is left. Packages that were left half-done are completed, and units
    that were not restarted are.
  - Refuses where apt would remove a package.
options:
  names:
    description: Packages; those that are not installed are left alone.
    type: list
    elements: str
    default: []
  units:
    description: Units to restart, in this order; those that do not run are left alone.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit.
        type: str
        required: true
      packages:
        description: Packages whose files it reads when it starts and does not keep open, such as Python's.
        type: list
        elements: str
        default: []
      pid_files:
        description: Files that name processes of the unit beside its main one, on their first line.
        type: list
        elements: path
        default: []
  update:
    description: Whether to fetch apt's lists first, also in check mode.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description:
      - Says what would be upgraded, and which units would have to be restarted already. That an upgrade will ask for
        more restarts cannot be known before.
  diff_mode:
    support: full
    description: Shows versions.
"""

EXAMPLES = r"""
- name: Upgrade etcd
  aurore.infra.package_upgrade:
    names: [etcd-server, etcd-client]
    units: [{name: etcd.service}]
    update: true
"""

RETURN = r"""
names:
  description: The packages that were upgraded or completed, or would be.
  returned: always
  type: list
  elements: str
  sample: [haproxy]
due:
  description: The units that were restarted, or would have to be already.
  returned: always
  type: list
  elements: str
  sample: [haproxy.service]
plan:
  description: All of it as sentences.
  returned: always
  type: list
  elements: str
  sample: [haproxy 3.0.11-1+deb13u4 -> 3.0.11-1+deb13u5]
"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aurore.infra.plugins.module_utils.packages.upgrade import Process, outdated, plan, sentences
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROC = Path("/proc")
DPKG = Path("/var/lib/dpkg/info")
ABSENT = {"not-installed", "config-files"}
"""What dpkg calls a package that is not there."""
WORDS = ("install", "--only-upgrade", "--no-install-recommends", "--option=APT::Cmd::Pattern-Only=true", "--")


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "default": []},
            "units": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "packages": {"type": "list", "elements": "str", "default": []},
                    "pid_files": {"type": "list", "elements": "path", "default": []},
                },
            },
            "update": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        result = apply(module.params, check=module.check_mode)
    except agent.Problem as problem:
        module.fail_json(msg=f"package_upgrade: {problem}")
    module.exit_json(**result)


def apply(options: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """Does what is wanted; in a check, only says what it would.

    Raises:
        Problem: apt failed, or would remove something, or a unit could not be restarted.
    """
    if options["update"]:
        agent.apt("--error-on=any", "update")
    states = agent.dpkg_states()
    names = [name for name in options["names"] if states.get(name, "not-installed") not in ABSENT]
    todo = plan(agent.run("apt-get", "--simulate", "--quiet=2", *WORDS, *names) if names else "")
    if todo.removals:
        raise agent.Problem(f"apt would remove {', '.join(todo.removals)}")
    if names and not check and (todo.upgrades or todo.unfinished):
        agent.apt(*WORDS, *names)
    due = {unit["name"]: reasons for unit in options["units"] if (reasons := stale(unit))}
    for unit in due if not check else ():
        agent.run("systemctl", "restart", "--", unit)
    return {
        "changed": bool(todo.upgrades or todo.unfinished or due),
        "names": [*(one.name for one in todo.upgrades), *todo.unfinished],
        "due": list(due),
        "plan": sentences(todo.upgrades, todo.unfinished, due),
        "diff": {
            "before": "".join(f"{one.name} {one.before}\n" for one in todo.upgrades),
            "after": "".join(f"{one.name} {one.after}\n" for one in todo.upgrades),
        },
    }


def stale(unit: Mapping[str, Any]) -> list[str]:
    """Why a unit has to be restarted; nothing where it need not be, or does not run."""
    wanted = "MainPID,FragmentPath,DropInPaths"
    shown = agent.run("systemctl", "show", f"--property={wanted}", "--", unit["name"])
    properties = dict(line.split("=", 1) for line in shown.splitlines())
    if properties["MainPID"] == "0":
        return []
    pids = [properties["MainPID"], *(pid for path in unit["pid_files"] if (pid := first_line(Path(path))))]
    files = {
        **{str(path): agent.modified(path) for path in map(Path, properties["DropInPaths"].split())},
        **{name: agent.modified(DPKG / f"{name}.list") for name in unit["packages"]},
    }
    return outdated(processes(pids), files)


def processes(pids: Sequence[str]) -> list[Process]:
    """Those that there are."""
    found = []
    for pid in pids:
        try:
            # The name of a program, which comes first, may have spaces and brackets in it.
            ticks = int((PROC / pid / "stat").read_text().rpartition(")")[2].split()[19])
            maps = (PROC / pid / "maps").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        found.append(Process(time.time() - age, maps))
    return found


def first_line(path: Path) -> str:
    """Of a file; empty where there is none."""
    try:
        return path.read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main()
