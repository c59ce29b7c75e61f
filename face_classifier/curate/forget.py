"""Forgetting a person or a face, in the result folder and wherever the gallery knows that its faces may be seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from face_classifier.core.progress import Teller
from face_classifier.curate.questions.log import count_of
from face_classifier.gallery.gallery import Gallery


def forget(gallery: Gallery, arguments: dict[str, Any], _tell: Teller) -> dict[str, Any]:
    """Forget a person, or the face that is called ``what`` or has its picture at ``path`` (absolute).

    Answers how many ``faces`` were forgotten, and sentences about what was ``left``. Raises UserError unless there is
    one.
    """
    past = gallery.store.past
    gallery.look()
    chosen = past.to_forget(arguments["what"], Path(arguments["path"]))
    left = past.forget(chosen)
    gallery.look()
    gallery.write_views()
    left += past.compact()
    return {"faces": len(chosen.rows), "left": left}


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """What `forget` answered, in words."""
    yield f"{count_of(answer['faces'])} forgotten"
    yield from answer["left"]
