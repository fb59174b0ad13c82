"""The register's text: what is added can be read back, and what is revoked changes its own line alone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import ModelError
from ansible_collections.aurore.infra.plugins.module_utils.register import file
from hypothesis import given
from hypothesis import strategies as some

EMPTY = "# Says what it is.\n\ncertificates: []\n"
DAY = date(2026, 11, 25)
PRINT = f"SHA256:{'A' * 43}"

names = some.one_of(
    some.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True),
    some.sampled_from(["null", "true", "false", "12", "0", "1e5", "on", "yes", "0x1f", "1-2"]),
)
days = some.dates(date(2020, 1, 1), date(2040, 1, 1))
prints = some.text("ABCxyz019+/", min_size=43, max_size=43).map(lambda text: f"SHA256:{text}")
lines = some.builds(
    file.Line,
    serial=some.integers(1, 2**32),
    person=names,
    principals=some.lists(names, min_size=1, max_size=4, unique=True).map(tuple),
    since=days,
    until=days,
    key=prints,
    authority=prints,
)
reasons = (
    some.text(some.characters(blacklist_categories=["C", "Z"], whitelist_characters=" "), min_size=1, max_size=40)
    .map(str.strip)
    .filter(bool)
)


def text_of(*entries: file.Line) -> str:
    """A register with these lines."""
    text = EMPTY
    for line in entries:
        text = file.added(text, line)
    return text


@given(some.lists(lines, max_size=5))
def test_what_was_added_is_read_back(entries: list[file.Line]) -> None:
    text = text_of(*entries)
    assert [file.line_of(one) for one in file.read(text)] == entries
    assert text.startswith("# Says what it is.\n\ncertificates:")


@given(some.lists(lines, min_size=1, max_size=5, unique_by=lambda line: line.serial), reasons, some.data())
def test_only_the_lines_of_what_is_revoked_change(entries: list[file.Line], reason: str, data: some.DataObject) -> None:
    chosen = data.draw(some.sets(some.sampled_from([line.serial for line in entries])))
    before = text_of(*entries)
    after = file.revoked(before, chosen, DAY, reason)
    assert [file.line_of(one) for one in file.read(after)] == [
        line._replace(revoked=DAY, reason=reason) if line.serial in chosen else line for line in entries
    ]
    pairs = list(zip(before.splitlines(), after.splitlines(), strict=True))
    assert sum(one != other for one, other in pairs) == len(chosen)
    # What is revoked stays as it is.
    assert file.revoked(after, chosen, DAY + timedelta(days=9), "another") == after


def test_a_serial_that_there_is_not() -> None:
    line = file.Line(1, "ann", ("root",), DAY, DAY, PRINT, PRINT)
    with pytest.raises(ValueError, match=r"^certificates.yml has no certificate 2, 3$"):
        file.revoked(text_of(line), [3, 1, 2], DAY, "x")


@pytest.mark.parametrize("text", ["", "certificates: [1]\n", "- a\n", "certificates: [\n", "other: []\n"])
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(ModelError):
        file.read(text)


def test_the_next_serial() -> None:
    line = file.Line(4, "ann", ("root",), DAY, DAY, PRINT, PRINT)
    assert file.next_serial([]) == 1
    assert file.next_serial(file.read(text_of(line))) == 5
    assert file.next_serial(file.read(text_of(line)), {9}) == 10
