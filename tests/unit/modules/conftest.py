"""Runs modules as Ansible does: options come in as JSON, and the answer goes out as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.testing import patch_module_args

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from tests.unit.https import Proofs

type Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], proofs: Proofs) -> Run:
    """Runs a module with a host's proofs; returns its answer."""

    def call(module: ModuleType, *, is_check: bool = False, **options: Any) -> dict[str, Any]:
        given = {"_ansible_inject_invocation": True, "_ansible_check_mode": is_check, **asdict(proofs), **options}
        with patch_module_args(given), pytest.raises(SystemExit) as ended:
            module.main()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert bool(ended.value.code) == answer.get("failed", False)
        return answer

    return call
