"""Who is in a result folder: python examples/gallery_to_csv.py RESULT >people.csv

Prints a line for each person: name, faces, when first and last seen, and how far the faces are from their average.
"""

from __future__ import annotations

import argparse
import csv
import sys

import face_classifier as fc


def main() -> None:
    parser = argparse.ArgumentParser(description="Prints the people of a result folder as CSV.")
    parser.add_argument("result", help="the result folder")
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["person", "faces", "first", "last", "spread"])
    for person in fc.open_gallery(parser.parse_args().result):
        times = [face.time for face in person.faces if face.time is not None]
        encodings = [face.encoding for face in person.faces if face.encoding is not None]
        spread = fc.distances([person.average], encodings).mean()
        table.writerow(
            [person.name, len(person.faces), min(times, default=""), max(times, default=""), f"{spread:.3f}"]
        )


if __name__ == "__main__":
    main()
