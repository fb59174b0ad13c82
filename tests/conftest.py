"""Makes the collection importable under its name, as Ansible itself does."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.loader import init_plugin_loader

init_plugin_loader([str(Path(__file__).parent.parent / ".ansible" / "collections")])
