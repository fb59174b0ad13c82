"""Runs a module of Ansible's in this process, as Ansible does on a host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.testing import patch_module_args

if TYPE_CHECKING:
    from types import ModuleType


def call(module: ModuleType, capsys: pytest.CaptureFixture[str], *, check: bool = False, **given: Any) -> Any:
    """Call a module with these options; what it returns."""
    with patch_module_args({**given, "_ansible_check_mode": check}), pytest.raises(SystemExit):
        module.main()
    return json.loads(capsys.readouterr().out)
