"""The threshold as settings, encoder and the number of people have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.core.types import Sighting
from face_classifier.identity.profiles import BY_ENCODER
from face_classifier.identity.rules import crowded, empty_people, threshold_of


def chosen(**wishes: object) -> Settings:
    return load({name: str(wish) for name, wish in wishes.items()}, None, {})


@pytest.mark.parametrize("encoder", ["dlib", "sface"])
def test_the_default_threshold_falls_with_many_people_and_the_users_never(encoder: str) -> None:
    few, many, ours = threshold_of(chosen(encoder=encoder), 100), threshold_of(chosen(encoder=encoder), 5000), 0.47
    assert many < few == BY_ENCODER[encoder].threshold == threshold_of(chosen(encoder=encoder))
    assert threshold_of(chosen(encoder=encoder, threshold=ours), 5000) == ours
    assert threshold_of(chosen(engine="original", encoder="dlib"), 5000) == 0.44


@pytest.mark.parametrize(
    ("wishes", "falls"), [({}, True), ({"threshold": "0.46"}, False), ({"engine": "original"}, False)]
)
def test_a_gallery_decides_by_the_threshold_that_is_told(wishes: dict[str, str], falls: bool) -> None:
    asked = chosen(encoder="dlib", **wishes)
    people = empty_people(asked)
    for number in range(300):
        encoding = np.eye(128)[number % 128] * (2 + number)
        people.add(Sighting(id=number, face=str(number), person=str(number), distance=None, encoding=encoding))
    assert people.threshold_now == threshold_of(asked, 300)
    assert (people.threshold_now < people.threshold) is falls


def test_a_threshold_that_lets_strangers_in_among_many_people_is_told(tmp_path: Path) -> None:
    told = crowded(chosen(encoder="dlib", threshold=0.46, result=tmp_path), 5000)
    assert told is not None
    assert f"{tmp_path} has 5000 people; among so many, 0.375 keeps strangers out as 0.46 does among 100" in told
    for wishes, people in (
        ({"threshold": 0.46}, 100),
        ({"threshold": 0.37}, 5000),
        ({}, 5000),
        ({"threshold": "auto"}, 5000),
    ):
        assert crowded(chosen(encoder="dlib", **wishes), people) is None
    assert crowded(chosen(engine="original", threshold=0.46), 5000) is None
