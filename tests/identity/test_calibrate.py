from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.config.flat import HIGHEST_THRESHOLD
from face_classifier.identity.calibrate import Calibration, calibrate
from face_classifier.vision.engine import Engine, make_engine

NO_CANNOT_LINKS = np.zeros((0, 2), np.int64)
SPREAD = 0.5


def gallery(near: float, away: float, people: int = 12, faces: int = 8, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Encodings, tracks and people: two faces of one person about ``near`` apart, of two people about ``away``."""
    dice = np.random.default_rng(seed)
    centres = dice.normal(0, (away**2 - near**2) ** 0.5 / 256**0.5, (people, 128))
    encodings = np.repeat(centres, faces, axis=0) + dice.normal(0, near / 256**0.5, (people * faces, 128))
    return encodings, np.arange(len(encodings)), np.repeat(np.arange(people), faces)


def calibrated(encodings: np.ndarray, tracks: np.ndarray, people: np.ndarray) -> Calibration:
    found = calibrate(encodings, tracks, people, NO_CANNOT_LINKS, spread=SPREAD)
    assert found is not None
    return found


def encoded(engine: Engine, folders: list[Path], most: int, border: int) -> tuple[np.ndarray, ...]:
    """Encodings, tracks and people of the first ``most`` pictures in each folder, with a border of black pixels."""
    encodings, people = [], []
    for number, folder in enumerate(folders):
        for path in sorted(folder.glob("*.jpg"))[:most]:
            picture = cv2.copyMakeBorder(cv2.imread(str(path)), *[border] * 4, cv2.BORDER_CONSTANT)
            encodings.append(engine.photo(picture, own_cut=True)[0].encoding)
            people.append(number)
    return np.array(encodings), np.arange(len(people)), np.array(people)


def test_dlibs_threshold_differs_between_western_and_east_asian_faces(data: Path) -> None:
    engine = make_engine("fast", None, 1.0, pytest.fail, "dlib")
    western = [folder for folder in sorted((data / "lfw").iterdir()) if len(list(folder.glob("*.jpg"))) >= 8][:12]
    eastern = sorted(folder for folder in (data / "asian_kpop15").iterdir() if folder.is_dir())
    west = calibrated(*encoded(engine, western, most=8, border=0)).balanced()
    east = calibrated(*encoded(engine, eastern, most=12, border=80)).balanced()
    assert 0.40 < west.value < 0.65
    assert 0.30 < east.value < 0.45
    assert east.high < west.low


def test_the_threshold_lies_between_one_person_and_two() -> None:
    found = calibrated(*gallery(near=0.3, away=0.9)).balanced()
    assert 0.4 < found.value < 0.8
    assert found.low <= found.value <= found.high


def test_no_threshold_is_found_that_a_user_may_not_give() -> None:
    for near, away in ((0.3, 1.4), (1.2, 1.5)):
        found = calibrated(*gallery(near=near, away=away))
        for estimate in (found.balanced(), found.threshold(0.5)):
            assert 0.5 < estimate.low <= estimate.value <= estimate.high <= HIGHEST_THRESHOLD


def test_more_people_ask_for_a_lower_threshold() -> None:
    few, many = (calibrated(*gallery(0.5, 0.65, people=people)).balanced().value for people in (4, 60))
    assert many < few


def test_a_threshold_has_the_rate_that_was_asked_for() -> None:
    found = calibrated(*gallery(0.5, 0.65, people=40))
    for rate in (0.3, 0.03):
        threshold = found.threshold(rate)
        assert threshold.low <= threshold.value <= threshold.high
        assert (found.different < threshold.value).mean() == pytest.approx(rate, rel=0.3)
        told = found.false_match_rate(threshold.value)
        assert told.value == pytest.approx(rate, rel=0.3)
        assert told.low <= told.value <= told.high
    assert found.false_non_match_rate(0.5) == pytest.approx((found.same >= 0.5).mean())


def test_the_rate_of_a_stranger_is_that_of_all_the_people_together() -> None:
    encodings, tracks, people = gallery(0.5, 0.65, people=60)
    found = calibrated(encodings[people < 40], tracks[people < 40], people[people < 40])
    threshold = found.threshold_per_probe(0.2)
    assert found.false_match_rate_per_probe(threshold.value).value == pytest.approx(0.2, rel=0.1)
    assert threshold.low <= threshold.value <= threshold.high < found.threshold(0.2).value
    averages = np.array([encodings[people == person].mean(axis=0) for person in range(40)])
    scatter = np.array([encodings[people == person].var(axis=0).sum() for person in range(40)])
    strangers = encodings[people >= 40]
    distances = np.sqrt(((strangers[:, None] - averages) ** 2).sum(axis=2) + SPREAD * scatter)
    assert (distances.min(axis=1) < threshold.value).mean() == pytest.approx(0.2, abs=0.1)


def test_the_interval_narrows_with_more_people() -> None:
    few, many = (calibrated(*gallery(0.5, 0.65, people=people)).threshold(0.01) for people in (8, 80))
    assert many.high - many.low < few.high - few.low


def test_the_same_gallery_gives_the_same_answer() -> None:
    one, other = (calibrated(*gallery(0.5, 0.65)) for _ in range(2))
    assert one.balanced() == other.balanced()
    assert one.threshold(0.01) == other.threshold(0.01)


def test_an_encoder_with_longer_distances_is_calibrated_alike() -> None:
    encodings, tracks, people = gallery(0.3, 0.39)
    plain, twice = calibrated(encodings, tracks, people), calibrated(2 * encodings, tracks, people)
    assert twice.balanced().value == pytest.approx(2 * plain.balanced().value, abs=0.01)


def test_faces_in_one_frame_are_two_people_even_if_nobody_knows_them() -> None:
    encodings, _, people = gallery(0.3, 0.9, people=2, faces=20)
    tracks = people  # one long track a person
    unknown = np.full(len(people), -1)
    assert calibrate(encodings, tracks, unknown, NO_CANNOT_LINKS, spread=SPREAD) is None
    found = calibrate(encodings, tracks, unknown, np.array([[0, 1]]), spread=SPREAD)
    assert found is not None
    assert len(found.different) == 20 + 20
    assert found.different.min() > found.same.max()


def test_small_people_are_nobodys_strangers() -> None:
    encodings, tracks, people = gallery(0.3, 0.9, people=12, faces=3)
    assert calibrate(encodings, tracks, people, NO_CANNOT_LINKS, spread=SPREAD) is None


def test_a_face_is_not_compared_with_its_own_track_where_others_are_known() -> None:
    encodings, tracks, people = gallery(0.5, 0.9)
    encodings[1::2] = encodings[::2]  # two frames of a track are nearly one picture
    assert (
        calibrated(encodings, tracks // 2, people).same.mean()
        > 1.05 * calibrated(encodings, tracks, people).same.mean()
    )


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_distances_are_those_of_the_rule(spread: float) -> None:
    encodings, tracks, people = gallery(0.5, 0.9, people=6, faces=8)
    found = calibrate(encodings, tracks, people, NO_CANNOT_LINKS, spread=spread)
    assert found is not None

    def distance(face: np.ndarray, others: np.ndarray) -> float:
        mean = others.mean(axis=0)
        scatter = ((others - mean) ** 2).sum(axis=1).mean()
        return float(np.sqrt(((face - mean) ** 2).sum() + spread * scatter))

    everybody = range(len(people))
    same = [distance(encodings[at], encodings[(people == people[at]) & (tracks != at)]) for at in everybody]
    different = [
        distance(encodings[at], encodings[people == other]) for at in everybody for other in set(people) - {people[at]}
    ]
    np.testing.assert_allclose(found.same, np.sort(same))
    np.testing.assert_allclose(found.different, np.sort(different))


def test_a_large_gallery_is_looked_at_in_part_and_evenly() -> None:
    encodings, tracks, people = gallery(0.3, 0.9, people=10, faces=20)
    found = calibrate(encodings, tracks, people, NO_CANNOT_LINKS, spread=SPREAD, most=50)
    assert found is not None
    assert len(found.same) == 10 * 5
    assert len(found.different) == 10 * 5 * 9


def test_an_empty_gallery_says_nothing() -> None:
    nobody = np.zeros(0, np.int64)
    assert calibrate(np.zeros((0, 128)), nobody, nobody, NO_CANNOT_LINKS, spread=SPREAD) is None
