"""How a result folder is opened: which folder may be one, with which settings, and what reads its new pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from face_classifier.core.config.flat import ORIGINALS_ENCODER, USUAL_ENCODER
from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.durable import MODES
from face_classifier.core.disk.markers import RESULT, is_empty, kind_of, refuse_place
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.types import Face, Sighting
from face_classifier.gallery.folder.ahead import listed_ahead
from face_classifier.gallery.store import ReadPhoto, Store
from face_classifier.identity.calibrate import FEWEST_PEOPLE, calibrated
from face_classifier.identity.profiles import of_gallery
from face_classifier.identity.rules import spread_of, threshold_of
from face_classifier.vision.engine import Engine, make_engine


def open_existing(settings: Settings, *, writing: bool) -> Store:
    """Opens an existing result folder. Raises UserError if there is none."""
    check_result_folder(Path(settings.result))
    return Store(Path(settings.result), writing=writing, modes=MODES[settings.mode])


@contextmanager
def open_to_look(settings: Settings, until_done: Callable[[Callable[[], Any]], Any]) -> Iterator[Store]:
    """A result folder to write to, of which all will be looked at next. Parameters and errors: as of `Store`."""
    folder = Path(settings.result)
    with (
        listed_ahead(folder) as ahead,
        Store(folder, writing=True, modes=MODES[settings.mode], until_done=until_done, ahead=ahead) as store,
    ):
        yield store


def check_result_folder(folder: Path) -> None:
    """Raise UserError unless it is a result folder: only a run and `enroll` make one, also of a folder of photos."""
    if not folder.is_dir():
        raise UserError(f"there is no result folder {folder}; name one with --result")
    refuse_place(folder, RESULT, "--result")
    if kind_of(folder) != RESULT:
        raise UserError(f"{folder} has no faces.sqlite, so it is not a result folder; name one with --result")


def check_place(settings: Settings) -> None:
    """Raise UserError unless a run may keep faces in its result folder, and its captures beside it.

    A folder that has anything in it and is not ours would become people, sorted anew and perhaps with names of files.
    """
    folder = Path(settings.result)
    if settings.capture:
        _refuse_overlap(folder, Path(settings.capture))
    refuse_place(folder, RESULT, "--result")
    if not settings.adopt and kind_of(folder) is None and not is_empty(folder):
        raise UserError(
            f"{folder} is not empty and not a result folder; name another one with --result, or add --adopt if its "
            "subfolders are people"
        )


def _refuse_overlap(result: Path, captures: Path) -> None:
    one, other = result.resolve(), captures.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UserError(
            f"the captures folder {captures} and the result folder {result} lie within each other, so captures would "
            "become a person; give another folder to --capture"
        )


def photo_reader_of(engine: Callable[[], Engine]) -> ReadPhoto:
    """How a store reads pictures that have no encoding yet. The box is in pixels of the whole picture."""

    def read(path: Path, own_cut: bool) -> tuple[Face, bool]:
        from face_classifier.sources.picture import decode  # a gallery without new pictures needs no formats

        photo = decode(path)
        face, found = engine().photo(photo.image, own_cut=own_cut)
        return replace(face, box=face.box.scaled(photo.scale)), found

    return read


def photo_reader(settings: Settings, tell: Callable[[str], None]) -> ReadPhoto:
    """Reads pictures with an engine that is made when the first one needs it, since that takes a second."""

    def engine() -> Engine:
        chosen = settings.engine, settings.detector, 1.0, tell, settings.encoder
        return make_engine(*chosen, precision=settings.precision)

    return photo_reader_of(cache(engine))


def encoder_of(settings: Settings, store: Store) -> str:
    """The encoder of a result folder: of the faces in it, else of the pickle that the original program left there; of
    a new one the encoder that the settings ask for, or the usual one. Raises UserError if it has several.
    """
    if own := of_gallery(store.spaces()):
        return own.encoder
    return store.pickled_encoder() or settings.asked_encoder or USUAL_ENCODER


def as_gallery(settings: Settings, store: Store) -> Settings:
    """The same settings with the encoder that a gallery belongs to; a command that only reads asks for no other."""
    own = encoder_of(settings, store)
    return replace(settings, encoder=own, engine=settings.engine if own == ORIGINALS_ENCODER else "fast")


def refuse_other_encoder(settings: Settings, store: Store) -> None:
    """Raise UserError if a result folder belongs to another encoder than the settings ask for."""
    own, wanted = encoder_of(settings, store), settings.asked_encoder
    if wanted in (None, own):
        return
    way = f"give --encoder {own}" if settings.encoder else "leave out --engine original"
    raise UserError(
        f"the result folder {store.folder} belongs to the encoder {own}, not {wanted}; {way}, or move it over with "
        f"`face-classifier reencode --encoder {wanted} --result {store.folder}`"
    )


def as_opened(
    settings: Settings, store: Store, observer: Teller, engine: Callable[[str], Engine] | None, *, analyses: bool
) -> tuple[Settings, ReadPhoto]:
    """The same settings as of this gallery, and what reads its new pictures.

    Parameters as of `Gallery.open`. Raises UserError where the gallery belongs to another encoder, or it cannot be had.
    """
    if engine is None:
        settings = as_gallery(settings, store)
        return settings, photo_reader(settings, observer.problem)
    refuse_other_encoder(settings, store)
    made = cache(partial(engine, encoder_of(settings, store)))
    if analyses:
        made()
    return as_gallery(settings, store), photo_reader_of(made)


def with_threshold(
    settings: Settings, faces: Sequence[Sighting], cannot_links: Iterable[tuple[int, int]], observer: Teller
) -> Settings:
    """The same settings with a number instead of the threshold "auto"."""
    if settings.threshold != "auto":
        return settings
    calibration = calibrated(faces, cannot_links, spread_of(settings))
    if calibration and calibration.people >= FEWEST_PEOPLE:
        return replace(settings, threshold=calibration.balanced().value)
    settings = replace(settings, threshold=None)
    observer.problem(
        f"the gallery {settings.result} is too small to tell a threshold, so the default {threshold_of(settings):g} is "
        "taken; give a number to --threshold for another"
    )
    return settings


def tell_problems(store: Store, observer: Teller) -> None:
    for sentence in store.problems():
        observer.problem(sentence)
