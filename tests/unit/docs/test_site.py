import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import PluginError

from docs.generate import hook

ROOT = Path(__file__).parents[3]
# Written by people; what is below docs/generate is not a page.
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
# What a browser fetches by itself: a link to follow is the reader's choice.
FETCHED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}


class Fetches(HTMLParser):
    """Collects what a page makes the browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        address = dict(attrs).get(FETCHED.get(tag, ""))
        if address:
            self.addresses.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    directory = tmp_path_factory.mktemp("site")
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(directory), strict=True))
    return directory


def test_the_site_fetches_nothing_from_outside(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        fetches = Fetches()
        fetches.feed(page.read_text(encoding="utf-8"))
        assert fetches.addresses
        assert not [address for address in fetches.addresses if re.match(r"(?:https?:)?//", address)], page
        # The script of the theme would fetch what draws these.
        assert 'class="mermaid"' not in page.read_text(encoding="utf-8"), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_every_host_can_be_reached_by_the_navigation(site: Path, index) -> None:
    overview = (site / "fleet" / "index.html").read_text(encoding="utf-8")
    for name in index.hosts:
        assert (site / "fleet" / "hosts" / f"{name}.html").is_file()
        assert re.search(rf'<a href="hosts/{name}\.html" class="md-nav__link', overview)


def test_the_generator_is_not_published(site: Path) -> None:
    assert not list(site.rglob("*.py"))


def test_a_model_with_problems_stops_the_build_with_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "MODEL", tmp_path)
    with pytest.raises(PluginError, match=r"(?s)guests\.yml:1: missing-file.*sites\.yml:1: missing-file"):
        hook.read()


def test_the_picture_is_written_only_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "fleet.svg"
    monkeypatch.setattr(hook, "PICTURE", picture)
    hook.refresh_picture()
    written = picture.stat().st_mtime_ns
    hook.refresh_picture()
    assert picture.stat().st_mtime_ns == written
    picture.write_text("old")
    hook.refresh_picture()
    assert picture.read_text(encoding="utf-8").startswith("<svg ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_exists(page: Path) -> None:
    """Links to files, `make` targets, and paths of the repository: so that no command of a page is stale."""
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))
    assert named <= targets, f"no such targets: {named - targets}"
    if page.parent == ROOT:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (ROOT / link).exists(), link
    folders = "inventory|playbooks|roles|plugins|group_vars|host_vars|molecule|tests|docs"
    # Pages that teach build a wiki, which there is not, and name what playbooks will write one day.
    examples = re.compile(r".*wiki|inventory/model/(?:certificates/\d+-|campaigns/20)")
    for path in re.findall(rf"(?:^|[\s`])((?:{folders})/[\w./-]*\w/?)(?=[\s`,;:)]|$)", text, re.MULTILINE):
        assert examples.match(path) or (ROOT / path).exists(), path
