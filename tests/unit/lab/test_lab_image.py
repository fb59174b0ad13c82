"""The image's recipe and the machine's mirrors."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from lab import image
from lab.archive import File, Link, archive
from lab.image import Mirrors

if TYPE_CHECKING:
    from pathlib import Path

    from lab.context import Lab

TARGETS = """\
Debian|Debian|http://mirror.example/debian/
Debian|Debian|http://other.example/debian/
Debian|Debian-Security|http://mirror.example/debian-security/
Node Source|Node Source|http://node.example/
"""
MIRRORS = Mirrors("http://mirror.example/debian", "http://mirror.example/debian-security")


def test_machine_mirrors() -> None:
    assert image.machine_mirrors(TARGETS) == MIRRORS


@pytest.mark.parametrize("targets", ["", "Ubuntu|Ubuntu|http://ubuntu.example/\n", TARGETS.splitlines()[0]])
def test_machine_that_knows_no_mirror(targets: str) -> None:
    assert image.machine_mirrors(targets) is None


def test_mirror_from_a_list(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("http://first.example/debian\nhttp://second.example/debian\n")
    assert image.listed_mirror(f"mirror+file:{tmp_path}/list") == "http://first.example/debian"


def test_sources_and_back() -> None:
    assert image.mirrors_of("\n".join(image.sources_of(MIRRORS))) == MIRRORS


def test_no_mirror_leaves_the_choice_to_mmdebstrap(lab: Lab) -> None:
    assert image.sources_of(None) == []
    assert image.mmdebstrap(lab, None)[-2:] == [image.SUITE, "-"]


def test_recipe_changes_the_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.tag()
    assert image.tag() == before
    monkeypatch.setattr(image, "PACKAGES", (*image.PACKAGES, "one-more"))
    assert image.tag() != before


def test_overlay() -> None:
    with tarfile.open(fileobj=io.BytesIO(image.overlay())) as tar:
        assert tar.getmember("etc/systemd/system/systemd-modules-load.service").linkname == "/dev/null"
        drop_in = tar.extractfile("etc/systemd/system/systemd-sysctl.service.d/lab.conf")
        assert drop_in is not None
        assert b"--prefix=/net" in drop_in.read()


def test_archive_holds_modes_and_no_directories() -> None:
    packed = archive({"/etc/key": File("secret", 0o600), "/etc/link": Link("key")})
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        members = {member.name: member for member in tar.getmembers()}
    assert members.keys() == {"etc/key", "etc/link"}
    assert (members["etc/key"].mode, members["etc/key"].uid) == (0o600, 0)
    assert members["etc/link"].issym()
