"""What is seen of each face in each analysed frame, also where it was only followed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Listener

from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Face, Frame
from face_classifier.events.observation import Observation
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.store import Store
from face_classifier.pipeline.analysis.analyse import Analyst
from face_classifier.pipeline.analysis.tracker import Follower
from face_classifier.pipeline.place import Session
from face_classifier.vision.engine import Engine

OBAMA, BIDEN = "obama.jpg", "biden.jpg"
Show = Callable[[str, float], Observation]


def no_photo(path: Path, own_cut: bool) -> tuple[Face, bool]:
    raise AssertionError(f"{path} has its encoding already")


@pytest.fixture
def show(tmp_path: Path, engine: Engine, frame: Callable[..., Frame]) -> Iterator[Show]:
    """Shows a photograph at a position of a live source; returns what is seen of its face."""
    with Store(tmp_path / "result", writing=True) as store:
        gallery = Gallery(Settings(), store, no_photo, Listener())
        analyst, session = Analyst(engine, Follower(1.0, founding=3)), Session(gallery, follows=True)

        def one(name: str, position: float) -> Observation:
            shown = frame(name, position, None)
            plan = analyst.plan(shown, engine.detect(shown.image))
            (observed,) = session.place(analyst.encode(plan)).observed
            return observed

        yield one


def test_a_face_that_is_only_followed_is_observed_with_its_person(show: Show) -> None:
    seen = [show(OBAMA, number / 5) for number in range(5)]
    assert [one.picture is not None for one in seen] == [True, True, True, False, False]
    assert [one.person for one in seen] == [None, *["person_01"] * 4]
    assert len({one.track for one in seen}) == 1
    assert len({one.followed for one in seen}) == 1
    assert seen[3].face == seen[2].face
    assert seen[3].face_name == seen[2].face_name


def test_a_person_that_is_made_is_new_in_one_frame_only(show: Show) -> None:
    seen = [show(OBAMA, number / 5) for number in range(5)]
    assert [one.new_person for one in seen] == [False, True, False, False, False]
    assert not show(OBAMA, 100.0).new_person


def test_somebody_else_in_the_same_place_is_another_track(show: Show) -> None:
    one = [show(OBAMA, number / 5) for number in range(3)][-1]
    other = [show(BIDEN, 20 + number / 5) for number in range(3)][-1]
    assert one.track != other.track
    assert (one.person, other.person) == ("person_01", "person_02")
