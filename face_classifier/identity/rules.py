"""The threshold and the rules by which a gallery decides, as the settings and its encoder profile have them."""

from __future__ import annotations

from face_classifier.core.config.flat import USUAL_ENCODER
from face_classifier.core.config.settings import Settings
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.matching.crowd import FEW
from face_classifier.identity.person_db import CannotLinks, PersonDB
from face_classifier.identity.profiles import BY_ENCODER, EncoderProfile

ORIGINAL_THRESHOLD = 0.44  # of the original program


def profile_of(settings: Settings) -> EncoderProfile:
    """The limits of the encoder that the settings name, or that a new result folder gets by them."""
    return BY_ENCODER[settings.asked_encoder or USUAL_ENCODER]


def threshold_of(settings: Settings, people: int = 0) -> float:
    """The threshold of a gallery (L2): the user's, or the engine's default among so many people."""
    if settings.threshold_number is not None:
        return settings.threshold_number
    return ORIGINAL_THRESHOLD if settings.engine == "original" else profile_of(settings).threshold_for(people)


def spread_of(settings: Settings) -> float:
    """How much of a person's scatter counts in the distance to it."""
    return 0.0 if settings.engine == "original" else profile_of(settings).spread


def empty_people(settings: Settings, links: CannotLinks | None = None) -> PersonDB:
    """An empty PersonDB with the engine's rule. ``links``: as it takes them."""
    if settings.engine == "original":
        return PersonDB(threshold_of(settings), links=links)
    profile = profile_of(settings)
    return PersonDB(
        threshold_of(settings),
        spread=spread_of(settings),
        founding=int(settings.founding),
        tightening=profile.tightening if settings.threshold_number is None else 0.0,
        certainty=profile.rule.certainty,
        links=links,
    )


def crowded(settings: Settings, people: int) -> str | None:
    """A sentence where the user's threshold lets strangers be taken for one of so many people."""
    profile, threshold = profile_of(settings), settings.threshold_number
    usual = profile.threshold_for(people)
    if people <= FEW or settings.engine == "original" or threshold is None or threshold <= usual:
        return None
    return (
        f"the result folder {settings.result} has {people} people; among so many, {usual:.3f} keeps strangers out as "
        f"{profile.threshold:g} does among {FEW}; give --threshold {usual:.3f} if {threshold:g} mixes people up"
    )


def rule_of(settings: Settings) -> Rule:
    """The rule of second thoughts, as strict as the threshold that the user wishes."""
    profile = profile_of(settings)
    return profile.rule.stricter(
        (settings.threshold_number or profile.threshold) / profile.threshold, settings.founding
    )
