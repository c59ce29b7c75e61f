"""How often a group of unknown faces is one person's: `python benchmarks/unknowns.py --encoder sface`.

All faces of a set count as unknown, as before anybody was founded. Of the groups of several tracks it prints how many
there are, how many of them hold more than one person, and the share of the faces that are in one: for either half of
the people and for all, at the limit as it is and at looser and stricter ones (L2); and the same of the faces that
second thoughts leave unknown. *drawn* are made-up faces of thousands of people. It takes two minutes, beside encoding
the sets once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import testdata
from grouping import QUALITY, SPACES, draw
from recognition.faces import HALVES, NOBODY, Faces, Ints, numbered, of_half, tell
from recognition.report import table
from recognition.rules import thought_again
from recognition.sets import load, sets

from face_classifier.curate.questions.groups import group_encodings
from face_classifier.gallery.reading.folder_faces import NO_TRACK
from face_classifier.identity.grouping.people import UNKNOWN
from face_classifier.identity.grouping.templates import shared_frames
from face_classifier.identity.profiles import BY_ENCODER, EncoderProfile
from face_classifier.vision.engine import make_engine

LOOSER = -0.02, -0.01, 0.0, 0.01, 0.02, 0.04
DRAWN = (1000, 4000), (2500, 10_000), (5000, 10_000)  # people and faces


def groups(faces: Faces, profile: EncoderProfile, looser: float) -> Ints:
    """Of each face the number of its group."""
    rule = replace(profile.rule, limit=profile.rule.limit + looser, clear=profile.rule.clear + looser)
    links = [(int(one), int(other)) for one, other in shared_frames(faces.frame, faces.track)]
    positions = np.arange(len(faces.track), dtype=float)
    return group_encodings(faces.encoding, faces.quality, faces.track, positions, rule, profile, cannot_links=links)


def told(of: Ints, faces: Faces) -> str:
    """Groups of several tracks, how many of them are mixed, and the share of faces that are in one."""
    several = mixed = covered = 0
    for number in np.unique(of):
        here = of == number
        if len(np.unique(faces.track[here])) > 1:
            several += 1
            mixed += len(np.unique(faces.person[here])) > 1
            covered += int(here.sum())
    return f"{several} ({mixed}) {100 * covered / max(len(of), 1):.0f} %"


def scored(faces: Faces) -> Faces:
    return numbered(Faces(*(column[faces.person != NOBODY] for column in vars(faces).values())))


def rows(name: str, faces: Faces, profile: EncoderProfile) -> Iterator[list[str]]:
    """A row for all of the faces, and one for those whom second thoughts leave unknown."""
    left = thought_again(faces, profile.rule) == UNKNOWN
    for what, some in (("", faces), (", left", numbered(Faces(*(column[left] for column in vars(faces).values()))))):
        if len(some.track) > 1:
            yield [name + what, str(len(some.track)), *(told(groups(some, profile, by), some) for by in LOOSER)]


def drawn(encoder: str, people: int, faces: int) -> Faces:
    encodings, who = draw(SPACES[encoder], people, faces)
    one = np.arange(faces)
    return Faces(encodings, who.astype(str), one, one, one, np.full(faces, QUALITY))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--encoder", choices=tuple(BY_ENCODER), default="sface")
    cache = Path(tempfile.gettempdir()) / "face-classifier-identity"
    parser.add_argument("--cache", type=Path, default=cache, help="where encodings are kept (default: temporary)")
    chosen = testdata.parse(parser)
    engine, profile = make_engine("fast", None, 1.0, tell, chosen.encoder), BY_ENCODER[chosen.encoder]
    lines: list[list[str]] = []
    for one in sets(chosen.data):
        faces = load(one, engine, chosen.cache)
        for part, some in ((one.name, faces), *((f"{one.name}, {half}", number) for number, half in enumerate(HALVES))):
            chosen_faces = scored(some if isinstance(some, Faces) else of_half(faces, some))
            lines += rows(part, chosen_faces, profile)
    for people, count in DRAWN:
        some = drawn(chosen.encoder, people, count)
        lines.append([f"drawn, {people} people", str(count), *(told(groups(some, profile, by), some) for by in LOOSER)])
    print("\n".join(table(["", "faces", *(f"{by:+g}" if by else "as it is" for by in LOOSER)], lines)))
    alone = np.full(len(some.track), NO_TRACK)
    began = time.process_time()
    group_encodings(some.encoding, some.quality, alone, np.zeros(len(alone)), profile.rule, profile)
    print(f"\n{len(alone):,} faces: {time.process_time() - began:.2f} s of processor time")


if __name__ == "__main__":
    main()
