"""Has a command carried out that changes a gallery."""

from __future__ import annotations

from typing import Any

from face_classifier.core.progress import Observer
from face_classifier.core.settings import Settings
from face_classifier.curate.commands import HANDLERS
from face_classifier.gallery.gallery import Gallery


def carry_out(
    settings: Settings, name: str, arguments: dict[str, Any], observer: Observer, *, make: bool = False
) -> Any:
    """Have a command carried out on the result folder of the settings.

    Parameters
    ----------
    settings: of them the folder, and how it is opened.
    name: of the command, a key of `HANDLERS`.
    arguments: of the command.
    observer: is told what goes wrong.
    make: whether the folder is made if there is none.

    Returns what the command answers.

    Raises
    ------
    UserError: the folder cannot be used, or what the command raises.
    InUseError: another process writes to it.
    """
    with Gallery.open(settings, observer, make=make) as gallery:
        return HANDLERS[name](gallery, arguments, observer)
