"""The command that CI runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.register import __main__ as command

from .conftest import sign

if TYPE_CHECKING:
    import pytest
    from ansible_collections.aurore.infra.plugins.module_utils.register.store import Register

    from .conftest import Key

MODEL = Path(__file__).parents[4] / "inventory/model"


def test_the_command_with_the_real_register(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(MODEL)]) == 0
    assert "certificates.yml" not in capsys.readouterr().out


def test_the_command_with_another_register(
    register: Register, authority: Key, ann: Key, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = register.path.parent
    assert command.main([str(MODEL), "--overlay", str(overlay)]) == 0
    assert capsys.readouterr().out == f"{overlay}: valid: 0 certificates (0 run, 0 were revoked)\n"
    register.directory.mkdir()
    (register.directory / "1-ann.pub").write_text(sign(authority, ann))
    assert command.main([str(MODEL), "--overlay", str(overlay)]) == 1
    assert f"{overlay}/certificates/1-ann.pub:1: unregistered-certificate: " in capsys.readouterr().out
    register.path.write_text("certificates: [1]\n")
    assert command.main([str(MODEL), "--overlay", str(overlay)]) == 1
    assert f"{overlay}/certificates.yml:1: wrong-type: " in capsys.readouterr().out
