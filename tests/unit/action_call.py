"""Makes an action plugin of Ansible's in this process, as a worker does, over the local connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins import loader as plugin_loader
from ansible.template import Templar

if TYPE_CHECKING:
    from pathlib import Path


def load(
    name: str, args: dict[str, Any], *, check: bool = False, diff: bool = False, directory: Path | None = None
) -> Any:
    """Make the action of a task with these arguments, in a playbook's directory."""
    loader = DataLoader()
    if directory:
        loader.set_basedir(str(directory))
    task = Task.load({"name": "t", name: {}, "check_mode": check, "diff": diff}, loader=loader)
    task.args = args
    context = PlayContext()
    return plugin_loader.action_loader.get(
        name,
        task=task,
        connection=plugin_loader.connection_loader.get("ansible.builtin.local", context),
        play_context=context,
        loader=loader,
        templar=Templar(loader=loader),
        shared_loader_obj=plugin_loader,
    )
