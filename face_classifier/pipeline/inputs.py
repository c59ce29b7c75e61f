"""What the user names becomes sources to open, each sampled as when it was first seen."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.markers import refuse_source
from face_classifier.core.errors import UserError
from face_classifier.core.progress import Teller
from face_classifier.core.supervise import supervised
from face_classifier.core.types import PICTURE_SUFFIXES
from face_classifier.gallery.store import Store
from face_classifier.sources.base import Sampling
from face_classifier.sources.discover import find_sources


class Known(Protocol):
    """What is to be known of a source before its first frame is placed."""

    @property
    def name(self) -> str:
        """As it was given."""

    @property
    def fingerprint(self) -> str | None:
        """Of its content; None for a live source."""

    @property
    def start(self) -> datetime:
        """When it began, as it tells itself."""


def find_all(
    settings: Settings, given: Sequence[str], observer: Teller, *, keeping: bool = True, advising: bool = False
) -> tuple[list[str], int]:
    """What to open, and how many of the given sources are of no use.

    A folder that the program wrote is refused, and so is a picture in one, unless nothing is kept of it (``keeping``).
    With ``advising`` the observer is told which command sorts the photos of a folder that has nothing else.
    """
    ours = [Path(folder) for folder in (settings.result, settings.capture) if folder]
    paths: list[str] = []
    failed = 0
    for one in given:
        try:
            with supervised(one):
                if os.path.isdir(one) or (keeping and os.path.splitext(one)[1].lower() in PICTURE_SUFFIXES):
                    refuse_source(one)
                found = find_sources(one, ours)
                paths += found.paths
                if advising and found.is_of_photos():
                    observer.at_end(_about_photos(one))
                for sentence in found.passed_over():
                    observer.at_end(sentence)
        except UserError as error:
            failed += 1
            observer.problem(str(error))
    return paths, failed


def _about_photos(folder: str) -> str:
    """Which command fits a folder of photos alone: both are as right, and keep different things."""
    command = f"face-classifier group {shlex.quote(folder)} -o people"
    return f"{folder} has only photos: a run keeps their faces; to sort the photos themselves, run {command}"


def sampling_of(settings: Settings) -> Sampling:
    """How a run samples a source that was never seen."""
    return Sampling(settings.step, settings.skip, settings.stop)


def sampling_as_first_seen(fingerprint: str | None, sampling: Sampling, store: Store, *, given: bool) -> Sampling:
    """How to sample a source, so that a rerun takes the frames that it took, and they have the positions that they had.

    Parameters
    ----------
    fingerprint: of its content; None for a live source.
    sampling: as if it was never seen.
    store: knows how it was first seen.
    given: whether the user says how far apart the frames lie, which always wins.
    """
    if fingerprint is None or store.start_of(fingerprint) is None:
        return sampling
    step = None if given else store.step_of(fingerprint)
    every = sampling.every if step is None else step
    return replace(sampling, every=every, bridged=store.is_bridged(fingerprint))


def as_first_seen(
    fingerprint: str | None, start: datetime, sampling: Sampling, store: Store, *, given: bool
) -> tuple[Sampling, datetime]:
    """How to sample a source that is about to be seen, as of `sampling_as_first_seen`, and when it began."""
    if fingerprint is None:
        return sampling, start
    sampling = sampling_as_first_seen(fingerprint, sampling, store, given=given)
    return sampling, store.first_start(fingerprint, start, sampling.every)
