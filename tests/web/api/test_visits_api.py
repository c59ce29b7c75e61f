"""Who passed when, as other programs ask for it."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from servers.pages import settings_of
from servers.programs import Asking

from face_classifier.events.asked.backwards import latest_visits, place_of
from face_classifier.events.visits import Wish
from face_classifier.gallery.passing.table import TrackRow
from face_classifier.gallery.store import Store

BEGIN = datetime(2025, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def years(result: Path) -> Path:
    """The folder with a track of a camera every nine hours over a year, of nobody."""
    with Store(result, writing=True) as store:
        number = store.first_track()
        rows = []
        for place in range(970):
            first = BEGIN + timedelta(hours=9 * place)
            last = first + timedelta(seconds=5)
            rows.append(
                TrackRow(number + place, "door", None, place + 1, first, last, 0.0, 5.0, 3, None, None, ("yard",))
            )
        store.tracks.write(rows)
    return result


def test_visits_come_page_by_page_the_latest_first(years: Path, ask: Asking):
    seen, cursor = [], None
    while True:
        page = ask("/visits", params={"limit": 300, **({"cursor": cursor} if cursor else {})}).json()
        seen += page["items"]
        if not (cursor := page["next"]):
            break
    firsts = [visit["first"] for visit in seen]
    assert firsts == sorted(firsts, reverse=True)
    assert len(seen) == 970 + len({visit["visit"] for visit in seen if visit["camera"] != "door"})
    assert len({(visit["visit"], visit["face"]) for visit in seen}) == len(seen)
    assert seen[0]["first"] == "2026-02-27T21:00:00.000000Z"


def test_what_is_asked_for_is_what_is_told(years: Path, ask: Asking):
    def count(**query: str) -> int:
        return len(ask("/visits", params={"limit": 1000, **query}).json()["items"])

    assert count(camera="door", since="2025-03-02T00:00:00Z", until="2025-03-03T00:00:00Z") == 2
    assert count(unknown="true") == 970
    assert count(person="person_01") == count(person="person_01", until="2020-02-01") > 0
    assert count(person="Nobody") == 0
    assert count(from_time="12:00", to_time="12:01", camera="door") < 300
    for wrong in ({"since": "yesteryear"}, {"from_time": "25:00"}, {"limit": "0"}, {"format": "xml"}):
        ask("/visits", params=wrong, status=422)
    ask("/visits", params={"cursor": "bm9uZQ"}, status=410)


def test_all_of_it_is_streamed_as_lines(years: Path, ask: Asking):
    answer = ask("/visits", params={"format": "jsonl", "camera": "door"})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert (len(lines), lines[0]["zones"]) == (970, ["yard"])
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(ask("/tracks", params={"format": "csv", "camera": "door"}).text)))
    assert [row["track"] for row in rows] == [str(line["visit"]) for line in lines]
    assert rows[0]["first"].endswith("Z")


@pytest.mark.parametrize("name", ["=1+1", "+49 7", "-Ann", "@SUM(A1)", " =1", "Ann"])
def test_a_name_is_no_formula_in_a_table(name: str, ask: Asking):
    ask("/people/person_01", "PATCH", json={"name": name})
    (row, *_) = csv.DictReader(io.StringIO(ask("/visits", params={"format": "csv", "person": name}).text))
    assert row["person"] == (name if name == "Ann" else f"'{name}")
    lines = ask("/visits", params={"format": "jsonl", "person": name}).text.splitlines()
    assert json.loads(lines[0])["person"] == name


def test_visits_and_their_pictures_follow_a_correction(ask: Asking):
    (visit, *_) = ask("/visits", params={"person": "person_02"}).json()["items"]
    ask("/faces/assign", "POST", json={"faces": ask.faces_of("person_02"), "person": "Ann"})
    (again, *_) = ask("/visits", params={"person": "Ann"}).json()["items"]
    assert again == visit | {"person": "Ann"}
    assert ask(again["picture"]).headers["content-type"] == "image/jpeg"
    assert ask("/tracks", params={"person": "Ann"}).json()["items"][0]["said"] == "person_02"


def test_a_visit_that_comes_meanwhile_is_told_at_once(years: Path, ask: Asking):
    before = ask("/visits", params={"limit": 5}).json()["items"]
    assert ask("/visits", params={"limit": 5}).json()["items"] == before
    with Store(years, writing=True) as store:
        now = datetime.now(timezone.utc)
        number = store.first_track() + 3000
        store.tracks.write([TrackRow(number, "door", None, 5000, now, now, 0.0, 0.0, 1, None, None)])
    assert ask("/visits", params={"limit": 5}).json()["items"][0]["visit"] == number


def test_a_visit_is_reviewed_by_its_tracks(ask: Asking):
    (visit, *_) = ask("/visits").json()["items"]
    assert not visit["reviewed"]
    for reviewed in (True, False):
        ask("/visits/reviewed", "POST", json={"tracks": visit["tracks"], "reviewed": reviewed})
        assert ask("/visits").json()["items"][0]["reviewed"] == reviewed


def test_a_place_in_the_order_holds_while_visits_come_and_go(years: Path):
    settings = settings_of(years)
    whole = list(latest_visits(settings, Wish()))
    place = place_of(whole[500])
    with Store(years, writing=True) as store:
        late = whole[0].last + timedelta(days=1)
        number = store.first_track() + 5000
        store.tracks.write([TrackRow(number, "door", None, 9999, late, late, 0.0, 0.0, 1, None, None)])
    assert list(latest_visits(settings, Wish(), place)) == whole[501:]


def test_who_is_here_now_and_how_everything_does(ask: Asking, result: Path):
    now = datetime.now(timezone.utc)
    with Store(result, writing=True) as store:
        first = store.first_track()
        for place, ago in enumerate((5, 3600)):
            at = now - timedelta(seconds=ago)
            name = ("door", "yard")[place]
            store.tracks.write([TrackRow(first + place, name, None, place + 1, at, at, 0.0, 0.0, 1, None, None)])
    here = ask("/now").json()
    assert [(one["camera"], one["person"], one["here"]) for one in here] == [
        ("door", None, True),
        ("yard", None, False),
    ]
    status = ask("/status").json()
    assert (status["watching"], status["ready"], status["gallery"]["people"]) == (False, True, 2)
