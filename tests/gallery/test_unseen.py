"""What cannot be looked at is unseen, and never taken for deleted by the user."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import Ended, Gallery, need_tool, rows_of
from gallery.encodings.side_file import to_version_3

from face_classifier.core.errors import UserError
from face_classifier.core.types import Emotion, Face, Frame, Image, Match
from face_classifier.gallery import look
from face_classifier.gallery.store import Store
from face_classifier.gallery.table import schema
from face_classifier.pipeline.place import Session
from face_classifier.vision.engine import Engine

OBAMA, OBAMA_AGAIN, BIDEN = "obama.jpg", "obama2.jpg", "biden.jpg"
HAPPY = Emotion((0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0), "fer")
MOST, FEW = 20, 10  # faces of Barack and Joe

Command = Callable[..., Ended]


def states_of(gallery: Gallery) -> list[str]:
    return [row.state for row in rows_of(gallery)]


def moves_of(gallery: Gallery) -> list[str]:
    database = sqlite3.connect(gallery.folder / "faces.sqlite")
    try:
        return [kind for (kind,) in database.execute("SELECT kind FROM changes WHERE kind <> 'follow'")]
    finally:
        database.close()


def encodings_of(gallery: Gallery) -> list[bytes | None]:
    return [None if row.encoding is None else row.encoding.tobytes() for row in rows_of(gallery)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, portraits: dict[str, Image], faces: dict[str, Face]) -> Path:
    """Barack has twenty faces, each with an emotion, and Joe ten."""
    folder = tmp_path_factory.mktemp("many") / "result"
    begun = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    with Store(folder, writing=True) as store:
        store.look(lambda path, own_cut: pytest.fail(str(path)))
        for name in ("Barack", "Joe"):
            (folder / name).mkdir()
        for second in range(MOST + FEW):
            name, person = (OBAMA, "Barack") if second < MOST else (BIDEN, "Joe")
            face = Face(faces[name].box, faces[name].encoding, faces[name].made_by, faces[name].quality, HAPPY)
            frame = Frame(
                portraits[name], "clip.mp4", "clip", second, float(second), 0.5, begun + timedelta(seconds=second)
            )
            store.keep(frame, face, Match(person), 0)
        store.write_views(None, store.look(lambda path, own_cut: pytest.fail(str(path))).faces.hidden)
    return folder


@pytest.fixture
def many(made: Path, gallery: Gallery) -> Gallery:
    shutil.copytree(made, gallery.folder)
    gallery.look()
    return gallery


@pytest.fixture
def away(many: Gallery, tmp_path: Path) -> Path:
    """Where Barack's folder is, which is not in the result folder any more, as the program has seen."""
    shutil.move(many.folder / "Barack", tmp_path / "away")
    many.look()
    return tmp_path / "away"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Sets the clock of the store ahead."""

    def set_ahead(by: timedelta) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: object = None) -> datetime:
                return datetime.now(timezone.utc) + by

        monkeypatch.setattr(look, "datetime", Clock)

    return set_ahead


class TestWhatCannotBeLookedAt:
    """The rows of ten faces, too few to be missing, stay as they are."""

    @pytest.fixture
    def stocked(self, many: Gallery) -> Iterator[Gallery]:
        before = encodings_of(many)
        yield many
        assert encodings_of(many) == before
        assert states_of(many) == ["kept"] * len(before)
        assert moves_of(many) == []

    def test_a_folder_whose_name_is_no_utf8(self, stocked: Gallery, command: Command) -> None:
        strange = os.fsdecode(os.fsencode(stocked.folder) + b"/Jos\xe9")
        try:
            (stocked.folder / "Joe").rename(strange)
        except OSError:
            pytest.skip("this file system admits UTF-8 names only")
        assert "not UTF-8" in command("rethink", "--result", stocked.folder).err
        Path(strange).rename(stocked.folder / "Joe")
        stocked.look()

    def test_a_picture_whose_name_is_no_utf8(self, stocked: Gallery) -> None:
        picture = min((stocked.folder / "Joe").iterdir())
        strange = os.fsdecode(os.fsencode(stocked.folder) + b"/Joe/caf\xe9.png")
        try:
            picture.rename(strange)
        except OSError:
            pytest.skip("this file system admits UTF-8 names only")
        assert len(stocked.look()) == MOST + FEW - 1

    def test_a_folder_that_a_link_has_replaced(self, stocked: Gallery, tmp_path: Path, command: Command) -> None:
        shutil.move(stocked.folder / "Joe", tmp_path / "bigger disk")
        (stocked.folder / "Joe").symlink_to(tmp_path / "bigger disk")
        assert "Joe is a link" in command("rethink", "--result", stocked.folder).err

    def test_pictures_that_links_have_replaced(self, stocked: Gallery, tmp_path: Path) -> None:
        for picture in list((stocked.folder / "Joe").iterdir()):
            shutil.move(picture, tmp_path / picture.name)
            picture.symlink_to(tmp_path / picture.name)
        assert len(stocked.look()) == MOST

    def test_a_folder_moved_into_another(self, stocked: Gallery) -> None:
        (stocked.folder / "Family").mkdir()
        (stocked.folder / "Joe").rename(stocked.folder / "Family" / "Joe")
        assert len(stocked.look()) == MOST

    @pytest.mark.parametrize("when", ["when=1+", "when=2+"])  # from the start, or when a part has been listed
    def test_a_folder_that_lists_only_in_part(self, stocked: Gallery, when: str) -> None:
        done = stumbling("getdents64", when, stocked.folder / "Joe", "rethink", "--result", stocked.folder)
        assert "Joe cannot be read (Input/output error)" in done.stderr
        assert done.returncode == 0

    def test_a_result_folder_that_cannot_be_listed(self, stocked: Gallery) -> None:
        done = stumbling("getdents64", "when=1+", stocked.folder, "rethink", "--result", stocked.folder)
        assert "cannot be read (Input/output error)" in done.stderr
        assert done.returncode == 1

    def test_a_folder_that_stumbles_once_is_read(self, stocked: Gallery) -> None:
        done = stumbling("getdents64", "when=1", stocked.folder / "Joe", "export", "--result", stocked.folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) == MOST + FEW

    def test_a_picture_that_stumbles_once_is_read(self, stocked: Gallery) -> None:
        picture = min((stocked.folder / "Joe").iterdir())
        picture.touch()  # not known by its time any more, so it has to be read
        done = stumbling("read", "when=1", picture, "export", "--result", stocked.folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) == MOST + FEW

    def test_a_renamed_picture_that_cannot_be_read(self, stocked: Gallery) -> None:
        picture = min((stocked.folder / "Joe").iterdir())
        renamed = picture.rename(picture.with_name("the president.png"))
        done = stumbling("read", "when=1+", renamed, "rethink", "--result", stocked.folder)
        assert "the president.png cannot be read (Input/output error)" in done.stderr


def stumbling(call: str, when: str, path: Path, *line: object) -> subprocess.CompletedProcess[str]:
    """Run a command while reading of one file or folder fails as on a bad disk. ``when``: which of the calls do."""
    trace = [need_tool("strace", "strace"), "-f", "-qq", "-o", os.devnull, "-P", str(path.resolve())]
    trace += ["-e", f"inject={call}:error=EIO:{when}", sys.executable, "-m", "face_classifier"]
    return subprocess.run([*trace, *map(str, line)], capture_output=True, text=True, check=False)


class TestATableThatStumbles:
    def test_is_read_when_it_can_be_again(self, many: Gallery) -> None:
        table = many.folder / "faces.sqlite"
        done = stumbling("pread64", "when=1", table, "rethink", "--result", many.folder)
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize("command", ["rethink", "verify"])
    @pytest.mark.parametrize("when", ["when=1+", "when=4+"])  # at once, or when its pages are checked
    def test_is_never_set_aside(self, many: Gallery, when: str, command: str) -> None:
        table = many.folder / "faces.sqlite"
        before = table.read_bytes()
        done = stumbling("pread64", when, table, command, "--result", many.folder)
        assert done.returncode == 1
        assert "disk I/O error" in done.stdout + done.stderr
        assert not list(many.folder.glob("*.damaged*"))
        assert table.read_bytes() == before
        assert many.look(writing=False)


class TestAnotherFolderInThePlaceOfTheOpenedOne:
    """As where a disk is taken away, and its empty mount point is what is left."""

    @pytest.fixture
    def replaced(self, many: Gallery, tmp_path: Path) -> Iterator[tuple[Store, Path]]:
        with Store(many.folder, writing=True) as store:
            store.look(many.read_photo)
            before = encodings_of(many)
            moved = many.folder.rename(tmp_path / "moved")
            many.folder.mkdir()
            yield store, moved
            assert list(many.folder.iterdir()) == []
            many.folder.rmdir()
            moved.rename(many.folder)
        assert encodings_of(many) == before
        assert states_of(many) == ["kept"] * len(before)

    def test_is_not_looked_at(self, replaced: tuple[Store, Path], many: Gallery) -> None:
        with pytest.raises(UserError, match="another one is in its place"):
            replaced[0].look(many.read_photo)

    def test_is_not_written(
        self, replaced: tuple[Store, Path], frame: Callable[..., Frame], faces: dict[str, Face]
    ) -> None:
        store, moved = replaced
        before = sorted(moved.rglob("*"))
        for write in (
            lambda: store.keep(frame(OBAMA, 99), faces[OBAMA], Match(), 0),
            lambda: store.move([1], None),
            lambda: store.words.join([1], "Joe"),
            lambda: store.words.exclude([1]),
            lambda: store.write_views(None, ()),
        ):
            with pytest.raises(UserError, match="another one is in its place"):
                write()
        assert sorted(moved.rglob("*")) == before

    def test_ends_a_run_and_what_was_kept_is_intact(
        self, tmp_path: Path, short_clip: Path, command: Command, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        result, moved = tmp_path / "result", tmp_path / "moved"
        place = Session.place

        def replace_after_the_first(self: Session, *arguments: object) -> object:
            placed = place(self, *arguments)
            if not moved.exists():
                result.rename(moved)
                result.mkdir()
            return placed

        monkeypatch.setattr(Session, "place", replace_after_the_first)
        ended = command(short_clip, short_clip, "--result", result)
        monkeypatch.undo()
        assert ended.code == 1
        assert ended.err.count("another one is in its place") == 1
        assert list(result.iterdir()) == []
        result.rmdir()
        moved.rename(result)
        assert command(short_clip, "--result", result).code == 0
        assert len(command("export", "--result", result).out.splitlines()) == 4


class TestFacesThatWentAtOnce:
    def test_are_missing_and_keep_what_is_known_of_them(self, many: Gallery, away: Path) -> None:
        assert states_of(many) == ["missing"] * MOST + ["kept"] * FEW
        assert all(row.encoding is not None and row.emotion and row.missing for row in rows_of(many)[:MOST])
        assert moves_of(many) == []
        (problem,) = many.problems
        assert "20 faces" in problem
        assert "verify --yes" in problem

    def test_count_nowhere(self, many: Gallery, away: Path, command: Command) -> None:
        assert len(command("export", "--result", many.folder).out.splitlines()) == FEW
        for line in (["people"], ["suggest"], ["audit"]):
            assert "Barack" not in command(*line, "--result", many.folder).out
        assert {path.name for path in many.folder.glob("montage.*")} == {"montage.Joe-00.png"}
        assert "20 faces" in command("people", "--result", many.folder).err

    def test_return_with_their_pictures(self, many: Gallery, away: Path) -> None:
        before = encodings_of(many)
        shutil.move(away, many.folder / "Barack")
        assert len(many.look()) == MOST + FEW
        assert many.problems == []
        assert encodings_of(many) == before
        assert states_of(many) == ["kept"] * (MOST + FEW)
        assert rows_of(many)[0].emotion == HAPPY
        assert not any(row.missing for row in rows_of(many))
        assert moves_of(many) == []
        assert (many.folder / "montage.Barack-00.png").exists()

    def test_that_return_in_another_folder_were_moved(self, many: Gallery, away: Path) -> None:
        for picture in away.iterdir():
            many.move(picture, "Joe")
        many.look()
        assert moves_of(many) == ["move"] * MOST
        assert set(many.labels().values()) == {"Joe"}

    def test_do_not_come_back_when_the_clip_is_run_again(
        self, many: Gallery, away: Path, engine: Engine, portraits: dict[str, Image]
    ) -> None:
        before = many.pictures()
        assert many.see(*[OBAMA] * 4) == []
        assert many.pictures() == before

    def test_are_deleted_when_the_user_says_so(self, many: Gallery, away: Path, command: Command) -> None:
        told = command("verify", "--result", many.folder)
        assert (told.code, states_of(many)[0]) == (0, "missing")
        assert "20 faces" in told.out
        assert "verify --yes" in told.out
        told = command("verify", "--yes", "--result", many.folder)
        assert told.code == 0
        assert "20 faces that were missing are deleted now" in told.out
        assert states_of(many) == ["deleted"] * MOST + ["kept"] * FEW
        assert encodings_of(many)[:MOST] == [None] * MOST
        assert moves_of(many) == ["delete"] * MOST

    def test_are_deleted_at_once_when_the_user_says_so_beforehand(self, many: Gallery, command: Command) -> None:
        shutil.rmtree(many.folder / "Barack")
        assert command("verify", "--yes", "--result", many.folder, "--json").code == 0
        assert states_of(many) == ["deleted"] * MOST + ["kept"] * FEW

    def test_are_not_deleted_while_something_cannot_be_looked_at(
        self, many: Gallery, away: Path, command: Command
    ) -> None:
        away.rename(os.fsdecode(os.fsencode(many.folder) + b"/B\xe4rack"))
        command("verify", "--yes", "--result", many.folder)
        assert states_of(many) == ["missing"] * MOST + ["kept"] * FEW

    def test_are_deleted_at_a_start_a_day_later(
        self, many: Gallery, away: Path, later: Callable[[timedelta], None]
    ) -> None:
        later(timedelta(hours=23))
        many.look()
        assert states_of(many)[0] == "missing"
        later(timedelta(hours=25))
        many.look(writing=False)
        assert states_of(many)[0] == "missing"
        many.look()
        assert states_of(many) == ["deleted"] * MOST + ["kept"] * FEW

    def test_are_not_deleted_by_a_run_that_began_before(
        self, many: Gallery, away: Path, later: Callable[[timedelta], None]
    ) -> None:
        with Store(many.folder, writing=True) as store:
            later(timedelta(hours=25))
            store.look(many.read_photo)
        assert states_of(many)[0] == "missing"

    def test_wait_anew_in_a_copy_of_the_folder(
        self, many: Gallery, away: Path, later: Callable[[timedelta], None], tmp_path: Path
    ) -> None:
        many.folder.rename(tmp_path / "original")
        shutil.copytree(tmp_path / "original", many.folder)
        later(timedelta(hours=25))
        many.look()
        assert states_of(many)[0] == "missing"
        later(timedelta(hours=50))
        many.look()
        assert states_of(many)[0] == "deleted"

    def test_keep_what_they_have_over_another_encoder(self, many: Gallery, away: Path, command: Command) -> None:
        before = encodings_of(many)[:MOST]
        for encoder in ("dlib", "sface"):
            assert command("reencode", "--encoder", encoder, "--result", many.folder).code == 0
        assert encodings_of(many)[:MOST] == before

    def test_fewer_are_deleted(self, many: Gallery) -> None:
        """A third of thirty are ten; but twenty it has to be."""
        for picture in sorted((many.folder / "Barack").iterdir())[: MOST - 1]:
            picture.unlink()
        many.look()
        assert states_of(many) == ["deleted"] * (MOST - 1) + ["kept"] * (FEW + 1)


class TestATableOfAnEarlierVersion:
    @pytest.fixture(params=[1, 2])
    def old(self, many: Gallery, request: pytest.FixtureRequest) -> Gallery:
        """The same faces as an earlier version kept them."""
        to_version_3(many.folder)
        later = 3 - request.param  # versions, each of which brought a state and a column
        database = sqlite3.connect(many.folder / "faces.sqlite")
        ((form,),) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'faces'").fetchall()
        columns = ", ".join(
            f'"{name}"' for _, name, *_ in database.execute("PRAGMA table_info(faces)").fetchall()[:-later]
        )
        for state in ("seen", "missing")[:later]:
            form = form.rpartition(",")[0].replace(f", '{state}'", "") + ")"
        database.executescript(
            f"ALTER TABLE faces RENAME TO newer; {form}; "
            f"INSERT INTO faces SELECT {columns} FROM newer; DROP TABLE newer; "
            "CREATE INDEX faces_track ON faces (track); PRAGMA journal_mode = DELETE; "
            f"PRAGMA user_version = {request.param};"
        )
        database.close()
        return many

    def test_is_read_without_a_change(self, old: Gallery) -> None:
        before = (old.folder / "faces.sqlite").read_bytes()
        assert len(old.look(writing=False)) == MOST + FEW
        assert (old.folder / "faces.sqlite").read_bytes() == before

    def test_is_taken_over_with_all_that_it_holds(self, old: Gallery, made: Path) -> None:
        assert len(old.look()) == MOST + FEW
        database = sqlite3.connect(old.folder / "faces.sqlite")
        reference = sqlite3.connect(made / "faces.sqlite")
        try:
            for statement in (
                "PRAGMA user_version",
                "SELECT * FROM faces",
                "SELECT name FROM sqlite_master ORDER BY name",
            ):
                assert database.execute(statement).fetchall() == reference.execute(statement).fetchall()
        finally:
            database.close()
            reference.close()

    def test_is_saved_when_it_is_damaged(self, old: Gallery, command: Command) -> None:
        path = old.folder / "faces.sqlite"
        before = encodings_of(old)
        content = bytearray(path.read_bytes())
        content[-4096:] = os.urandom(4096)
        path.write_bytes(content)
        assert command("verify", "--result", old.folder).code == 0
        assert sum(encoding in before for encoding in encodings_of(old)) >= MOST
        assert sum(row.emotion == HAPPY for row in rows_of(old)) >= MOST

    def test_is_refused_by_an_earlier_version(self, many: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(schema, "VERSION", 2)
        with pytest.raises(UserError, match="newer version"):
            Store(many.folder, writing=True)
