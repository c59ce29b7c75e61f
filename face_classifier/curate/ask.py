"""Has a command carried out that changes a gallery."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from face_classifier.core.progress import Observer
from face_classifier.core.settings import Settings
from face_classifier.curate.commands import HANDLERS
from face_classifier.gallery.gallery import Gallery


def carry_out(
    settings: Settings,
    name: str,
    arguments: dict[str, Any],
    observer: Observer,
    *,
    opens: Callable[[Settings, Observer], AbstractContextManager[Gallery]] = Gallery.open,
) -> Any:
    """Have a command carried out on the result folder of the settings.

    Parameters
    ----------
    settings: of them the folder, and how it is opened.
    name: of the command, a key of `HANDLERS`.
    arguments: of the command.
    observer: is told what goes wrong.
    opens: opens the folder where nobody owns it.

    Returns what the command answers.

    Raises
    ------
    UserError: the folder cannot be used, or what the command raises.
    InUseError: another process writes to it.
    """
    with opens(settings, observer) as gallery:
        return HANDLERS[name](gallery, arguments, observer)
