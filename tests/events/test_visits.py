"""Visits made of tracks, whatever the clocks do meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from face_classifier.events.visits import Visit, record, visits
from face_classifier.gallery.passing.passages import Passage, derived, passages
from face_classifier.gallery.passing.table import FaceOfTrack, TrackRow

NOON = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


def passage(
    track: int,
    first: float,
    last: float,
    person: str | None = "Ann",
    *,
    opened: datetime = NOON,
    **others: object,
) -> Passage:
    """Of a camera at the door that was opened at noon; ``first``, ``last``: its positions."""
    times = opened + timedelta(seconds=first), opened + timedelta(seconds=last)
    plain = Passage(track, "door", None, 1, *times, first, last, 9, person, person, track, f"face {track}", ())
    return replace(plain, **others)


def spans(found: list[Visit]) -> list[tuple[str | None, float, float]]:
    """Of each visit the person, when it began (seconds after noon), and how long it took."""
    return [(visit.person, (visit.first - NOON).total_seconds(), visit.seconds) for visit in found]


def test_tracks_no_further_apart_than_the_gap_are_one_visit() -> None:
    seen = [passage(1, 0, 5), passage(2, 35, 40), passage(3, 70.5, 80)]
    found = visits(seen, 30)
    assert spans(found) == [("Ann", 0, 40), ("Ann", 70.5, 9.5)]
    assert [(visit.number, visit.tracks) for visit in found] == [(1, (1, 2)), (3, (3,))]


def test_people_and_cameras_have_visits_of_their_own() -> None:
    seen = [passage(1, 0, 5), passage(2, 1, 6, "Bob"), passage(3, 7, 9, source="yard"), passage(4, 8, 9)]
    assert spans(visits(seen, 30)) == [("Ann", 0, 9), ("Bob", 1, 5), ("Ann", 7, 2)]


def test_each_track_of_nobody_is_a_visit() -> None:
    assert len(visits([passage(1, 0, 5, None), passage(2, 6, 9, None)], 30)) == 2


def test_tracks_of_one_person_that_overlap_are_one_visit() -> None:
    assert spans(visits([passage(1, 0, 20), passage(2, 5, 10), passage(3, 45, 46)], 30)) == [("Ann", 0, 46)]


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=1), timedelta(days=-9000)])
def test_a_jump_of_the_clock_neither_parts_a_visit_nor_makes_it_longer(jump: timedelta) -> None:
    seen = [passage(1, 0, 5), passage(2, 10, 15, opened=NOON + jump)]
    assert spans(visits(seen, 30)) == [("Ann", 0, 15)]


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=1)])
def test_visits_keep_their_order_when_the_clock_jumps_between_them(jump: timedelta) -> None:
    seen = [passage(1, 0, 5), passage(2, 100, 105, opened=NOON + jump)]
    found = visits(reversed(seen), 30)
    assert [visit.number for visit in found] == [1, 2]
    assert [visit.seconds for visit in found] == [5, 5]


def test_a_visit_goes_on_over_a_restart_by_the_clock_on_the_wall() -> None:
    again = passage(2, 1, 4, session=2, opened=NOON + timedelta(seconds=20))
    assert spans(visits([passage(1, 0, 5), again], 30)) == [("Ann", 0, 24)]
    late = passage(2, 1, 4, session=2, opened=NOON + timedelta(seconds=60))
    assert spans(visits([passage(1, 0, 5), late], 30)) == [("Ann", 0, 5), ("Ann", 61, 3)]


def test_no_time_passes_over_a_restart_that_set_the_clock_back() -> None:
    again = passage(2, 1, 4, session=2, opened=NOON - timedelta(hours=1))
    assert spans(visits([passage(1, 0, 5), again], 30)) == [("Ann", 0, 8)]


def test_a_visit_over_a_restart_has_no_positions_for_those_of_two_runs_have_nothing_in_common() -> None:
    again = passage(2, 1, 4, session=2, opened=NOON + timedelta(seconds=20))
    (over,) = visits([passage(1, 0, 5), again], 30)
    (whole,) = visits([passage(1, 0, 5), passage(2, 6, 8)], 30)
    told = [(fields["first_position"], fields["last_position"]) for fields in map(record, (over, whole))]
    assert told == [(None, None), (0, 8)]


@pytest.mark.parametrize("away", [-1000, 1000])
def test_who_was_seen_in_an_unknown_run_is_another_visit_where_the_clock_on_the_wall_says_so(away: float) -> None:
    unknown = passage(9, away, away + 5, session=0)
    assert sorted(spans(visits([passage(1, 0, 5), unknown], 30))) == sorted([("Ann", 0, 5), ("Ann", away, 5)])
    near = passage(9, 20, 25, session=0)
    assert [visit.seconds for visit in visits([passage(1, 0, 5), near], 30)] == [5]


def test_in_a_file_the_position_counts_whichever_run_saw_it() -> None:
    file = {"source": "clip.mp4", "fingerprint": "clip"}
    seen = [passage(1, 50, 55, **file), passage(2, 0, 5, session=2, **file), passage(3, 20, 30, session=2, **file)]
    assert spans(visits(seen, 20)) == [("Ann", 0, 55)]


def row(number: int, first: float = 0.0, last: float = 5.0, **others: object) -> TrackRow:
    times = NOON + timedelta(seconds=first), NOON + timedelta(seconds=last)
    return replace(TrackRow(number, "door", None, 1, *times, first, last, 9, None, None), **others)


def face(
    number: int, person: str | None, track: int | None, position: float = 0.0, quality: float = 0.5
) -> FaceOfTrack:
    time = NOON + timedelta(seconds=position)
    return FaceOfTrack(number, f"face {number}", person, track, quality, "door", None, position, time)


Whose = Callable[..., list[tuple[str | None, float, float]]]


@pytest.fixture
def whose() -> Whose:
    """Person, first and last position of each passage."""

    def tell(*arguments: object, **named: object) -> list[tuple[str | None, float, float]]:
        found = passages(*arguments, **named)  # type: ignore[arg-type]
        return [(one.person, one.first_position, one.last_position) for one in found]

    return tell


def test_a_track_is_of_whoever_its_faces_are_of_now(whose: Whose) -> None:
    assert whose([row(1), row(2)], [face(1, "Ann", 1), face(2, None, 1), face(3, None, 2)]) == [
        ("Ann", 0, 5),
        (None, 0, 5),
    ]


def test_two_people_in_a_track_are_two_and_the_whole_of_it_is_of_who_has_more_faces(whose: Whose) -> None:
    seen = [
        face(1, "Ann", 1, 0),
        face(2, "Bob", 1, 2),
        face(3, "Bob", 1, 3),
        face(4, "Ann", 1, 4),
        face(5, "Ann", 1, 5),
    ]
    assert whose([row(1)], seen) == [("Ann", 0, 5), ("Bob", 2, 3)]


def test_of_equally_many_faces_the_best_one_decides(whose: Whose) -> None:
    seen = [face(1, "Ann", 1, 1, 0.2), face(2, "Bob", 1, 2, 0.9)]
    assert whose([row(1)], seen)[0] == ("Bob", 0, 5)


def test_what_was_said_at_the_time_can_be_told(whose: Whose) -> None:
    assert whose([row(1, said="person_01"), row(2)], [face(1, "Ann", 1), face(2, "Ann", 2)], as_known_then=True) == [
        ("person_01", 0, 5),
        (None, 0, 5),
    ]


def test_a_track_of_which_the_user_excluded_all_faces_shows_nobody(whose: Whose) -> None:
    assert whose([row(1), row(2)], [face(2, "Ann", 2)], {1, 2}) == [("Ann", 0, 5)]


def test_a_track_of_which_no_picture_was_kept_is_of_somebody_unknown(whose: Whose) -> None:
    assert whose([row(1)], []) == [(None, 0, 5)]


def test_faces_of_before_there_were_tracks_tell_what_they_can(whose: Whose) -> None:
    faces = [face(1, "Ann", 7, 1), face(2, "Ann", 7, 4), face(3, None, None, 9)]
    rows = derived(faces)
    assert whose(rows, faces) == [("Ann", 1, 4), (None, 9, 9)]
    again = [face(5, "Ann", None, 40), face(6, "Ann", None, 41), face(7, "Ann", None, 90)]
    assert spans(visits(passages(derived(again), again), 30)) == [("Ann", 40, 1), ("Ann", 90, 0)]


def unwritten(number: int, track: int, position: float, opened: datetime = NOON) -> FaceOfTrack:
    """Ann's face, of a track that has no row yet."""
    return face(number, "Ann", track, position)._replace(time=opened + timedelta(seconds=position))


