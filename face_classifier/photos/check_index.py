"""Checks an index of photos, and forgets what is wrong in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from face_classifier.core.disk.files import content_hash
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Observer
from face_classifier.core.supervise import supervised
from face_classifier.curate.checks.findings import Inspection, Verified
from face_classifier.photos.index import INDEX, PhotoIndex

PHOTOS = "photos"


def verify_index(file: str, observer: Observer, *, dry_run: bool = False) -> Verified:
    """Check an index of photos, a file or the folder that it is in; what is wrong is forgotten, and so encoded anew.

    Photos that are gone or were changed are no fault: an index stands for photos that are away, and whoever reads the
    others reads them anew. ``dry_run``: change nothing.
    """
    path = Path(file) / INDEX if Path(file).is_dir() else Path(file)
    found = Inspection(checked={PHOTOS: 0})
    try:
        if not (path.is_file() and path.stat().st_size):
            raise UserError(f"there is no index {path}; name a gallery, the folder of a group, or their index")
        with supervised(path), PhotoIndex(path, "") as index:
            wrong = _check_index(index, path, observer, found)
            repaired = not dry_run and wrong is not None
            if repaired and wrong:
                index.forget(wrong)
    except UserError as error:
        found.find(PHOTOS, path, str(error))
        return Verified(found.checked, found.findings, [])
    if wrong is None and not dry_run:
        with Root(path.parent) as root:
            aside = root.free(f"{path.name}.damaged")
            root.rename(path.name, aside)
        found.notes.append(f"{path} was set aside as {aside}; a new one is made when its photos are read")
        repaired = True
    return Verified(
        found.checked, [replace(one, repaired=None if dry_run else repaired) for one in found.findings], found.notes
    )


def _check_index(index: PhotoIndex, path: Path, observer: Observer, found: Inspection) -> set[str] | None:
    """The contents of the photos of which something is wrong; None where it is the file as a whole."""
    if damage := index.damage():
        found.find(PHOTOS, path, f"the file is damaged ({damage})")
        return None
    stamps = index.stamps()
    found.checked[PHOTOS] = len(stamps)
    name_of = {stamp.content: name for name, stamp in stamps.items()}
    wrong = dict(index.faults())
    changed = gone = 0
    for name, stamp in observer.through(list(stamps.items()), "photos"):
        # Names are paths in the folder of the gallery, or as they were given to `group`.
        photo = next((one for one in (path.parent / name, Path(name)) if one.is_file()), None)
        if photo is None:
            gone += 1
        elif not stamp.fits(photo.stat()):
            changed += 1
        elif content_hash(photo) != stamp.content:
            wrong.setdefault(stamp.content, "its content differs, though size and time are the same")
    for content, reason in wrong.items():
        found.find(PHOTOS, name_of.get(content, content), reason)
    if gone or changed:
        found.notes.append(f"{path}: of {len(stamps)} photos {changed} were changed since, and {gone} are not there")
    return set(wrong)
