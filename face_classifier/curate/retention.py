"""What is kept for a while only: faces of nobody, captures, and who passed when, as ``keep`` of the configuration says.

Forgetting wins over retention, and retention over undoing: what is gone is not brought back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

from face_classifier.core.config.parts.cameras import Keep
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.beside import Beside, old_beside
from face_classifier.core.disk.retry import DiskError
from face_classifier.core.disk.tree import FolderGoneError
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.words import counted
from face_classifier.display.captures import Capture, CaptureFolder
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.past.back import RECORDS
from face_classifier.gallery.past.clock import Doubt
from face_classifier.gallery.past.retention import Unknown
from face_classifier.records.forgetting import forget_in_records

_MOST = 50  # faces, and captures, that are removed at a time: the owner of a gallery has other things to do
_COMMANDS_MOST = 5000
_EVERY, _SOON = 300.0, 2.0  # seconds between two looks at what is to be removed; the same if there is more of it
_BACK, _AHEAD = timedelta(hours=1), timedelta(days=366)  # by which the clock may differ where the user is there to ask
_NOTES = 1000  # captures whose notes are read at a time
_LONGEST = 1e9  # seconds: 30 years are as good as for ever
UNKNOWN, CAPTURES, TRACKS = "unknown", "captures", "tracks"  # keys of ``keep``


@dataclass(frozen=True)
class Limits:
    """How long what is kept."""

    common: Mapping[str, float | None]  # seconds by UNKNOWN, CAPTURES, TRACKS; None = for ever
    cameras: Mapping[str, Mapping[str, float | None]]  # the same by camera
    disk: int | None  # bytes that the result folder and the captures may have together; None = any number
    capture: str | None  # the folder of captures
    alerts: Sequence[str]  # files of alerts, whose pictures are kept as captures are

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Those of a configuration."""

        def plain(keep: Keep) -> dict[str, float | None]:
            return {UNKNOWN: keep.unknown, CAPTURES: keep.captures, TRACKS: keep.tracks}

        cameras = {name: plain(settings.keep_of(name)) for name in settings.cameras}
        files = [str(Path(channel.path).resolve()) for channel in settings.channels.values() if channel.type == "file"]
        return cls(plain(settings.keep), cameras, settings.keep.disk, settings.capture, files)

    def seconds(self, what: str, source: str | None) -> float | None:
        """How long something of a source is kept; None = for ever."""
        return self.cameras.get(source or "", self.common)[what]

    def before(self, what: str, now: datetime) -> list[tuple[float, datetime]]:
        """Each time that something is kept (seconds), and since when then."""
        times = {seconds for keep in (self.common, *self.cameras.values()) if (seconds := keep[what]) is not None}
        return [(seconds, now - timedelta(seconds=min(seconds, _LONGEST))) for seconds in sorted(times)]

    def __bool__(self) -> bool:
        """Whether anything is kept for a while only."""
        parts = (self.common, *self.cameras.values())
        return self.disk is not None or any(seconds is not None for part in parts for seconds in part.values())


@dataclass
class Removed:
    """What was removed, or with a dry run would be."""

    faces: int = 0  # of nobody
    captures: int = 0
    records: int = 0  # in which faces of nobody were
    tracks: int = 0
    freed: int = 0  # bytes
    over: int = 0  # bytes by which the disk budget is exceeded all the same
    more: bool = False  # there is more to be removed right now
    waits: str | None = None  # why nothing is removed for now, told once
    problems: list[str] = field(default_factory=list)

    def sentence(self) -> str | None:
        """For a log; None: there is nothing to tell."""
        parts = [f"{counted(self.faces, 'face')} of nobody"] if self.faces else []
        parts += [
            f"{number} {word}"
            for number, word in ((self.captures, "captures"), (self.tracks, "tracks"), (self.records, "records"))
            if number
        ]
        if not parts:
            return None
        *first, last = parts
        return f"{', '.join(first)}{' and ' * bool(first)}{last} removed, as keep says: {self.freed / 1e6:.1f} MB"