def test_a_track_without_a_row_so_far_is_of_the_run_that_goes_on() -> None:
    later = NOON + timedelta(hours=1)
    times = {"first": later, "last": later + timedelta(seconds=5)}
    rows = [row(1), replace(row(2, session=2), **times), row(5, source="yard")]
    faces = [face(1, "Ann", 1), face(2, "Ann", 2), unwritten(3, 4, 90, later), unwritten(4, 4, 91, later)]
    latest = {"door": rows[1], "yard": rows[2]}
    found = visits(passages([*rows, *derived(faces[2:], latest)], faces), 30)
    assert [(visit.number, *span) for visit, span in zip(found, spans(found), strict=True) if visit.person] == [
        (1, "Ann", 0, 5),
        (2, "Ann", 3600, 5),
        (4, "Ann", 3690, 1),
    ]
    assert (found[2].first_position, found[2].last_position) == (90, 91)


@pytest.mark.parametrize(("away", "count"), [(20, 1), (3600, 2)])
def test_the_first_track_of_a_run_may_have_no_row_so_far(away: float, count: int) -> None:
    faces = [
        face(1, "Ann", 1),
        unwritten(2, 2, 1, NOON + timedelta(seconds=away)),
        unwritten(3, 2, 2, NOON + timedelta(seconds=away)),
    ]
    rows = [row(1)]
    found = visits(passages([*rows, *derived(faces[1:], {"door": rows[0]})], faces), 30)
    assert len(found) == count
    assert (found[-1].last - NOON).total_seconds() == away + 2
