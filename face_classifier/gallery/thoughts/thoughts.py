"""Second thoughts of a gallery: what is new in it, and all that follows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from face_classifier.core.types import Sighting
from face_classifier.gallery.gallery import Gallery, all_or_nothing, nobody_is_told
from face_classifier.gallery.past.journal import SECOND_THOUGHTS
from face_classifier.gallery.thoughts.carry_out import MOST, Moved, carried_out
from face_classifier.gallery.thoughts.question import Answer, Question, Stamp


class Thoughts:
    """Used by the thread that owns the gallery."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._settled: Stamp | None = None  # of the gallery when they moved nothing

    def question(self) -> Question | None:
        """What they are to be asked; None: nothing, or nothing new since they moved nothing."""
        settings = self._gallery.settings
        if settings.engine == "original" or settings.online_only:
            return None
        question = self._gallery.store.question(settings, self._gallery.looked)
        return None if question.stamp == self._settled else question

    def think_again(self, tell: Callable[[Sequence[Sighting]], None] = nobody_is_told) -> list[Moved]:
        """Look, and move what they say should lie elsewhere: all of it, or after an error nothing.

        ``tell``: gets the faces of each move. A process that is killed leaves all as it was, or as it should be.
        """
        self._gallery.look()
        question = self.question()
        answer = self._gallery.store.answer(question) if question else None
        if answer is None:
            return []
        carry_out = partial(self._carry_out, answer)
        moved = all_or_nothing(self._gallery, carry_out) if answer.moves else carry_out()
        for faces in moved:
            tell([one.face for one in faces])
        return [one for faces in moved for one in faces]

    def _carry_out(self, answer: Answer) -> list[list[Moved]]:
        with self._gallery.store.past.entry(SECOND_THOUGHTS):
            return list(self.follow(answer, at_once=True))

    def follow(self, answer: Answer, *, at_once: bool = False) -> Iterator[list[Moved]]:
        """Carry out what they answered, step by step; yields the faces of each, so that others have a turn.

        A move of which a face is not as it was any more, and all if the user has spoken meanwhile, is left out.
        ``at_once``: nobody has a turn.
        """
        if not answer.moves:
            self._settled = answer.stamp
            return
        gallery, said = self._gallery, answer.stamp.words
        try:
            for faces in carried_out(answer, gallery.store, gallery.faces.get, sys.maxsize if at_once else MOST):
                gallery.founded |= {moved.face.person for moved in faces if moved.new}
                if not at_once:
                    gallery.look(touched=())
                yield faces
                if gallery.store.question(gallery.settings, gallery.looked).stamp.words != said:
                    break
        finally:
            gallery.look(touched=())  # one that decides by names which are gone would bring them back
