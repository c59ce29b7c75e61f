"""`calibrate` and `--threshold auto`: the threshold that suits the gallery at hand."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest

from face_classifier.cli import console
from face_classifier.core.config.load import load
from face_classifier.core.config.settings import Settings
from face_classifier.gallery import gallery
from face_classifier.gallery.opening import photo_reader, with_threshold
from face_classifier.gallery.snapshot import faces_of, take_snapshot
from face_classifier.gallery.store import Store
from face_classifier.identity.calibrate import calibrated
from face_classifier.identity.rules import empty_people, spread_of, threshold_of

PEOPLE, EACH = 5, 8


@pytest.fixture(scope="session")
def sorted_people(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result folder of five people with eight photographs each, as a user would sort them."""
    folder = tmp_path_factory.mktemp("sorted") / "result"
    found = [sorted(person.glob("*.jpg")) for person in sorted((data / "lfw").iterdir()) if person.is_dir()]
    for photographs in [photographs for photographs in found if len(photographs) >= EACH][:PEOPLE]:
        person = folder / photographs[0].parent.name
        person.mkdir(parents=True)
        for photograph in photographs[:EACH]:
            shutil.copy(photograph, person)
    with Store(folder, writing=True) as store:
        store.look(photo_reader(_chosen(folder), pytest.fail))
    return folder


def number(out: str, pattern: str) -> float:
    found = re.search(pattern + r"\s*([0-9.e-]+)", out)
    assert found, out
    return float(found[1])


def test_the_thresholds_lie_between_the_distances_of_one_and_of_two_people(sorted_people: Path, command):
    ended = command("calibrate", "--result", sorted_people, "--rate", "0.2")
    assert (ended.code, ended.err) == (0, "")
    calibration = calibrated(faces_of(_chosen(sorted_people), console.Screen()), [], spread=0.5)
    assert calibration
    wished = number(ended.out, r"for a false match rate of 0\.2:")
    assert (calibration.different < wished + 0.0025).mean() >= 0.2
    assert (calibration.different < wished - 0.0025).mean() <= 0.2
    assert calibration.same[0] < number(ended.out, r"auto\):") < calibration.different[-1]
    assert "at the present threshold 0.46: false match rate" in ended.out
    assert ended.out.count("90 % from") == 5


def test_the_calibration_as_json(sorted_people: Path, command):
    found = json.loads(command("calibrate", "--result", sorted_people, "--json").out)
    low, value, high = (found["balanced"][end] for end in ("low", "value", "high"))
    assert low <= value <= high
    assert 0 <= found["present"]["false_match_rate"]["value"] <= 1
    assert found["present"]["threshold"] == 0.46
    assert found["people"] >= 5
    rate, named = (found["present"][key]["value"] for key in ("false_match_rate", "false_match_rate_per_probe"))
    assert named == pytest.approx(1 - (1 - rate) ** found["people"])
    assert found["threshold_per_probe"]["value"] <= found["threshold"]["value"]


def test_a_rate_that_the_pairs_cannot_tell_is_told(sorted_people: Path, command):
    assert "160 pairs tell no rate below" in command("calibrate", "--result", sorted_people).out
    assert "tell no rate" not in command("calibrate", "--result", sorted_people, "--rate", "0.1").out


@pytest.mark.parametrize("rate", ["0", "1", "-0.1", "often", "nan"])
def test_an_impossible_rate_is_refused(sorted_people: Path, command, rate: str):
    ended = command("calibrate", "--result", sorted_people, f"--rate={rate}")
    assert (ended.code, ended.out) == (2, "")
    assert f"--rate is '{rate}'" in ended.err


def test_a_gallery_that_is_too_small_is_told_in_one_sentence(gallery, command):
    gallery.see("obama.jpg", "biden.jpg")
    ended = command("calibrate", "--result", gallery.folder)
    assert (ended.code, ended.out) == (1, "")
    assert "too small" in ended.err
    assert ended.err.count("\n") == 1


def test_auto_takes_the_balanced_threshold_of_the_gallery(sorted_people: Path, command):
    whole = take_snapshot(_chosen(sorted_people, "auto"), console.Screen())
    calibration = calibrated(whole.faces, whole.cannot_links, spread_of(whole.settings))
    assert calibration
    assert whole.settings.threshold == calibration.balanced().value
    ended = command("replay", "--result", sorted_people, "--threshold", "auto")
    assert ended.out.startswith(f"threshold {calibration.balanced().value:g}:")
    assert ended.err == ""


def test_a_run_takes_the_threshold_of_its_gallery(sorted_people: Path, portraits, command, tmp_path, monkeypatch):
    asked: list[float | str | None] = []

    def people(chosen: Settings, *rest: Any) -> Any:
        asked.append(chosen.threshold)
        return empty_people(chosen, *rest)

    monkeypatch.setattr(gallery, "empty_people", people)
    cv2.imwrite(str(tmp_path / "new.png"), portraits["obama.jpg"])
    folder = tmp_path / "result"
    shutil.copytree(sorted_people, folder)
    expected = take_snapshot(_chosen(sorted_people, "auto"), console.Screen()).settings.threshold
    asked.clear()
    ended = command(tmp_path / "new.png", "--result", folder, "--threshold", "auto", "--online-only")
    assert (ended.code, ended.err) == (0, "")
    assert set(asked) == {expected}


def test_a_run_without_a_gallery_takes_the_default_and_says_so(portraits, command, tmp_path: Path):
    cv2.imwrite(str(tmp_path / "new.png"), portraits["obama.jpg"])
    ended = command(tmp_path / "new.png", "--result", tmp_path / "result", "--threshold", "auto")
    assert ended.code == 0
    assert "too small to tell a threshold, so the default 0.46 is taken" in ended.err
    assert ended.err.count("\n") == 1


def test_the_default_that_stands_in_falls_among_many_people(tmp_path: Path):
    asked = with_threshold(_chosen(tmp_path, "auto"), [], [], console.Screen())
    assert threshold_of(asked, 5000) < threshold_of(asked, 100) == 0.46


def test_four_people_say_too_little_about_strangers(sorted_people: Path, command, tmp_path: Path):
    folder = tmp_path / "result"
    shutil.copytree(sorted_people, folder)
    for person in sorted(path for path in folder.iterdir() if path.is_dir())[4:]:
        shutil.rmtree(person)
    ended = command("replay", "--result", folder, "--threshold", "auto")
    assert ended.out.startswith("threshold 0.46:")
    assert "too small to tell a threshold" in ended.err
    assert "too few people for --threshold auto" in command("calibrate", "--result", folder).out


def test_the_threshold_is_a_number_or_auto(command, tmp_path: Path):
    ended = command("replay", "--result", tmp_path, "--threshold", "car")
    assert ended.code == 2
    assert "--threshold is 'car', but must be a number above 0 and at most 0.8, such as 0.44, or auto" in ended.err


def _chosen(folder: Path, threshold: str | None = None) -> Settings:
    return load({"result": str(folder), "threshold": threshold}, None, {})
