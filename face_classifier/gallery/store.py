"""What survives: the result folder, which people edit with their file manager.

Whose face it is = the folder in which its picture lies. Everything else about a face is a row beside it (`table`);
montages and the pickle are views (`derived`). Write order: picture durable, then row, then view. Nothing is removed
but views of what the user removed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial, wraps
from math import inf
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from face_classifier.core.config.flat import ORIGINALS_ENCODER, USUAL_ENCODER
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.durable import PRIVATE, Modes
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.supervise import supervised
from face_classifier.core.types import Box, Detection, Face, Frame, Match, Sighting
from face_classifier.gallery.again import KeptBefore
from face_classifier.gallery.check import Check
from face_classifier.gallery.derived.views import Views, old_encodings
from face_classifier.gallery.folder.ahead import NOT_AHEAD, Ahead
from face_classifier.gallery.folder.opened import FoldersChangedError, ResultFolder
from face_classifier.gallery.folder.scan import Entry
from face_classifier.gallery.keep import Keeper, Kept, face_picture, name_of
from face_classifier.gallery.look import Looker, LookResult, ReadPhoto
from face_classifier.gallery.passing.table import Tracks
from face_classifier.gallery.past.back import Past
from face_classifier.gallery.past.retention import Retention
from face_classifier.gallery.past.strangers import Strangers
from face_classifier.gallery.places import UNKNOWNS, is_excluded
from face_classifier.gallery.placing.placed import Placed
from face_classifier.gallery.reconcile import is_cut
from face_classifier.gallery.said.flags import Flags
from face_classifier.gallery.said.words import Words
from face_classifier.gallery.seen.room import TrackPictures
from face_classifier.gallery.seen.table import label_of
from face_classifier.gallery.table.row import Row
from face_classifier.gallery.table.whereabouts import Portrait
from face_classifier.gallery.thoughts.question import Answer, Question, Stamp
from face_classifier.vision.sface import is_sface

__all__ = ["FoldersChangedError", "Kept", "LookResult", "ReadPhoto", "Store", "at_once", "face_picture", "name_of"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def at_once(action: Callable[[], _T]) -> _T:
    """Do it, and let a DiskError pass."""
    return action()


def _until_done(method: Callable[Concatenate[Store, _P], _T]) -> Callable[Concatenate[Store, _P], _T]:
    """A method of a store that writes, tried again as the store was told to where the disk refuses something.

    So it raises DiskError, and what it has done by then is undone, or is what the next trial goes on with.
    """

    @wraps(method)
    def until_done(store: Store, /, *arguments: _P.args, **named: _P.kwargs) -> _T:
        def attempt() -> _T:
            try:
                return method(store, *arguments, **named)
            except DiskError:
                store.check_root()  # SQLite tells a folder that is gone as a disk that fails
                raise

        return attempt() if store.is_whole else store.until_done(attempt)

    return until_done


class Store:
    """A result folder, opened by one writing process or any number of reading ones.

    What writes raises DiskError where the disk refuses it, and FolderGoneError where the folder is there no more.
    ``folder``: its path; ``until_done``: as it was given; ``check``: what `verify` asks; ``past``: what happened, and
    the way back; ``strangers``: how many passed of whom nothing else is kept; ``retention``: what is kept for a while;
    ``words``: what the user says of faces; ``flags``: what the user marks; ``placed``: which records were placed;
    ``by_table``: every face as of `Looker.by_table`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        writing: bool,
        modes: Modes = PRIVATE,
        until_done: Callable[[Callable[[], Any]], Any] = at_once,
        ahead: Ahead = NOT_AHEAD,
    ) -> None:
        """Raises UserError if the folder cannot be used, or is being written by another process.

        ``modes``: of what is made in it; ``until_done``: does what it is given, again and again for as long as that
        raises DiskError; ``ahead``: lists what the first look will ask for.
        """
        self.folder, self.until_done = folder, until_done
        self._inside = ResultFolder(folder, modes, writing=writing)
        self._looker, self._keeper, self._views = Looker(self._inside, ahead), Keeper(self._inside), Views(self._inside)
        self._tracks = TrackPictures(self._inside, self._keeper)
        self.check, self.by_table = Check(self._inside, self._views), self._looker.by_table
        self.past, self.strangers = Past(self._inside, until_done), Strangers(self._inside, until_done)
        self.retention = Retention(self._inside, until_done)
        self.words, self.flags, self.placed = Words(self._inside), Flags(self._inside), Placed(self._inside)
        self.is_whole = False  # what is written is part of something that is done `all_or_nothing`

    def close(self) -> None:
        self._inside.close()

    @property
    def tracks(self) -> Tracks:
        """Who passed when."""
        return self._inside.tracks

    def people(self) -> set[str]:
        """The names of everybody who has, or had, a folder in it under that name."""
        return {name for name in self._inside.whereabouts.folders() if name != UNKNOWNS and not is_excluded(name)}

    def tell_socket(self, socket: str | None) -> None:
        """Tell in the lock file where this process takes commands, as `FolderLock.tell`."""
        self._inside.tell_socket(socket)

    def check_root(self) -> None:
        """Raise FolderGoneError unless the folder is still where it was opened."""
        self._inside.root.check()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """All that is written within becomes durable together, in a fraction of the time; after an error nothing does,
        and a look is to come next. Within, a disk that refuses something is not asked again. Raises DiskError.
        """
        self.is_whole = True
        try:
            with self._inside.all_or_nothing():
                yield
        except BaseException as error:
            self._looker.forget()
            if isinstance(error, DiskError):
                self.check_root()
            raise
        finally:
            self.is_whole = False

    def report(self, problem: str) -> None:
        """Have a sentence told by the next `problems`."""
        self._inside.report(problem)

    def problems(self) -> list[str]:
        """Sentences about what was left alone or set aside, each told once."""
        return self._inside.problems()

    # Looking: what the user made of the folder

    @_until_done
    def look(
        self, read_photo: ReadPhoto, *, confirmed: bool = False, touched: Collection[str] | None = None
    ) -> LookResult:
        """Every face as it is labelled now, and what the user did since the look before.

        Pictures without a row get one; rows whose picture is gone become `deleted`, or `missing` if many went at once.
        A store that is only read changes nothing on disk. Montages of people of whom no face is left go at once.

        Parameters
        ----------
        read_photo: reads a picture that has no row yet, or was edited.
        confirmed: the user confirms that what is missing is deleted.
        touched: the only folders (``Ann``, ``.rejected/Ann``) that changed on disk since the look before, where that is
            known; None: each is compared with the table by the names, sizes and times of its files.
        """
        looked = self._looker.look(read_photo, confirmed=confirmed, touched=touched)
        if self._inside.writing:
            self._views.remove_gone(looked.changed, looked.faces.hidden)
        return looked

    # Keeping: what the program adds

    @_until_done
    def first_start(self, fingerprint: str, start: datetime, step: float | None = None) -> datetime:
        """When a source began (UTC), as told when it was first seen: names and times stay as they were.

        ``step``: seconds between the frames that a run is about to analyse, which are remembered if it is the first to.
        """
        return self._inside.notes.first_start(fingerprint, start, step)

    def start_of(self, fingerprint: str) -> datetime | None:
        """When a source began (UTC), as told when it was first seen; None if it never was."""
        return self._inside.notes.start_of(fingerprint)

    def step_of(self, fingerprint: str) -> float | None:
        """How many seconds apart the frames lay with which a run first analysed a source; None if none did."""
        return self._inside.notes.step_of(fingerprint)

    def is_bridged(self, fingerprint: str) -> bool:
        """Whether the positions of a source that has a first start go on over jumps of its clock, as `Sampling` means.

        They do not where they were stored before that was so: the same frame has the same position ever after.
        """
        return self._inside.notes.is_bridged(fingerprint)

    def same(self, frame: Frame, boxes: Sequence[Box], but: Container[int] = ()) -> dict[int, Sighting | None]:
        """Which of the ``boxes`` in a frame are faces that the table has already; None: one that the user deleted.

        The same = same source content, position within half a frame, overlap of at least one half. ``boxes``: in
        pixels of the frame's image; ``but``: ids of faces that are left out. Raises FoldersChangedError if a picture is
        no longer where it was.
        """
        return self._keeper.same(frame, boxes, but)

    def forgotten(self, frame: Frame, boxes: Sequence[Box]) -> set[int]:
        """Which of the ``boxes`` in a frame, by number, are faces that were forgotten; as of `same`."""
        return self._keeper.forgotten(frame, boxes)

    def kept_before(self, fingerprint: str) -> KeptBefore:
        """Where faces of a source were kept, or deleted by the user, so far."""
        return KeptBefore(self.places_of_source(fingerprint))

    def places_of_source(self, fingerprint: str) -> list[tuple[float, int, Box]]:
        """Of each of these faces the position (seconds), the id, and the box in pixels of the original."""
        return self._inside.rows.places_of_source(fingerprint)

    @_until_done
    def discard(self, frame: Frame, detection: Detection) -> None:
        """Remember a face that is too poor to keep a picture of."""
        self._keeper.discard(frame, detection)

    @_until_done
    def keep(
        self,
        frame: Frame,
        face: Face,
        match: Match,
        order: int,
        track: int | None = None,
        *,
        picture: bytes | None = None,
        by_user: bool = False,
        most: int | None = None,
    ) -> Kept:
        """Put a face where ``match`` says, durably.

        A picture that lies in the folder already, from before its row was made, is given its row instead; if the user
        deleted that one, nothing is kept. Where its track has ``most`` pictures in its folder, the face is only
        remembered as `seen`, or another one is from then on; never one that the user moved or spoke of.

        Parameters
        ----------
        order: number of the face in its frame, from 0, left to right.
        track: the one that it belongs to.
        picture: the `face_picture`, where the frame has only that or nothing any more.
        by_user: it is the user who says whose face it is.
        most: how many pictures a track may have in one folder; None: any number.

        Raises
        ------
        FoldersChangedError if the folder or a partner is no longer where it was; DiskError, having kept nothing.
        """
        if most is None or track is None:
            return self._keeper.keep(frame, face, match, order, track, picture, by_user=by_user)
        return self._tracks.keep(frame, face, match, order, track, picture, most)

    def label_of(self, face: int) -> int | None:
        """The face (id) whose label a face has: its own, but for one that gave way; None if there is no such face."""
        row = self._inside.rows.find(face)
        label = row and label_of(self._inside.rows, row)
        return label.id if label else None

    @_until_done
    def move(self, faces: Sequence[int], person: str | None, *, new: bool = False) -> list[Sighting]:
        """Move faces (ids) that the program placed: to a person, to the unknown (None), or to a new person (``new``).

        A folder of the program's own naming that this empties is removed; its number is not given again.
        Raises FoldersChangedError if one of them is no longer where it was.
        """
        return self._keeper.move(faces, person, new=new)

    def portraits(self) -> list[Portrait]:
        """Of each person the number of faces and the picture of the best one, by name."""
        return self._inside.whereabouts.portraits()

    def read_picture(self, place: str) -> bytes | None:
        """The file of a picture in the folder; None if it is there no more."""
        try:
            return self._inside.root.read(place)
        except (OSError, UserError):
            return None

    def first_track(self) -> int:
        """A number from which tracks can be counted that no track has."""
        return self._inside.rows.last_track() + 1

    @_until_done
    def add_cannot_links(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Remember pairs of tracks that shared a frame: two faces in one frame are two people."""
        with self._inside.table.together():
            self._inside.notes.add_pairs(pairs)

    def prune_cannot_links(self, going_on: Container[int]) -> Iterator[None]:
        """Forget the pairs of which a track has no face any more, some at a step; ``going_on``: these may have some."""
        return self._inside.notes.prune_pairs(going_on)

    def cannot_links(self) -> list[tuple[int, int]]:
        """Every pair of tracks that shared a frame."""
        return self._inside.notes.pairs()

    # Encoders

    def spaces(self) -> set[str]:
        """The encoders (``Provenance.space``) that made the encodings of the faces."""
        return self._inside.rows.spaces()

    def pickled_encoder(self) -> str | None:
        """The encoder whose encodings the pickle has; None if it has none."""
        there = old_encodings(self._inside).values()
        return (USUAL_ENCODER if all(map(is_sface, there)) else ORIGINALS_ENCODER) if there else None

    def prepare(self, space: str, read_photo: ReadPhoto) -> list[Callable[[], None]]:
        """What is left to do, in any order, before all faces of the latest look can `switch` to another encoder.

        Each step encodes a picture with ``read_photo``, durably; what cannot be read is told, and left out.
        """
        return [partial(self._prepare, row, read_photo) for row in self._inside.encodings.not_prepared(space)]

    def _prepare(self, row: Row, read_photo: ReadPhoto) -> None:
        path = self.folder / row.place
        try:
            with supervised(path):
                face, _ = read_photo(path, is_cut(row, Entry(row.folder, row.file, row.size, row.mtime)))
        except SetUpError:
            raise
        except UserError as error:
            self.report(f"{error}; it is left alone")
        else:
            self._inside.encodings.prepare(row, face)

    def switch(self, space: str) -> None:
        """Go over to the encodings of another encoder, all at once; going back later brings the former ones back.

        Faces that were not prepared are encoded at the next look.
        """
        self._inside.encodings.switch(space)
        self._inside.rows.touch_all()

    # Views

    def draw_montages(self, folders: Collection[str] | None, hidden: Collection[int]) -> Iterator[None]:
        """Bring the montages of folders (None: of all) up to date with the table, one at a step; not the pickle.

        Where there are too many people, those that are there alone. ``hidden``: ids of faces whose pictures could not
        be seen. Raises DiskError; what is drawn by then stays.
        """
        return self._views.draw(folders, hidden)

    @_until_done
    def draw_montages_of(self, folder: str, hidden: Collection[int]) -> list[str]:
        """Bring those of a folder up to date, however many people there are; returns their files."""
        return self._views.draw_of(folder, hidden)

    @_until_done
    def write_views(self, folders: Collection[str] | None, hidden: Collection[int], within: float = inf) -> bool:
        """As `draw_montages`, and the pickle first; no montage is begun after ``within`` seconds.

        Returns whether all is done.
        """
        return self._views.write(folders, hidden, within)

    def tell_views_left_out(self) -> None:
        """Have the next `problems` tell which views are not made, since there are too many people or faces."""
        for sentence in self._views.left_out():
            self.report(sentence)

    # Thinking

    def question(self, settings: Settings, looked: LookResult) -> Question:
        """What second thoughts are to be asked of the faces as they are now; ``looked``: at the latest look."""
        inside = self._inside
        stamp = Stamp(inside.rows.lying, inside.notes.added, (tuple(looked.kept_apart), len(looked.excluded)))
        return Question(settings, frozenset(inside.listing.folders), looked.faces.hidden, looked.excluded, stamp)

    def answer(self, question: Question) -> Answer:
        """Have second thoughts of everything at once."""
        return question.answer(self._inside.table)

    def answer_beside(self, question: Question, check: Callable[[], None]) -> Answer:
        """The same in another thread, while this folder is written on; ``check``: raises what is to end it."""
        with self._inside.table.beside() as table:
            return question.answer(table, check)
