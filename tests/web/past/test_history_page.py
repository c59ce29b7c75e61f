"""The page of what was changed, and the way back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from conftest import Listener
from servers.pages import SECONDS, settings_of, site_of

from face_classifier.curate import ask
from face_classifier.curate.questions import log
from face_classifier.gallery.past import pages
from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.served import served


def carry_out(folder: Path, name: str, /, **arguments: object) -> None:
    ask.carry_out(settings_of(folder), name, arguments, Listener())


@pytest.fixture
def changed(result: Path) -> Path:
    """A folder whose journal has something of everything."""
    carry_out(result, "rename", person="person_01", name="<b>Ann")
    carry_out(result, "suggest reject", one="<b>Ann", other="person_02")
    picture = sorted((result / "person_02").iterdir())[0]
    picture.unlink()
    carry_out(result, "rethink")  # which looks
    carry_out(result, "undo", to=None)
    carry_out(result, "rename", person="person_02", name="Bob", door="page Kim")
    return result


@pytest.fixture
def client(changed: Path) -> Iterator[httpx.Client]:
    site = site_of(settings_of(changed))
    with (
        site.reader,
        served(make_app(site), "127.0.0.1", 0) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS) as client,
    ):
        yield client


def test_entries_are_summed_up_as_the_journal_has_them(changed: Path) -> None:
    entries, _ = log.read(settings_of(changed))
    with Reader(changed) as reader:
        found = reader.ask(partial(pages.latest, count=100)) or []
    assert [one.number for one in reversed(found)] == [entry.number for entry in entries]
    for entry, one in zip(reversed(entries), found, strict=True):
        assert (one.time, one.door, one.what, one.undone) == (entry.time, entry.door, entry.what, entry.undone)
        assert one.faces == len(entry.labelled)
        assert (one.apart, one.together) == (
            sum(pair.added for pair in entry.pairs),
            sum(not pair.added for pair in entry.pairs),
        )
        assert (one.forgets, one.undoes) == (entry.forgets, entry.undoes)


def test_the_journal_is_turned_over(changed: Path) -> None:
    with Reader(changed) as reader:
        whole = reader.ask(partial(pages.latest, count=100)) or []
        first = reader.ask(partial(pages.latest, count=2)) or []
        rest = reader.ask(partial(pages.latest, count=100, before=first[-1].number)) or []
    assert [*first, *rest] == whole


def test_who_did_what_through_which_door_is_told_with_pictures(client: httpx.Client) -> None:
    page = client.get("/history").text
    assert "This page" in page
    assert "<code>Kim</code>" in page
    assert "<b>Ann" not in page
    assert "&lt;b&gt;Ann" in page
    newest = page.partition('class="entry')[2].partition('class="entry')[0]
    assert newest.count("<img") == 4
    assert "Back to here" not in newest


def test_what_was_taken_back_is_shown_so(client: httpx.Client, changed: Path) -> None:
    undone = re.findall(r'class="entry undone" id="entry-(\d+)"', client.get("/history").text)
    entries, _ = log.read(settings_of(changed))
    assert undone == [str(entry.number) for entry in reversed(entries) if entry.undone]
    assert undone


def test_going_back_is_told_before_it_is_done(client: httpx.Client, changed: Path) -> None:
    entries, _ = log.read(settings_of(changed))
    page = client.get("/history", params={"to": entries[-2].number}).text
    assert "1 later change is taken back" in page
    moved = len(entries[-1].labelled)
    assert f"at most {moved} faces move" in page
    assert page.count("data-goes") == 1
    assert "data-goes" not in client.get("/history", params={"to": entries[-1].number}).text
    assert client.get("/history?to=-1&before=x").status_code == 200


def test_what_took_back_an_entry_counts_on_the_way_back_to_it(client: httpx.Client, changed: Path) -> None:
    carry_out(changed, "undo", to=None)  # that somebody is called Bob
    carry_out(changed, "rename", person="person_02", name="Joe")
    undone = max(entry.number for entry in log.read(settings_of(changed))[0] if entry.undone)
    assert "2 later changes are taken back" in client.get("/history", params={"to": undone}).text
    assert "1 later change is taken back" in client.get("/history", params={"to": undone - 1}).text


def test_a_folder_without_changes_says_what_comes_here(tmp_path: Path) -> None:
    site = site_of(settings_of(tmp_path / "nothing"))
    with site.reader, served(make_app(site), "127.0.0.1", 0) as port:
        page = httpx.get(f"http://127.0.0.1:{port}/history", timeout=SECONDS)
    assert page.status_code == 200
    assert "Nothing has been changed yet" in page.text
