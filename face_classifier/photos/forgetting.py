"""Forgetting somebody wherever they may be seen: in the result folder, in alerts on their way, in indexes of photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from face_classifier.alerts.outbox import forget_in
from face_classifier.core.config.settings import Settings
from face_classifier.core.progress import Teller
from face_classifier.photos.forget_index import forget_in_indexes


def forget_everywhere(
    settings: Settings,
    what: str,
    observer: Teller,
    carry_out: Callable[[str, dict[str, Any]], Any],
    seen: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Forget a person, or one face, for good.

    Parameters
    ----------
    settings
        Name the result folder.
    what
        A person's name, a face's, or the path of a picture.
    observer
        Is told what is wrong in the result folder.
    carry_out
        Has the owner of the folder carry out a command, and returns its answer; raises what a conflict is to raise.
    seen
        What the user saw, as commands of a page are told it: nobody is forgotten whom others changed since.

    Returns
    -------
    What the command ``forget`` answers (`curate.forget`), with ``photos``: how many, and all that is ``left``.

    Raises
    ------
    UserError: there is nobody and no face of that name, or a place cannot be used.
    """
    given = {"what": what, "path": str(Path(what).resolve()), **(seen or {})}
    if seen is not None:
        carry_out("forget", {**given, "only_check": True})
    photos, left = forget_in_indexes(settings, what, observer)
    left += forget_in(Path(settings.result), what)
    answer = carry_out("forget", given)
    return {**answer, "photos": photos, "left": [*left, *answer["left"]]}
