"""Who is in a video, second by second: python examples/video_to_csv.py VIDEO RESULT >faces.csv

Sorts the faces into the result folder as the program does, and prints a line for each face in each analysed frame.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence

import face_classifier as fc


def main() -> None:
    parser = argparse.ArgumentParser(description="Prints the faces of a video as CSV.")
    parser.add_argument("video")
    parser.add_argument("result", help="the result folder, which is made if it is not there")
    chosen = parser.parse_args()
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["seconds", "person", "top", "right", "bottom", "left"])

    def on_frame(frame: fc.Frame, faces: Sequence[fc.Seen]) -> None:
        for face in faces:
            table.writerow([f"{frame.position:.2f}", face.person or "unknown", *face.box.css])

    fc.run(chosen.video, chosen.result, on_frame=on_frame, seconds=0.5)


if __name__ == "__main__":
    main()
