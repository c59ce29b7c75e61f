"""Forgets in indexes of photos what they remember of a person, or of one face, of a gallery."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.markers import ALBUM, kind_of
from face_classifier.core.errors import InUseError, UserError
from face_classifier.core.progress import Observer, Teller
from face_classifier.core.types import Box, Encoding, Sighting
from face_classifier.curate.ask import carry_out
from face_classifier.gallery.again import SAME
from face_classifier.gallery.opening import open_existing
from face_classifier.gallery.past.back import INDEX as KIND
from face_classifier.gallery.snapshot import Snapshot, people_of, take_snapshot
from face_classifier.identity.rules import profile_of
from face_classifier.photos.index import PhotoIndex


def note_index(settings: Settings, index: Path, observer: Observer) -> None:
    """Have a gallery remember that an index was used with it, unless it does, or cannot be written."""
    index = index.resolve()
    with open_existing(settings, writing=False) as store:
        known = (KIND, index) in store.past.uses()
    if not known:
        with suppress(UserError):  # it is only to be read
            try:
                with open_existing(settings, writing=True) as store:
                    store.past.note_use(KIND, index)
            except InUseError:
                carry_out(settings, "note use", {"kind": KIND, "path": os.fsencode(index)}, observer)


def forget_in_indexes(settings: Settings, what: str, observer: Teller) -> tuple[int, list[str]]:
    """Forget photos that show a person, or the face that is called ``what`` or has its picture there, in the indexes
    that were used with a gallery; the next time they are read, they are encoded anew.

    Returns how many photos, and sentences about indexes that cannot be used and albums that are left. Raises UserError.
    """
    with open_existing(settings, writing=False) as store:
        indexes = [path for kind, path in store.past.uses() if kind == KIND]
    if not indexes:
        return 0, []
    search = _Search(take_snapshot(settings, observer), what)
    count, left = 0, []
    for path in indexes:
        try:
            if not path.exists():
                raise UserError(f"the index {path} is away; remove it yourself, or what it remembers of them")
            with PhotoIndex(path, search.space) as index:
                meant = {face[0] for face in index.faces() if search.means(*face)}
                if meant:
                    index.forget(meant)
                    left += _in_album(path.parent)
                count += len(meant)
        except UserError as error:
            left.append(str(error))
    return count, left


def _in_album(folder: Path) -> list[str]:
    """A sentence about an album that shows photos of theirs, if the folder is one."""
    if kind_of(folder) != ALBUM:
        return []
    return [f"the album {folder} is left as it is; remove their folder, pictures and names there yourself"]


class _Search:
    """Tells whether a face of a photo is one of those that are to be forgotten."""

    def __init__(self, snapshot: Snapshot, what: str) -> None:
        self.space = profile_of(snapshot.settings).name
        faces: Sequence[Sighting] = [face for face in snapshot.faces if face.person == what]
        self._person = what if faces else None
        self._people = people_of(snapshot)
        faces = faces or [snapshot.faces[snapshot.number_of(what)]]
        self._places = [(face.fingerprint.rpartition("-")[2], face.box) for face in faces if face.fingerprint]

    def means(self, content: str, space: str, box: Box, encoding: Encoding) -> bool:
        """``content``: the photo's hash; ``box``: in pixels of the photo."""
        if any(content == digest and seen and box.overlap(seen) >= SAME for digest, seen in self._places):
            return True
        is_comparable = self._person is not None and space == self.space
        return is_comparable and self._people.decide(encoding, None).person == self._person
