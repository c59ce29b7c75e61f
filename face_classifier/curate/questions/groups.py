"""Faces of nobody in groups that are probably one person each, so that one name serves a whole group; and single ones.

A group with two people in it costs whoever names it more than two groups of one person do, so precision comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from face_classifier.gallery.reading.folder_faces import NO_TRACK, FolderFaces, time_of
from face_classifier.identity.grouping.clusters import begin
from face_classifier.identity.grouping.linkage import link
from face_classifier.identity.grouping.people import crowding
from face_classifier.identity.grouping.rule import Rule
from face_classifier.identity.grouping.templates import Constraints, Floats, Ints, templates
from face_classifier.identity.profiles import EncoderProfile
from face_classifier.identity.tracks import cannot_link_pairs, parted


@dataclass(frozen=True)
class UnknownGroup:
    """Faces that are probably one person's."""

    faces: tuple[int, ...]  # ids, the best first
    days: tuple[date, ...]  # local, on which they were seen, the earliest first
    sources: tuple[str, ...]  # in which, sorted
    first: datetime | None  # aware, UTC; None: it is not known
    last: datetime | None

    def among(self, faces: Container[int]) -> UnknownGroup:
        """What is left of it of some faces (ids); days and sources stay as they were."""
        return replace(self, faces=tuple(face for face in self.faces if face in faces))

    @property
    def is_single(self) -> bool:
        """Whether it is one face alone."""
        return len(self.faces) == 1


@dataclass(frozen=True)
class UnknownFaces:
    """All faces of nobody."""

    groups: tuple[UnknownGroup, ...]  # of several faces: on most days first, then of most faces, then the latest
    singles: tuple[UnknownGroup, ...]  # of one face each, the latest first
    ignored: tuple[int, ...]  # ids of those that are not asked about, the latest first

    def among(self, faces: Collection[int]) -> UnknownFaces:
        """What is left of it where only these faces (ids) are still of nobody, and asked about."""
        left = [one for group in (*self.groups, *self.singles) if (one := group.among(faces)).faces]
        return UnknownFaces(
            tuple(one for one in left if not one.is_single), tuple(one for one in left if one.is_single), self.ignored
        )


def unknown_faces(
    faces: FolderFaces,
    cannot_links: Iterable[tuple[int, int]],
    kept_apart: Iterable[tuple[int, int]],
    rule: Rule,
    profile: EncoderProfile,
) -> UnknownFaces:
    """Group the faces of nobody.

    Faces of one track are together, as far as they agree, however few they are. Tracks come together up to the limit of
    second thoughts: without what those take off it where there is no cohort, but with what is taken off among many
    people. Of a looser limit hardly anything but strangers comes together (`benchmarks/unknowns.py`).

    Parameters
    ----------
    faces: those in `unknowns`, as they were read.
    cannot_links: pairs of tracks that shared a frame.
    kept_apart: pairs of faces (ids) that are two people by the user's word.
    rule: of their encoder, as strict as the user wishes.
    profile: of their encoder.
    """
    free = np.flatnonzero(~faces.pinned)
    groups = [] if not len(free) else _groups(faces, free, cannot_links, kept_apart, rule, profile)
    several = sorted((one for one in groups if not one.is_single), key=lambda one: (-len(one.days), -len(one.faces)))
    latest = sorted(np.flatnonzero(faces.pinned).tolist(), key=lambda place: (-faces.times[place], -faces.ids[place]))
    return UnknownFaces(
        tuple(several), tuple(one for one in groups if one.is_single), tuple(int(faces.ids[place]) for place in latest)
    )


def _groups(
    faces: FolderFaces,
    free: Ints,
    cannot_links: Iterable[tuple[int, int]],
    kept_apart: Iterable[tuple[int, int]],
    rule: Rule,
    profile: EncoderProfile,
) -> list[UnknownGroup]:
    """The groups of the faces in these places, those with the latest face first."""
    encodings = faces.encodings[free].astype(np.float64)
    quality = np.nan_to_num(faces.qualities[free], nan=1.0)
    of = group_encodings(
        encodings,
        quality,
        faces.tracks[free],
        faces.positions[free],
        rule,
        profile,
        cannot_links=cannot_links,
        kept_apart=_as_places(faces.ids[free], kept_apart),
    )
    order = np.lexsort((-quality, of))
    ends = np.flatnonzero(np.diff(of[order], append=-1))
    groups = [_told(faces, free[places]) for places in np.split(order, ends[:-1] + 1)]
    return sorted(groups, key=lambda one: (one.last is None, one.last and -one.last.timestamp(), one.faces))


def group_encodings(
    encodings: Floats,
    quality: Floats,
    tracks: Ints,
    positions: Floats,
    rule: Rule,
    profile: EncoderProfile,
    *,
    cannot_links: Iterable[tuple[int, int]] = (),
    kept_apart: Iterable[tuple[int, int]] = (),
) -> Ints:
    """Which group each of some faces is in: (faces,) numbers from 0.

    Parameters
    ----------
    encodings: (faces, d) float64.
    quality: (faces,) 0 to 1.
    tracks: (faces,) numbers; NO_TRACK: a face alone.
    positions: (faces,) seconds, the source's clock; NaN: none.
    rule, profile: of their encoder.
    cannot_links: pairs of tracks that shared a frame.
    kept_apart: pairs of faces, by their places, that are two people.
    """
    alone = np.where(tracks == NO_TRACK, -1 - np.arange(len(tracks)), tracks)
    in_order = np.lexsort((np.arange(len(tracks)), np.nan_to_num(positions)))
    part = np.empty(len(tracks), np.int64)
    part[in_order] = parted((encodings[place] for place in in_order), alone[in_order].tolist(), rule.track)
    part = np.unique(part, return_inverse=True)[1]
    there = set(alone.tolist())
    known = [pair for pair in cannot_links if there.issuperset(pair)]
    shared = cannot_link_pairs(zip(alone.tolist(), part.tolist(), strict=True), known)
    said = np.array([(part[one], part[other]) for one, other in kept_apart], np.int64).reshape(-1, 2)
    pairs = np.vstack([shared, said[said[:, 0] != said[:, 1]]])
    sums = templates(encodings, quality, part, rule.doubt(encodings, quality))
    grouping = begin(sums, Constraints(pairs), rule)
    grouping = link(grouping, rule.start, rule)
    rule = _among(rule, profile, len(grouping.clusters))
    grouping.clusters.crowd = crowding(grouping.clusters, rule)
    return link(grouping, rule.limit, rule).of[part]


def _among(rule: Rule, profile: EncoderProfile, people: int) -> Rule:
    """The rule among so many people: each is one more whom a stranger may be near to."""
    return rule.stricter(profile.threshold_for(people) / profile.threshold, rule.founding + 0.5)


def _as_places(ids: Ints, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs of ids as pairs of places, as far as both have one."""
    place = {int(face): number for number, face in enumerate(ids)}
    return [(place[one], place[other]) for one, other in pairs if one in place and other in place]


def _told(faces: FolderFaces, places: Sequence[int] | Ints) -> UnknownGroup:
    times = sorted(time for place in places if (time := time_of(int(faces.times[place]))))
    return UnknownGroup(
        tuple(int(faces.ids[place]) for place in places),
        tuple(sorted({time.astimezone().date() for time in times})),
        tuple(sorted({source for place in places if (source := faces.sources[place])})),
        times[0] if times else None,
        times[-1] if times else None,
    )
