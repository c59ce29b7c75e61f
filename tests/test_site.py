"""The documentation builds to a site without a warning; it links nothing that is missing and asks no other machine."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from scripts.site import in_nav

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parent.parent
LOADS = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "srcset"), ("video", "src")}


class _Links(HTMLParser):
    """What a page loads and links, and the names that links may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if value and (tag, key) in LOADS:
                self.loaded.append(value)
            elif value and (tag, key) == ("a", "href"):
                self.linked.append(value)
            elif value and key in ("id", "name"):
                self.names.add(value)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built as `sh scripts/docs` does."""
    pytest.importorskip("zensical", reason="the site is built by Python 3.11 or newer")
    out = tmp_path_factory.mktemp("site") / "site"
    ended = subprocess.run([sys.executable, "scripts/site.py", str(out)], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.endswith(f"look at it by: python3 -m http.server --directory {out}\n")
    return out


@pytest.fixture(scope="session")
def read(site: Path) -> dict[Path, _Links]:
    return {page: _Links(page.read_text("utf-8")) for page in site.rglob("*.html") if page.name != "404.html"}


def test_every_page_is_built(site: Path):
    for page in in_nav():
        path = site / page
        folder = path.parent if path.name == "README.md" else path.with_suffix("")
        assert (folder / "index.html").is_file(), page


def test_a_link_of_the_site_leads_somewhere(site: Path, read: dict[Path, _Links]):
    for page, links in read.items():
        for target in links.linked + links.loaded:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            led = (page.parent / unquote(url.path)).resolve() if url.path else page
            led = led / "index.html" if led.is_dir() else led
            assert led.is_file(), f"{page.relative_to(site)} links {target}"
            assert not url.fragment or led not in read or unquote(url.fragment) in read[led].names, target


def test_the_site_loads_nothing_from_another_machine(read: dict[Path, _Links]):
    assert read
    for page, links in read.items():
        assert not [one for one in links.loaded if urlsplit(one).netloc], page


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """Where a server of this machine has the site."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_reader_finds_a_page_by_its_words_and_asks_no_other_machine(address: str, tab: Page):
    tab.goto(f"{address}/docs/watch/", wait_until="networkidle")  # the search is there by then
    tab.keyboard.press("Control+k")
    tab.keyboard.type("resize-ratio")
    tab.get_by_role("option").filter(has_text="All commands and flags").first.click()
    tab.wait_for_url("**/docs/reference/commands/**")
    tab.set_viewport_size({"width": 390, "height": 844})  # where wide tables are scrolled by themselves
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_copy_button_gives_what_is_to_be_typed(address: str, tab: Page):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    tab.goto(f"{address}/docs/tutorials/evaluate/", wait_until="networkidle")
    block = tab.locator(".highlight:has(.gp)").first
    block.hover()
    block.get_by_role("button").click()
    tab.get_by_text("Copied to clipboard").wait_for()
    copied = tab.evaluate("navigator.clipboard.readText()").split("\n")
    assert [line for line in copied if line] == ["sh scripts/run demo --clip clip.mp4", "sh scripts/run clip.mp4"]


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path):
    pytest.importorskip("zensical", reason="the site is built by Python 3.11 or newer")
    (tmp_path / "source").mkdir()
    (tmp_path / "mkdocs.yml").write_text("site_name: x\ndocs_dir: source\nsite_dir: site\n")
    build = [sys.executable, "-m", "zensical", "build", "--strict"]
    page = tmp_path / "source" / "index.md"
    for text, code in (("# One\n\n[here](#one)\n", 0), ("# One\n\n[there](#two)\n", 1), ("# One\n\n[a](b.md)\n", 1)):
        page.write_text(text)
        assert subprocess.run(build, cwd=tmp_path, capture_output=True).returncode == code, text
