"""The state of play: what the RTC sees, and nothing that a mail could smuggle in."""

from __future__ import annotations

import json
from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rt_office import page, state
from rt_office.mailbox import Mail

from .office import World

if TYPE_CHECKING:
    from pathlib import Path

EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


class Reader(HTMLParser):
    """Collects a page's elements and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.run("open")
    world.reply("ann", "non")
    world.reply("ann", "oui", at=world.now + timedelta(hours=1))
    world.reply("bob", EVIL, sender=f"bob{EVIL}@example.org")
    evil = f"From: {EVIL}\r\nSubject: {EVIL}\r\n\r\n{EVIL}\r\n"
    world.mailbox.append(Mail(world.now, evil.encode()))
    world.mailbox.append(Mail(world.now, f"Auto-Submitted: {EVIL}\r\n{evil}".encode()))
    return world


ALLOWED = {"html", "head", "meta", "title", "style", "body", "h1", "p", "ul", "li", "b", "table", "caption", "tr"}
ALLOWED |= {"th", "td", "span", "br"}


def test_nothing_from_a_mail_is_markup(world: World) -> None:
    report = world.run("status")
    assert report.page is not None
    shown = read(report.page.read_text())
    assert {tag for tag, _ in shown.tags} <= ALLOWED
    assert {name for _, attributes in shown.tags for name in attributes} <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "scope"),
    }
    assert EVIL in shown.text
    policies = [attributes["content"] for _, attributes in shown.tags if "http-equiv" in attributes]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_the_page_says_who_answered_what(world: World) -> None:
    report = world.run("status")
    assert report.page is not None
    text = read(report.page.read_text()).text
    for words in (
        "Campagne de janvier 2027",
        "jusqu'à la fin du samedi 16 janvier 2027",
        "Ann (ann)",
        "oui (a changé d'avis)",
        "pas de réponse (un message à lire)",
        "Sans destinataire connu",
        "ne porte pas de code",
        "samedi 2 janvier 2027 à 9 h 00",
    ):
        assert words in text


def test_the_same_as_data(world: World) -> None:
    report = world.run("status")
    assert report.page is not None
    found = json.loads(report.page.with_suffix(".json").read_text())
    assert found["state"] == "open"
    assert found["counts"] == {"asked": 3, "yes": 1, "no": 0, "missing": 2, "unclear": 1, "late": 0}
    assert {one["nick"]: one["answer"] for one in found["people"]} == {"ann": "yes", "bob": None, "cid": None}
    assert [one["verdict"] for one in found["people"][0]["history"]] == ["no", "yes"]
    assert len(found["unmatched"]) == len(found["automatic"]) == 1
    assert world.at(17).run("status").page is not None
    assert json.loads(report.page.with_suffix(".json").read_text())["state"] == "ended"
    world.run("close")
    assert json.loads(report.page.with_suffix(".json").read_text())["state"] == "closed"


def test_the_table_for_the_terminal(world: World) -> None:
    lines = world.run("status").lines
    assert [line.split()[:2] for line in lines if line.startswith(("ann", "bob", "cid"))] == [
        ["ann", "yes"],
        ["bob", "-"],
        ["cid", "-"],
    ]
    assert "3 asked: 1 yes, 0 no, 2 missing; 1 to read, 0 late." in lines
    assert "1 other mails in the mailbox are nobody's answer: the page lists them." in lines


def test_trouble_is_on_the_page(world: World) -> None:
    world.is_away = True
    report = world.run("status")
    assert report.failed
    assert report.page is not None
    assert "n'a pas pu tout faire" in read(report.page.read_text()).text


@given(st.text(max_size=50))
def test_no_text_ends_a_cell(text: str) -> None:
    asked = state.Asked(text, text, "a@example.org")
    campaign = state.Campaign(2027, state.date(2027, 1, 2), state.date(2027, 1, 16), (asked,), "")
    shown = read(page.html(campaign, {}, campaign.end, text))
    assert {tag for tag, _ in shown.tags} <= ALLOWED