def retain(gallery: Gallery, settings: Settings, now: datetime, *, most: int = _MOST) -> Removed:
    """Remove what was kept for long enough, at most so much of it at a time; used by the owner of the gallery.

    Views show it no more after the next `Gallery.write_views`.

    Parameters
    ----------
    gallery: whose faces.
    settings: say how long what is kept, and where the captures are.
    now: aware.
    most: faces, and captures.

    Raises
    ------
    DiskError: the next call goes on with what was begun.
    """
    limits = Limits.of(settings)
    if not limits:
        return Removed()
    retention = gallery.store.retention
    if doubt := retention.clock.doubt(now, retention.newest):
        return Removed(waits=_why_wait(doubt, now) if doubt.is_new else None)
    return _Round(gallery, limits, now, most).remove()


class Retaining:
    """Removes what was kept for long enough every few minutes, and tells it; used by the owner of a gallery."""

    def __init__(self, settings: Callable[[], Settings], tell: Callable[[str], None]) -> None:
        """``settings``: as they are by then; ``tell``: is told in sentences what was removed."""
        self._settings, self._tell = settings, tell
        self._due = 0.0  # monotonic
        self._removed = Removed()  # since it was told
        self._told: set[str] = set()
        self._is_over = False  # the disk budget is exceeded, which was told

    def look(self, gallery: Gallery) -> None:
        """Do the next part if it is time; to be called often."""
        if monotonic() < self._due:
            return
        self._due = monotonic() + _EVERY
        try:
            done = retain(gallery, self._settings(), datetime.now(timezone.utc))
        except (DiskError, FolderGoneError):
            return  # which is told by whoever writes next
        except OSError as error:  # such as of a disk with captures that stumbles
            done = Removed(
                problems=[f"what keep says has to wait ({error.strerror or type(error).__name__}); check the disks"]
            )
        for sentence in (done.waits, *done.problems):
            if sentence and sentence not in self._told:
                self._told.add(sentence)
                self._tell(sentence)
        self._add(done)
        if done.more:
            self._due = monotonic() + _SOON
        elif sentence := self._removed.sentence():
            self._tell(sentence)
            self._removed = Removed()
        if not done.more:
            if done.over and not self._is_over:
                self._tell(over_sentence(done.over))
            self._is_over = done.over > 0

    def _add(self, done: Removed) -> None:
        for name in ("faces", "captures", "tracks", "records", "freed"):
            setattr(self._removed, name, getattr(self._removed, name) + getattr(done, name))


def over_sentence(over: int) -> str:
    return f"the disk budget is still exceeded by {over / 1e6:.1f} MB: people's faces stay"


def _why_wait(doubt: Doubt, now: datetime) -> str:
    return (
        f"nothing is removed before {_local(doubt.until)}: the clock shows {_local(now)}, and showed "
        f"{_local(doubt.believed)} at the last look"
    )


def _local(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M}"


