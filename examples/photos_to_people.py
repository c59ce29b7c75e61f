"""Who is on which photo: python examples/photos_to_people.py FOLDER

Finds the faces in the photos of a folder, groups them by person, and prints a line for each photo.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import face_classifier as fc


def main() -> None:
    parser = argparse.ArgumentParser(description="Tells who is on which photo of a folder.")
    parser.add_argument("folder", type=Path)
    photos: list[Path] = []  # of each face
    faces: list[fc.Face] = []
    for path in sorted(parser.parse_args().folder.iterdir()):
        try:
            image = fc.read_picture(path)
        except fc.UserError as error:
            print(error)
            continue
        for face in fc.encode(image, encoder="sface"):
            photos.append(path)
            faces.append(face)
    photo_of = {path: number for number, path in enumerate(dict.fromkeys(photos))}
    people = fc.cluster(
        np.array([face.encoding for face in faces]).reshape(-1, 128),
        encoder="sface",
        quality=[1.0 if face.quality is None else face.quality for face in faces],
        frames=np.array([photo_of[path] for path in photos], int),  # two faces on one photo are two people
    )
    for path, number in photo_of.items():
        here = [int(person) for person, photo in zip(people, photos, strict=True) if photo_of[photo] == number]
        print(f"{path.name}: {', '.join('somebody' if person < 0 else f'person {person}' for person in here)}")


if __name__ == "__main__":
    main()
