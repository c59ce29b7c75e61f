"""`explain`: why a face is whose it is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from face_classifier.core.types import Face
from face_classifier.curate.questions.explain import posterior
from face_classifier.gallery.store import Store
from face_classifier.identity.calibrate import calibrate

CLIP = ("obama.jpg", "biden.jpg", "obama2.jpg", "obama3.jpg")


def facts(out: str, what: str) -> list[str]:
    return [line.removeprefix(f"{what}: ") for line in out.splitlines() if line.startswith(f"{what}: ")]


def stems(gallery, person: str) -> list[str]:
    return sorted(path.stem for path in (gallery.folder / person).iterdir())


def test_a_face_is_explained_by_the_nearest_of_its_person(gallery, command, faces: dict[str, Face]):
    gallery.see(*CLIP)
    name = stems(gallery, "person_01")[0]  # the first second shows obama.jpg
    ended = command("explain", name, "--result", gallery.folder)
    assert (ended.code, ended.err) == (0, "")
    assert facts(ended.out, "person") == ["person_01"]
    assert facts(ended.out, "placed by") == ["the program"]
    assert 0 < float(facts(ended.out, "quality")[0]) <= 1
    own = faces["obama.jpg"].encoding
    distances = [np.linalg.norm(faces[other].encoding - own) for other in ("obama2.jpg", "obama3.jpg")]
    told = [float(line.rsplit(" ", 1)[1]) for line in facts(ended.out, "nearest face")]
    assert told == pytest.approx(sorted(distances), abs=0.02)
    average = np.mean([faces[other].encoding for other in ("obama2.jpg", "obama3.jpg")], axis=0)
    to_average = float(facts(ended.out, "to the average of its person's other faces")[0])
    assert to_average == pytest.approx(np.linalg.norm(average - own), abs=0.02)
    assert "person_01" in facts(ended.out, "rule")[0]


def test_an_unknown_face_is_unknown_because_nobody_is_near(gallery, command):
    gallery.see(*CLIP)
    ended = command("explain", stems(gallery, "unknowns")[0], "--result", gallery.folder)
    assert facts(ended.out, "person") == ["unknown"]
    assert "nobody is nearer than the threshold 0.46" in facts(ended.out, "rule")[0]
    assert facts(ended.out, "nearest person")[0].startswith("person_01, 0.")


def test_the_runner_up_is_the_nearest_other_person_and_the_margin_the_difference(gallery, command):
    gallery.see(*CLIP)
    gallery.move(gallery.picture("unknowns"), "Joe")
    ended = command("explain", stems(gallery, "person_01")[0], "--result", gallery.folder)
    name, distance, margin = facts(ended.out, "nearest other person")[0].split(", ")
    average = float(facts(ended.out, "to the average of its person's other faces")[0])
    assert name == "Joe"
    assert float(margin.removeprefix("margin ")) == pytest.approx(float(distance) - average, abs=0.002)


def test_what_the_user_placed_stays_because_the_user_placed_it(gallery, command):
    gallery.see(*CLIP)
    moved = gallery.move(gallery.picture("unknowns"), "person_01")
    ended = command("explain", moved, "--result", gallery.folder)
    assert facts(ended.out, "placed by") == ["you"]
    assert facts(ended.out, "rule") == ["you put it into person_01, so it stays there"]
    pinned = gallery.move(moved, "unknowns")
    gallery.look()
    pinned = gallery.move(gallery.folder / "person_01" / f"{stems(gallery, 'person_01')[0]}.png", "unknowns")
    ended = command("explain", pinned, "--result", gallery.folder)
    assert facts(ended.out, "rule") == ["you put it into unknowns, so it stays there"]


def test_a_face_is_known_by_name_by_file_name_and_by_path(gallery, command):
    gallery.see(*CLIP)
    path = gallery.picture("unknowns")
    told = {command("explain", given, "--result", gallery.folder).out for given in (path, path.name, path.stem)}
    assert len(told) == 1


def test_a_name_that_no_face_has_is_told_in_one_sentence(gallery, command):
    gallery.see("obama.jpg")
    ended = command("explain", "nobody", "--result", gallery.folder)
    assert (ended.code, ended.out) == (1, "")
    assert "no face" in ended.err
    assert "nobody" in ended.err
    assert ended.err.count("\n") == 1


def test_the_picture_shows_the_face_and_its_exemplars_side_by_side(gallery, command, tmp_path: Path):
    gallery.see(*CLIP)
    ended = command(
        "explain", stems(gallery, "person_01")[0], "--result", gallery.folder, "--picture", tmp_path / "why.png"
    )
    assert ended.code == 0
    drawn = cv2.imread(str(tmp_path / "why.png"))
    assert drawn.shape[1] == 3 * 200 + 4 * 8  # itself and two others
    tiles = [drawn[8:208, left : left + 200] for left in (8, 216, 424)]
    assert all(tile.std() > 20 for tile in tiles)
    assert (drawn[208:] == drawn[-1, 0]).mean() < 0.99  # something is written below


def test_a_picture_that_cannot_be_written_is_told(gallery, command, tmp_path: Path):
    gallery.see("obama.jpg")
    ended = command(
        "explain", gallery.picture("unknowns"), "--result", gallery.folder, "--picture", tmp_path / "no" / "why.png"
    )
    assert ended.code == 1
    assert "--picture" in ended.err


def test_a_small_gallery_tells_no_probability(gallery, command):
    gallery.see(*CLIP)
    ended = command("explain", stems(gallery, "person_01")[0], "--result", gallery.folder)
    assert facts(ended.out, "probability") == ["left out, since the gallery is too small to tell"]


def test_the_probability_falls_with_the_distance_and_is_never_sure(faces: dict[str, Face]):
    dice = np.random.default_rng(1)
    photographs = ["obama.jpg"] * 20 + ["biden.jpg"] * 20
    encodings = np.array([faces[name].encoding for name in photographs]) + dice.normal(0, 0.02, (40, 128))
    calibration = calibrate(encodings, np.arange(40), np.arange(40) // 20, np.zeros((0, 2), np.int64), spread=0.5)
    assert calibration
    told = [posterior(distance, calibration) for distance in np.linspace(0, 1.5, 31)]
    assert told == sorted(told, reverse=True)
    assert 0.95 < told[0] < 1
    assert 0 < told[-1] < 0.05


def test_it_reads_only_and_while_another_process_writes(gallery, command):
    gallery.see(*CLIP)
    before = {path: path.stat().st_mtime_ns for path in gallery.folder.rglob("*") if path.is_file()}
    with Store(gallery.folder, writing=True):
        ended = command("explain", gallery.picture("unknowns"), "--result", gallery.folder)
    assert ended.code == 0
    after = {path: path.stat().st_mtime_ns for path in before}
    assert {path for path in before if before[path] != after[path]} <= {gallery.folder / ".lock"}