class _Round:
    """One look at what is to be removed."""

    def __init__(self, gallery: Gallery, limits: Limits, now: datetime, most: int | None, *, dry: bool = False) -> None:
        """``most``: faces, and captures, that are removed; None: all."""
        self._gallery, self._limits, self._now, self._most, self._dry = gallery, limits, now, most, dry
        self._retention = gallery.store.retention
        self._removed = Removed()
        self._faces: dict[int, Unknown] = {}
        self._captures: dict[str, Capture] = {}
        self._beside: dict[Path, Beside] = {}

    def remove(self) -> Removed:
        removed = self._removed
        with ExitStack() as stack:
            folder = self._open_captures(stack)
            if folder:
                self._take_captures(self._old(folder))
            self._take_faces(self._old_faces())
            if self._limits.disk is not None:
                self._make_room(self._limits.disk, folder)
            self._take_beside()
            removed.faces, removed.captures = len(self._faces), len(self._captures) + len(self._beside)
            removed.freed = self._size() + sum(one.size for one in self._beside.values())
            removed.more = self._most in (len(self._faces), len(self._captures), len(self._beside))
            removed.tracks = self._tracks()
            if not self._dry:
                self._carry_out(folder)
        return removed

    def _carry_out(self, folder: CaptureFolder | None) -> None:
        if folder:
            try:
                folder.remove(self._captures.values())
            except OSError as error:
                self._removed.problems.append(f"captures in {self._limits.capture} stay ({error.strerror})")
                self._removed.captures, self._removed.more = len(self._beside), False
        for path in self._beside:
            with suppress(OSError):
                path.unlink()
        if self._faces:
            self._remove_from_records(list(self._faces))
            self._remove_faces(list(self._faces))
        if self._faces or self._removed.tracks:
            self._retention.erase()

    def _remove_faces(self, faces: Collection[int]) -> None:
        """Whoever decides next knows no more of them, either: a look would cost more the more are unknown."""
        gallery = self._gallery
        found = [face for face in map(gallery.faces.get, faces) if face and face.encoding is not None]
        self._retention.remove(faces)
        for face in found:
            gallery.people.remove(face)  # with its whole track
        gallery.people.add_all(self._retention.mates(sorted({face.track for face in found if face.track is not None})))

    def _remove_from_records(self, faces: Collection[int]) -> None:
        """Remove the records in which these faces are, too: before the gallery knows no more where those lie."""
        past = self._gallery.store.past
        folders = [path for kind, path in past.uses() if kind == RECORDS]
        found = [self._gallery.faces.get(face) for face in faces] if folders else []
        places = [(face.fingerprint, face.position) for face in found if face]
        for folder in folders:
            try:
                self._removed.records += forget_in_records(folder, places)
            except (OSError, UserError) as error:
                why = f"the records in {folder} cannot be searched ({error}); search them yourself"
                self._removed.problems.append(why)

    def _size(self) -> int:
        return sum(face.size for face in self._faces.values()) + sum(one.size for one in self._captures.values())

    # Faces

    def _take_faces(self, faces: Iterator[Unknown]) -> None:
        new = (face for face in faces if face.id not in self._faces)
        self._faces |= {face.id: face for face in islice(new, self._left(self._faces))}

    def _left(self, taken: Mapping[Any, Any]) -> int | None:
        return None if self._most is None else self._most - len(taken)

    def _old_faces(self) -> Iterator[Unknown]:
        for seconds, before in self._limits.before(UNKNOWN, self._now):
            for face in self._retention.unknown(before):
                if self._limits.seconds(UNKNOWN, face.source) == seconds:
                    yield face

    # Captures

    def _open_captures(self, stack: ExitStack) -> CaptureFolder | None:
        path = self._limits.capture
        if path is None or not Path(path).is_dir():
            return None
        try:
            return stack.enter_context(CaptureFolder(Path(path)))
        except (OSError, UserError) as error:
            self._note_captures(error)
            return None

    def _lying(self, folder: CaptureFolder, before: datetime | None = None) -> list[Capture]:
        """As `CaptureFolder.captures`; of a disk that stumbles none: what else is to go must not wait for it."""
        try:
            return folder.captures(before)
        except OSError as error:
            self._note_captures(error)
            return []

    def _note_captures(self, error: Exception) -> None:
        path = self._limits.capture
        self._removed.problems.append(f"the captures in {path} cannot be searched ({error}); search them yourself")

    def _take_captures(self, captures: Iterator[Capture]) -> None:
        new = (capture for capture in captures if capture.name not in self._captures)
        self._captures |= {capture.name: capture for capture in islice(new, self._left(self._captures))}

    def _old(self, folder: CaptureFolder) -> Iterator[Capture]:
        """Captures that were kept for long enough; of very many, others are asked for their camera each time."""
        times = self._limits.before(CAPTURES, self._now)
        if not times:
            return
        old = self._lying(folder, times[0][1])
        if len(old) > _NOTES and not self._dry:
            first = int(self._now.timestamp() // _EVERY) * _NOTES % len(old)
            old = [*old[first:], *old[:first]][:_NOTES]
        for capture in old:
            is_ours, camera = folder.origin(capture)
            seconds = self._limits.seconds(CAPTURES, camera)
            if is_ours and seconds is not None and capture.made < self._now.timestamp() - seconds:
                yield capture

    # Pictures of alerts

    def _take_beside(self) -> None:
        def before(camera: str) -> float | None:
            seconds = self._limits.seconds(CAPTURES, camera)
            return None if seconds is None else self._now.timestamp() - seconds

        old = old_beside(map(Path, self._limits.alerts), before)
        self._beside = {one.path: one for one in islice(old, self._left(self._beside))}

    # Tracks

    def _tracks(self) -> int:
        tracks, removed = self._gallery.store.tracks, 0
        for source in tracks.live_sources() if self._limits.before(TRACKS, self._now) else ():
            seconds = self._limits.seconds(TRACKS, source)
            if seconds is not None:
                before = self._now - timedelta(seconds=seconds)
                removed += tracks.old(before, source) if self._dry else tracks.remove_tracks(before, source)
        return removed

    # The disk

    def _make_room(self, disk: int, folder: CaptureFolder | None) -> None:
        """Take the oldest captures, then the oldest faces of nobody, until what is left is no more than the budget."""
        captures = self._lying(folder) if folder else []
        weight = self._retention.weight() + sum(capture.size for capture in captures)

        def over() -> int:
            return weight - self._size() - disk

        if folder:
            for capture in captures:
                if over() <= 0 or self._left(self._captures) == 0:
                    break
                if capture.name not in self._captures and folder.origin(capture)[0]:
                    self._captures[capture.name] = capture
        if over() > 0 and self._left(self._captures) != 0:
            for face in self._retention.unknown(self._now):
                if over() <= 0 or self._left(self._faces) == 0:
                    break
                self._faces[face.id] = face
        self._removed.over = max(0, over())


# The command


def arguments_of(settings: Settings, *, confirmed: bool, dry_run: bool) -> dict[str, Any]:
    """What `retain_now` is asked with. ``confirmed``: the user says that the clock is right."""
    return {**vars(Limits.of(settings)), "confirmed": confirmed, "dry_run": dry_run}


def lines(answer: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    """What `retain_now` answered in all, in words."""
    counts = f"{counted(answer['faces'], 'face')} of nobody, {counted(answer['captures'], 'capture')}, "
    counts += counted(answer["tracks"], "track")
    if answer["records"]:
        counts += f", {counted(answer['records'], 'record')}"
    yield f"{counts} {'would be' if dry_run else 'were'} removed: {answer['freed'] / 1e6:.1f} MB"
    if answer["over"]:
        yield over_sentence(answer["over"])
    yield from answer["problems"]


def retain_now(gallery: Gallery, arguments: dict[str, Any], _observer: Teller) -> dict[str, Any]:
    """As `retain`, for a user who waits for it: asked again as long as there is ``more``.

    Raises UserError where the clock cannot be believed.
    """
    limits = Limits(*(arguments[name] for name in ("common", "cameras", "disk", "capture", "alerts")))
    now, retention = datetime.now(timezone.utc), gallery.store.retention
    if arguments["dry_run"]:
        return vars(_Round(gallery, limits, now, None, dry=True).remove())
    last = retention.clock.believed() or retention.newest() or now
    if not (arguments["confirmed"] or last - _BACK <= now <= last + _AHEAD):
        raise UserError(
            f"the clock shows {_local(now)}, but the latest that is known here is of {_local(last)}; set the clock, or "
            "give --yes if it is right"
        )
    retention.clock.believe(now)
    return vars(_Round(gallery, limits, now, _COMMANDS_MOST).remove())
