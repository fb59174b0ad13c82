"""What the role writes is what the daemon reads."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import yaml
from patroni_fence.settings import Settings, read

from .world import settings

ROLE = Path(__file__).parents[3] / "roles/patroni"


def test_they_come_back_with_the_password(tmp_path: Path) -> None:
    wanted = settings("a")
    (tmp_path / "password").write_text("secret\n")
    written = {name: value for name, value in asdict(wanted).items() if name != "password"}
    (tmp_path / "settings.json").write_text(json.dumps(written))
    assert read(tmp_path / "settings.json") == wanted


def test_the_role_writes_each_of_them() -> None:
    written = yaml.safe_load((ROLE / "vars/main.yml").read_text())["patroni_fence_settings"]
    assert {*written, "password"} == {one.name for one in fields(Settings)}
