"""A look that reads only what lies otherwise finds what one finds that compares everything."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from face_classifier.core.types import Box, Face, Match, Provenance
from face_classifier.gallery.folder.compare import compare_all
from face_classifier.gallery.folder.opened import FoldersChangedError
from face_classifier.gallery.places import EXCLUDED, UNKNOWNS
from face_classifier.gallery.store import LookResult, Store

BEGUN = 1_700_000_000  # seconds since 1970
PLACES = ["Ann", "Bob", "Cem", "person_01", UNKNOWNS, f"{EXCLUDED}/Ann", f"{EXCLUDED}/Bob"]


def read_photo(path: Path, own_cut: bool) -> tuple[Face, bool]:
    """Stands for an engine: numbers that depend on nothing but the content, so no picture needs a face on it."""
    seed = int.from_bytes(hashlib.sha256(path.read_bytes()).digest()[:4], "little")
    encoding = np.random.default_rng(seed).normal(0.0, 0.05, 128)
    return Face(Box(1, 2, 2, 1), encoding, Provenance("dlib-resnet-v1", "yunet", "five", "float32")), True


class Everything:
    """In place of the comparer: it passes nothing over."""

    def __init__(self, store: Store) -> None:
        self._folder = store._inside

    def forget(self, _folders: object) -> None:
        pass

    def compare(self, _touched: object = None) -> Any:
        return compare_all(self._folder)


class Pair:
    """Two folders to which the same is done: one store passes over what did not change, the other looks at all."""

    def __init__(self, root: Path) -> None:
        self.folders = root / "passing over", root / "everything"
        self.stores = [Store(folder, writing=True) for folder in self.folders]
        self.stores[1]._looker._comparer = Everything(self.stores[1])  # type: ignore[assignment]
        self.touched: set[str] = set()
        self.clock = BEGUN

    def both(self, action: Callable[[Path], object], *touched: str) -> None:
        self.touched.update(touched)
        self.clock += 1
        for folder in self.folders:
            action(folder)

    def by_program(self, action: Callable[[Store], object]) -> None:
        ended = []
        for store in self.stores:
            try:
                action(store)
                ended.append("done")
            except FoldersChangedError:
                ended.append("changed")
        assert ended[0] == ended[1]

    def check(self, *, told: bool) -> LookResult:
        looks = [
            self.stores[0].look(
                read_photo, touched=self.touched if told else None
            ),  # those of the program are not told
            self.stores[1].look(read_photo),
        ]
        self.touched.clear()
        one, other = map(seen, looks)
        assert one == other
        assert self.table(0) == self.table(1)
        assert sorted(self.stores[0].problems()) == sorted(self.stores[1].problems())
        changed = looks[0].changed
        if changed is not None:
            assert {move.origin for move in looks[0].moves} <= changed
            assert {move.target for move in looks[0].moves} - {""} <= changed
        return looks[0]

    def table(self, number: int) -> list[tuple[Any, ...]]:
        """All rows but for the times of pictures that the program wrote itself."""
        rows = self.stores[number]._inside.rows.all()
        return [
            (row.id, row.face, row.folder, row.file, row.hash, row.state, row.placed, row.pinned, row.encoding is None)
            for row in rows
        ]

    def close(self) -> None:
        for store in self.stores:
            store.close()


def seen(look: LookResult) -> object:
    faces = [
        (face.id, face.face, face.person, face.pinned, face.corrected, path.name)
        for face, path in zip(look.faces, look.pictures, strict=True)
    ]
    excluded = sorted((person, encoding.tobytes()) for person, encoding in look.excluded)
    return faces, look.kept_apart, look.kept_apart_tracks, excluded, sorted(look.moves)


@contextmanager
def paired(root: Path) -> Iterator[Pair]:
    pair = Pair(root)
    try:
        yield pair
    finally:
        pair.close()


def write(pair: Pair, place: str, content: bytes) -> None:
    def action(folder: Path) -> None:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (pair.clock, pair.clock))

    pair.both(action, place.rpartition("/")[0])


def carry(pair: Pair, place: str, target: str, *, copy: bool = False) -> None:
    def action(folder: Path) -> None:
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        if target == place:
            return
        if copy:
            shutil.copy2(folder / place, folder / target)
        else:
            (folder / place).replace(folder / target)

    pair.both(action, place.rpartition("/")[0], target.rpartition("/")[0])


def rename_folder(pair: Pair, name: str, target: str) -> None:
    def action(folder: Path) -> None:
        if not (folder / target).exists():
            (folder / target).parent.mkdir(exist_ok=True)
            (folder / name).rename(folder / target)

    pair.both(action, name, target)


def step(pair: Pair, rng: random.Random, frame: Callable[..., Any]) -> None:
    """Something that the user or the program may do."""
    root = pair.folders[0]
    pictures = sorted(str(path.relative_to(root)) for path in root.rglob("*.png") if "montage" not in path.name)
    folders = sorted({place.rpartition("/")[0] for place in pictures})
    target = rng.choice(PLACES)
    action = rng.choice(["drop", "move", "move", "copy", "delete", "edit", "rename", "merge", "keep", "place", "join"])
    if action == "drop" or not pictures:
        write(
            pair, f"{target}/{rng.choice('abc')}{rng.randrange(4)}.png", bytes([rng.randrange(6)]) * rng.randrange(1, 4)
        )
        return
    place = rng.choice(pictures)
    file = place.rpartition("/")[2]
    if action in ("move", "copy"):
        name = rng.choice([file, file, f"other {file}"])
        carry(pair, place, f"{target}/{name}", copy=action == "copy")
    elif action == "delete":
        pair.both(lambda folder: (folder / place).unlink(), place.rpartition("/")[0])
    elif action == "edit":
        write(pair, place, bytes([rng.randrange(6)]) * (1 + rng.randrange(6)))
    elif action == "rename":
        rename_folder(pair, rng.choice(folders), rng.choice(["Dan", "Eva", target]))
    elif action == "merge":
        name = rng.choice(folders)
        for other in [picture for picture in pictures if picture.rpartition("/")[0] == name]:
            carry(pair, other, f"{target}/{other.rpartition('/')[2]}")
    else:
        by_program(pair, action, rng, frame)


def by_program(pair: Pair, action: str, rng: random.Random, frame: Callable[..., Any]) -> None:
    faces = list(pair.check(told=True).faces)
    if action == "keep":
        picture, position = bytes([rng.randrange(9)]) * 5, float(rng.randrange(5))
        face, _ = Face(Box(1, 3, 3, 1), np.full(128, 0.1), Provenance("dlib-resnet-v1", "yunet", "five", "float32")), 0
        shown = frame("obama.jpg", position, "clip")
        person = rng.choice([None, "Ann"])
        pair.by_program(lambda store: store.keep(shown, face, Match(person), 0, rng_track(position), picture=picture))
    elif faces:
        chosen = [rng.choice(faces).id]
        if action == "place":
            pair.by_program(lambda store: store.move(chosen, rng_person(chosen)))
        else:
            pair.by_program(lambda store: store.words.join(chosen, "Bob"))


def rng_track(position: float) -> int:
    return 1 + int(position)


def rng_person(faces: list[int]) -> str | None:
    return (None, "Ann", "Cem")[faces[0] % 3]


@pytest.mark.parametrize("seed", range(8))
def test_passing_over_folders_finds_what_a_look_at_everything_finds(
    tmp_path: Path, frame: Callable[..., Any], seed: int
) -> None:
    rng = random.Random(seed)
    with paired(tmp_path) as pair:
        for number in range(12):
            write(pair, f"{PLACES[number % 4]}/start{number}.png", bytes([number]) * 7)
        pair.check(told=False)
        for _ in range(25):
            for _ in range(rng.randrange(1, 4)):
                step(pair, rng, frame)
            pair.check(told=rng.random() < 0.5)
