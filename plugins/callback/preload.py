"""The callback ``aurore.infra.preload``: loads once what each of Ansible's workers would load anew."""

from __future__ import annotations

DOCUMENTATION = r"""
name: preload
author: Collège technique d'Aurore
version_added: 0.1.0
type: aggregate
short_description: Load filters and tests before Ansible forks
description:
  - Ansible forks a worker for each task on each host, and a worker that evaluates a template loads all of Ansible's
    filters and tests first. When they are loaded before, the workers have them from their parent.
  - A run of the whole fleet in which nothing is to be done takes a third less of the control machine's processors.
    Prints nothing, and changes nothing of what a run does.
requirements:
  - It is enabled by C(callbacks_enabled) in C(ansible.cfg).
"""

EXAMPLES = r"""
# In ansible.cfg:
# [defaults]
# callbacks_enabled = aurore.infra.preload
"""

from collections import deque
from typing import TYPE_CHECKING

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader

if TYPE_CHECKING:
    from ansible.playbook import Playbook

COLLECTIONS = ("aurore.infra.sshfp", "ansible.utils.ipwrap", "community.general.dict_kv")
"""A filter of each collection that roles take filters from: who loads one loads all of its collection."""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible is not typed
    """Ansible's way to find callbacks."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "aurore.infra.preload"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Playbook) -> None:  # noqa: ARG002 (Ansible's signature)
        """Loads them, before the first worker begins."""
        for loader in (filter_loader, test_loader):
            deque(loader.all(), maxlen=0)
        for name in COLLECTIONS:
            filter_loader.get(name)
