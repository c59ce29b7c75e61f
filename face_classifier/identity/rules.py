"""The threshold and the rules by which a gallery decides, as the settings and its encoder profile have them."""

from __future__ import annotations

from face_classifier.core.settings import Settings
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.person_db import PersonDB
from face_classifier.identity.profiles import BY_ENCODER

ORIGINAL_THRESHOLD = 0.44  # of the original program


def threshold_of(settings: Settings) -> float:
    """The threshold of a gallery (L2): the user's, or the engine's default."""
    if settings.threshold_number is not None:
        return settings.threshold_number
    return ORIGINAL_THRESHOLD if settings.engine == "original" else BY_ENCODER[settings.encoder].threshold


def spread_of(settings: Settings) -> float:
    """How much of a person's scatter counts in the distance to it."""
    return 0.0 if settings.engine == "original" else BY_ENCODER[settings.encoder].spread


def empty_people(settings: Settings) -> PersonDB:
    """An empty PersonDB with the engine's rule."""
    if settings.engine == "original":
        return PersonDB(threshold_of(settings))
    return PersonDB(threshold_of(settings), spread=spread_of(settings), founding=int(settings.founding))


def rule_of(settings: Settings) -> Rule:
    """The rule of second thoughts, as strict as the threshold that the user wishes."""
    profile = BY_ENCODER[settings.encoder]
    return profile.rule.stricter(
        (settings.threshold_number or profile.threshold) / profile.threshold, settings.founding
    )
