"""Files are replaced in one go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.campaign import files

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_that_is_not_there_is_empty_and_is_made_with_its_directory(tmp_path: Path) -> None:
    path = tmp_path / "a/b.yml"
    assert files.read(path) == ""
    files.replace(path, "é\r\n")
    assert path.read_bytes() == "é\r\n".encode()
    assert files.read(path) == "é\r\n"
    assert [one.name for one in path.parent.iterdir()] == ["b.yml"]


def test_mode_owner_and_links_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "a.yml", tmp_path / "link.yml"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    files.replace(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o7777 == 0o640


def test_an_interruption_leaves_the_old_content_and_the_next_one_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yml"
    path.write_text("old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            files.replace(path, "new")
    assert path.read_text() == "old"
    files.replace(path, "newer")
    assert path.read_text() == "newer"
    assert [one.name for one in tmp_path.iterdir()] == ["a.yml"]
