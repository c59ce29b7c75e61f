"""What measures speed, and whether anybody is lost by it, counts right and measures what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEFT, RIGHT, BELOW = [0, 40, 40, 0], [0, 140, 40, 100], [200, 40, 240, 0]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def told(*faces: tuple[list[int], str | None], frames: int = 3) -> dict[str, list[object]]:
    """So many frames with the same faces."""
    return {"frames": [["clip", 0.1 * number, [list(face) for face in faces]] for number in range(frames)]}


def test_who_is_merged_split_or_lost_is_counted_by_place_whatever_the_people_are_called() -> None:
    from guards import Comparison

    two = told((LEFT, "a"), (RIGHT, "b"))
    same = Comparison(told((LEFT, "x"), (RIGHT, "y")), two)
    assert (same.merged, same.split, same.lost, same.faces, len(same.overlaps), same.extra) == (0, 0, 0, 6, 6, 0)
    merged = Comparison(told((LEFT, "x"), (RIGHT, "x")), two)
    assert (merged.merged, merged.split, merged.lost) == (1, 0, 0)
    one = told((LEFT, "a"), (RIGHT, "a"))
    split = Comparison(told((LEFT, "x"), (RIGHT, "y")), one)
    assert (split.merged, split.split, split.lost) == (0, 1, 0)
    lost = Comparison(told((LEFT, "x"), (RIGHT, None)), two)
    assert (lost.merged, lost.split, lost.lost) == (0, 0, 1)


def test_a_face_counts_as_found_only_where_it_is() -> None:
    from guards import Comparison

    moved = Comparison(told((BELOW, "x")), told((LEFT, "a")))
    assert (moved.faces, moved.overlaps, moved.extra, moved.lost) == (3, [], 3, 1)


def test_the_person_of_a_clip_is_whose_its_largest_faces_are() -> None:
    from guards import people_of

    assert people_of(told(([0, 80, 80, 0], "a"), (RIGHT, "b"))) == {"clip": {"a"}}
    assert people_of(told((LEFT, "a"), frames=2)) == {"clip": set()}


def test_ratios_are_of_one_round_each() -> None:
    from pace.report import ratio

    assert ratio([{"ms": 2.0}, {"ms": 9.0}], [{"ms": 1.0}, {"ms": 3.0}], "ms") == "2.50 [2.00–3.00]"


def test_every_stage_that_is_timed_is_there() -> None:
    from pace.stages import STAGES

    assert not [label for label, owner, name in STAGES if not callable(getattr(owner, name, None))]
