"""How right a grouping is: python examples/evaluate_rules.py FACES.npz

The file comes from `face-classifier export --format npz`. Takes the people of the result folder, as you have put them
right, for the truth, and measures how `cluster` groups the same encodings at several thresholds.
"""

from __future__ import annotations

import argparse

import numpy as np

import face_classifier as fc


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures groupings of a gallery's faces at several thresholds.")
    parser.add_argument("file", help="of `face-classifier export --format npz`")
    with np.load(parser.parse_args().file) as arrays:
        known = arrays["person"] != ""
        encodings, tracks, people = (arrays[name][known] for name in ("encoding", "track", "person"))
        encoder = str(arrays["encoder"])
    for factor in (0.8, 0.9, 1.0, 1.1, 1.2):
        threshold = factor * fc.threshold(encoder)
        labels = fc.cluster(encodings, encoder=encoder, threshold=threshold, tracks=tracks)
        told = fc.evaluate(people.tolist(), labels.tolist())
        print(f"{threshold:.3f}: F {told.f:.3f}, {told.edits} edits, {told.people} people for {told.true_people}")


if __name__ == "__main__":
    main()
