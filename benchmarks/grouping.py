"""How long second thoughts take about many faces, and how much memory: `python benchmarks/grouping.py`.

The faces are random numbers: people's means and the faces around them vary as much as those of LFW do, and so do the
distances between strangers. No data is needed. Each measurement is a process of its own. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from face_classifier.core.types import Sighting
from face_classifier.identity.grouping.people import UNKNOWN, second_thoughts
from face_classifier.identity.grouping.templates import templates
from face_classifier.identity.profiles import BY_ENCODER
from face_classifier.identity.rethink import rethink

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FACES_A_TRACK = 5
FRAME_TO_FRAME = 0.012  # standard deviation of each number of an encoding within a track
QUALITY = 0.9


@dataclass(frozen=True)
class Space:
    """How the encodings of 2,471 faces of 612 people of LFW lie."""

    strangers: float  # mean of the squared distances (L2) between faces of two people
    mates: float  # the same of one person
    dimensions: int  # in which faces differ: as many as make so many strangers near as there are in LFW
    length: float | None  # of every encoding; None: they differ
    near: dict[float, float]  # which share of pairs of strangers in LFW is nearer than this (L2)


SPACES = {
    "dlib": Space(0.663, 0.178, 36, None, {0.46: 7.7e-5, 0.53: 9.5e-4}),
    "sface": Space(0.3625, 0.132, 100, 0.446, {0.46: 1.3e-5, 0.482: 1.2e-4}),
}
UNEVEN = 0.25  # standard deviation of the logarithm of how far a face is from its person's mean


def draw(space: Space, people: int, faces: int, seed: int = 0) -> tuple[Floats, Ints]:
    """Encodings (faces, 128) and whose they are (faces,)."""
    dice = np.random.default_rng(seed)
    d = space.dimensions
    who = dice.integers(0, people, faces)
    off = dice.normal(size=(faces, d)) * np.exp(dice.normal(0, UNEVEN, (faces, 1)))
    encodings = np.zeros((faces, 128))
    encodings[:, :d] = off * np.sqrt(space.mates / 2 / d / np.exp(2 * UNEVEN**2))
    encodings[:, :d] += dice.normal(0, np.sqrt((space.strangers - space.mates) / 2 / d), (people, d))[who]
    if space.length is not None:
        encodings[:, -1] = np.sqrt(space.length**2 - space.strangers / 2)  # what all have in common
        encodings *= space.length / np.linalg.norm(encodings, axis=1, keepdims=True)
    return encodings, who


@dataclass(frozen=True)
class Task:
    what: str  # "tracks": second thoughts alone; "faces": `rethink`, sightings of these faces ready
    encoder: str
    count: int
    people: int
    a_track: int = 1  # faces


@dataclass(frozen=True)
class Outcome:
    cpu: float  # seconds of all threads
    peak: int  # MB of the whole process
    found: int  # people
    mixed: int  # of these, of faces of several


def tracks_of(task: Task) -> Outcome:
    """Tracks of one face each, from their templates to labels."""
    encodings, who = draw(SPACES[task.encoder], task.people, task.count)
    tracks = templates(encodings, np.full(task.count, QUALITY), np.arange(task.count))
    del encodings
    begin = time.process_time()
    labels = second_thoughts(tracks, rule=BY_ENCODER[task.encoder].rule)
    return outcome(time.process_time() - begin, labels, who)


def faces_of(task: Task) -> Outcome:
    """Sightings, most of which lie where they belong: one in fifty with somebody else, one in ten nowhere."""
    encodings, whose = draw(SPACES[task.encoder], task.people, task.count // task.a_track)
    encodings, whose = encodings.repeat(task.a_track, axis=0), whose.repeat(task.a_track)
    dice = np.random.default_rng(1)
    encodings += dice.normal(0, FRAME_TO_FRAME, encodings.shape) * (task.a_track > 1)
    lies_with = np.where(dice.random(len(whose)) < 0.02, dice.integers(0, task.people, len(whose)), whose)
    lies_with[dice.random(len(whose)) < 0.1] = UNKNOWN
    faces = [
        Sighting(
            number + 1, str(number), None if person == UNKNOWN else name(person), None, encoding=encodings[number],
            position=float(number), quality=QUALITY, track=None if task.a_track == 1 else number // task.a_track,
        )
        for number, person in enumerate(lies_with.tolist())
    ]  # fmt: skip
    last = len(whose) // task.a_track - 1
    met = [
        (track, track + 1)
        for track in range(0, last, 2)
        if whose[track * task.a_track] != whose[(track + 1) * task.a_track]
    ]
    begin = time.process_time()
    rethought = rethink(faces, met if task.a_track > 1 else [], rule=BY_ENCODER[task.encoder].rule)
    cpu = time.process_time() - begin
    home = {face.id: face.person for face in faces}
    for place, move in enumerate(rethought.moves):
        home |= dict.fromkeys(move.faces, f"new {place}" if move.new else move.person)
    number = {person: place for place, person in enumerate(sorted({person for person in home.values() if person}))}
    return outcome(cpu, np.array([number[person] if person else UNKNOWN for person in home.values()]), whose)


def name(person: int) -> str:
    """One in ten has a name by the user."""
    return f"Name {person}" if person % 10 == 0 else f"person_{person:05d}"


def outcome(cpu: float, labels: Ints, who: Ints) -> Outcome:
    known = labels != UNKNOWN
    members = np.unique(np.stack([labels[known], who[known]]), axis=1)
    people, counts = np.unique(members[0], return_counts=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Outcome(cpu, peak, len(people), int((counts > 1).sum()))


def drawn_near(encoder: str) -> dict[float, float]:
    """Which share of pairs of drawn strangers is nearer than this (L2)."""
    space = SPACES[encoder]
    encodings, who = draw(space, 3000, 6000)
    one, other = np.triu_indices(len(who), 1)
    strangers = who[one] != who[other]
    lengths = (encodings * encodings).sum(axis=1)
    square = (lengths[:, None] + lengths - 2 * encodings @ encodings.T)[one, other][strangers]
    return {limit: float((square < limit**2).mean()) for limit in space.near}


def measured(task: Task) -> Outcome:
    """In a process of its own, which begins small: a child counts its parent's greatest size as its own."""
    command = [sys.executable, __file__, "--one", json.dumps(asdict(task))]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return Outcome(**json.loads(answer.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", choices=[*SPACES, "both"], default="both")
    parser.add_argument("--quick", action="store_true", help="a tenth of the faces and people, but for 10,000 faces")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        task = Task(**json.loads(options.one))
        print(json.dumps(asdict({"tracks": tracks_of, "faces": faces_of}[task.what](task))))
        return
    part = 10 if options.quick else 1
    encoders = list(SPACES) if options.encoder == "both" else [options.encoder]
    for encoder in encoders:
        print(f"| {encoder} | people | CPU s | peak MB | found | mixed |\n| --- | ---: | ---: | ---: | ---: | ---: |")
        for what, task in {
            "tracks": Task("tracks", encoder, 100_000 // part, 10_000 // part),
            "faces, each alone": Task("faces", encoder, 10_000, 1_000),
            "faces, each alone ": Task("faces", encoder, 10_000, 100),
            f"faces, {FACES_A_TRACK} a track": Task("faces", encoder, 10_000, 300, FACES_A_TRACK),
            f"faces, {FACES_A_TRACK} a track ": Task("faces", encoder, 100_000 // part, 2_000 // part, FACES_A_TRACK),
        }.items():
            found = measured(task)
            row = f"{task.people:,} | {found.cpu:.2f} | {found.peak} | {found.found:,} | {found.mixed:,} |"
            print(f"| {task.count:,} {what.strip()} | {row}", flush=True)
        print()
    for encoder in encoders:
        drawn = drawn_near(encoder)
        for limit, share in SPACES[encoder].near.items():
            print(f"{encoder}: {share:.2g} of LFW's strangers are nearer than {limit}, and {drawn[limit]:.2g} of these")


if __name__ == "__main__":
    main()
