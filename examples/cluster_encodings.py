"""Groups encodings of your own into people: python examples/cluster_encodings.py FACES.npz

The file has an array `encoding`, (faces, 128), as `face-classifier export --format npz` writes it; `track` and
`encoder` are taken too where they are there. Prints the person of each face, a line a face.
"""

from __future__ import annotations

import argparse

import numpy as np

import face_classifier as fc


def main() -> None:
    parser = argparse.ArgumentParser(description="Groups encodings of your own into people.")
    parser.add_argument("file", help="an npz file with an array `encoding`, (faces, 128)")
    with np.load(parser.parse_args().file) as arrays:
        encodings = arrays["encoding"]
        tracks = arrays.get("track")
        encoder = str(arrays["encoder"]) if "encoder" in arrays else "sface"
    for number, person in enumerate(fc.cluster(encodings, encoder=encoder, tracks=tracks)):
        print(number, "nobody" if person < 0 else f"person {person}")


if __name__ == "__main__":
    main()
