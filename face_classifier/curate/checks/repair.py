"""Repairing a result folder is doubting it: what is wrong in the table is forgotten, and the next look at the pictures
makes it anew, as for any picture that came by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from face_classifier.core.config.settings import Settings
from face_classifier.core.disk.durable import MODES
from face_classifier.core.progress import Teller
from face_classifier.gallery.gallery import Gallery
from face_classifier.gallery.opening import photo_reader
from face_classifier.gallery.store import Store
from face_classifier.gallery.table.row import Row
from face_classifier.identity.profiles import PROFILES, EncoderProfile
from face_classifier.identity.rules import profile_of as of_settings


def repair(gallery: Gallery, arguments: dict[str, Any], _tell: Teller) -> None:
    """Handler: forget what is wrong.

    ``contents``: ids of faces whose picture is to be read again; ``encodings``: to be encoded anew in any case;
    ``montages``: files to be drawn again; ``confirmed``: whether the user deleted the faces that are missing.
    """
    gallery.store.check.mend()
    gallery.store.check.doubt(arguments["contents"], arguments["encodings"], arguments["montages"])
    gallery.look(confirmed=arguments["confirmed"])


@contextmanager
def opened_to_repair(settings: Settings, observer: Teller, *, confirmed: bool) -> Iterator[Gallery]:
    """Opens a result folder whose table may be wrong, or have encodings of several encoders: that of most counts.

    ``confirmed``: the user deleted the faces that are missing. Raises UserError, InUseError.
    """
    with Store(Path(settings.result), writing=True, modes=MODES[settings.mode]) as store:
        store.check.mend()
        settings = replace(settings, encoder=profile_of(store.check.stock().rows, settings).encoder)
        read_photo = photo_reader(settings, observer.problem)
        store.look(read_photo, confirmed=confirmed)
        yield Gallery(settings, store, read_photo, observer)


def profile_of(rows: Iterable[Row], settings: Settings) -> EncoderProfile:
    """The encoder that most encodings are of, if it is known; else that of the settings."""
    spaces = Counter(row.space for row in rows if row.encoding is not None and row.space in PROFILES)
    return next((PROFILES[name] for name, _ in spaces.most_common(1) if name), of_settings(settings))
