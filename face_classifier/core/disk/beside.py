"""Pictures that lie beside a log of alerts: ``alerts.jsonl.pictures/CAMERA/ID.jpg``, as its lines name them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from face_classifier.core.disk.durable import PRIVATE
from face_classifier.core.disk.rooted import Root
from face_classifier.core.disk.tree import is_component

_PICTURE = ".jpg"


class Beside(NamedTuple):
    """A picture that lies beside a log."""

    path: Path
    size: int  # bytes


def keep_beside(log: Path, camera: str, name: str, picture: bytes) -> str:
    """Write a picture (0600, folders 0700); one of the same name is replaced. Raises OSError, UserError.

    Parameters
    ----------
    log : beside which it lies
    camera : that it is of
    name : of the picture, of any signs
    picture : JPEG

    Returns
    -------
    Its path from the folder of the log.
    """
    folder, file = camera if is_component(camera) else "_", f"{re.sub('[^a-zA-Z0-9_-]', '_', name)}{_PICTURE}"
    above = _folder_of(log)
    for path in (above, above / folder):
        Root.made(path, PRIVATE).close()
    with Root(above, PRIVATE) as root:
        root.write(f"{folder}/{file}", picture, durable=False)
    return f"{above.name}/{folder}/{file}"


def remove_beside(log: Path, place: str) -> None:
    """Remove a picture by what a line of the log says; what lies elsewhere is left alone. Raises OSError, UserError."""
    beside, *parts = place.split("/")
    if beside == _folder_of(log).name and len(parts) == 2 and all(map(is_component, parts)):
        with suppress(FileNotFoundError), Root(_folder_of(log)) as root:
            root.remove("/".join(parts))


def old_beside(logs: Iterable[Path], before: Callable[[str], float | None]) -> Iterator[Beside]:
    """The pictures beside logs that were kept for long enough. What cannot be listed has none.

    ``before``: by the name of a camera the time (seconds since 1970) before which they are old; None: they never are.
    """
    for log in logs:
        for camera in _listed(_folder_of(log)):
            limit = before(camera.name) if camera.is_dir(follow_symlinks=False) else None
            for file in _listed(camera.path) if limit is not None else ():
                if file.name.endswith(_PICTURE) and file.is_file(follow_symlinks=False):
                    with suppress(OSError):
                        state = file.stat(follow_symlinks=False)
                        if limit is not None and state.st_mtime < limit:
                            yield Beside(Path(file.path), state.st_size)


def _listed(folder: str | Path) -> list[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
    return []


def _folder_of(log: Path) -> Path:
    return log.with_name(f"{log.name}.pictures")
