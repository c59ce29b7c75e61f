"""Whatever somebody writes into the log of changes, the folder can be used, and nothing else is touched."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gallery.test_journal import read_photo
from pipeline.placing.test_parts import CLIPS, Placing, contents, frames_of, head_of

from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.gallery.placing.undo import LOG, UndoRoot
from face_classifier.gallery.store import Store

_FORGED = [
    ["moved"],
    ["moved", "unknowns"],
    ["moved", "unknowns", "a", "b"],
    ["wrote", "nul\0.png", "0"],
    ["wrote", "lone\ud800.png", "0"],
    ["wrote", ["a", "list"], {"an": "object"}],
    ["made", 7],
    ["removed", "../beside"],
    ["moved", "inside.txt", "../outside.txt"],
    ["wrote", "../outside.txt", "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"],
    ["made", "../empty"],
    [],
]


@pytest.mark.parametrize("line", _FORGED, ids=range(len(_FORGED)))
def test_a_forged_line_harms_nothing(tmp_path: Path, line: list[object]) -> None:
    placing = Placing(tmp_path / "result")
    placing.place("first")
    (tmp_path / "outside.txt").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    before, beside = contents(placing.folder), sorted(tmp_path.iterdir())
    (placing.folder / LOG).write_text("".join(json.dumps(one) + "\n" for one in (["token"], line)))
    with Store(placing.folder, writing=False) as store:
        assert len(list(store.look(read_photo).faces)) == 6
    with Store(placing.folder, writing=True) as store:
        assert len(list(store.look(read_photo).faces)) == 6
    assert contents(placing.folder) == before
    assert sorted(tmp_path.iterdir()) == beside
    assert not (placing.folder / LOG).exists()


def test_who_only_reads_sees_a_folder_that_is_just_being_removed(tmp_path: Path) -> None:
    placing = Placing(tmp_path / "result")
    placing.place("first")
    (placing.folder / LOG).write_text('["token"]\n["removed", "person_09"]\n')
    with Store(placing.folder, writing=False) as store:
        assert len(list(store.look(read_photo).faces)) == 6


def test_what_a_failing_disk_does_not_take_back_is_taken_back_before_the_next_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, placing = Placing(tmp_path / "wanted"), Placing(tmp_path / "result")
    wanted.place("first", "second")
    placing.place("first")
    refused = list[str]()

    def refuses(name: str) -> None:
        method = getattr(UndoRoot, name)

        def once(root: UndoRoot) -> None:
            if name not in refused:
                refused.append(name)
                root._stop() if name != "make_durable" else None
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            method(root)

        monkeypatch.setattr(UndoRoot, name, once)

    for name in ("make_durable", "take_back", "let_stand"):
        refuses(name)
    placing.place("second", seconds=30.0)
    assert refused == ["make_durable", "take_back", "let_stand"]
    placing.place()
    assert contents(placing.folder) == contents(wanted.folder)


@pytest.mark.parametrize("goes", [shutil.rmtree, lambda folder: folder.rename(folder.with_name("away"))])
def test_a_folder_that_goes_while_a_part_is_placed_is_told_as_gone(
    tmp_path: Path, goes: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    placing = Placing(tmp_path / "result")
    placing.place("first")

    def at_once(desk: object, clip: str) -> int | None:
        def frames(start: object) -> object:
            for number, frame in enumerate(frames_of(clip, CLIPS[clip])(start)):  # type: ignore[arg-type]
                if number == 2:
                    goes(placing.folder)
                yield frame

        return desk.place_part(f"{clip}.record", head_of(clip), frames)  # type: ignore[attr-defined,no-any-return]

    monkeypatch.setattr(placing, "at_once", at_once)
    with pytest.raises(FolderGoneError, match="is gone"):
        placing.place("second")
