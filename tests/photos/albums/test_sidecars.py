"""Names and face regions for other programs."""

from __future__ import annotations

import csv
import json
import stat
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import PIL.Image as Pillow
import pytest
from conftest import need_tool
from PIL import ExifTags

from face_classifier.core.errors import UserError
from face_classifier.core.types import Box, Face
from face_classifier.photos.albums.sidecars import Region, write_csv, write_sidecar
from face_classifier.sources.picture import read_picture
from face_classifier.vision.engine import Engine

NS = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
}
SIZE = (400, 200)
ANNA = Region("Anna", Box(50, 200, 150, 100))
NOBODY = Region(None, Box(0, 40, 20, 0))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Pillow.new("RGB", SIZE).save(path)
    return path


class Read:
    """A sidecar as another program reads it."""

    def __init__(self, photo: Path) -> None:
        self.root = ElementTree.parse(f"{photo}.xmp").getroot()
        self.size = tuple(int(self.root.findtext(f".//stDim:{name}", namespaces=NS) or 0) for name in "wh")
        items = self.root.findall(".//mwg-rs:RegionList/rdf:Bag/rdf:li", NS)
        self.names = [item.findtext("mwg-rs:Name", namespaces=NS) for item in items]
        self.areas = [
            [float(item.findtext(f".//stArea:{name}", namespaces=NS) or 0) for name in "xywh"] for item in items
        ]

    def words(self, name: str) -> list[str | None]:
        return [item.text for item in self.root.findall(f".//{name}/*/rdf:li", NS)]

    def corners(self, number: int) -> tuple[int, ...]:
        """left, top, right, bottom of a region in pixels of the stored picture."""
        (x, y, w, h), (width, height) = self.areas[number], self.size
        return tuple(
            round(v) for v in ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        )


def test_a_sidecar_tells_names_and_places(photo: Path):
    assert write_sidecar(photo, SIZE, [NOBODY, ANNA])
    assert sorted(path.name for path in photo.parent.iterdir()) == ["photo.jpg", "photo.jpg.xmp"]
    read = Read(photo)
    assert read.size == SIZE
    assert read.names == ["Anna", None]
    assert read.areas == [[0.375, 0.5, 0.25, 0.5], [0.05, 0.05, 0.1, 0.1]]
    assert read.words("dc:subject") == ["Anna"]
    assert read.words("digiKam:TagsList") == ["People/Anna"]
    assert read.words("lr:hierarchicalSubject") == ["People|Anna"]


def test_the_photo_is_not_touched(photo: Path):
    before = photo.read_bytes(), photo.stat().st_mtime_ns
    photo.chmod(stat.S_IRUSR)
    write_sidecar(photo, SIZE, [ANNA])
    assert (photo.read_bytes(), photo.stat().st_mtime_ns) == before


def test_a_name_twice_in_a_photo_is_one_keyword(photo: Path):
    write_sidecar(photo, SIZE, [ANNA, Region("Anna", Box(0, 9, 9, 0))])
    assert Read(photo).names == ["Anna", "Anna"]
    assert Read(photo).words("dc:subject") == ["Anna"]


@pytest.mark.parametrize("name", ["<b>&\"'</b>]]>", "박원상", "Анна 😀", "‮trick", "person_01", "O'Neill \\ <!--"])
def test_any_name_survives(photo: Path, name: str):
    write_sidecar(photo, SIZE, [Region(name, ANNA.box)])
    assert Read(photo).names == [name]
    assert Read(photo).words("digiKam:TagsList") == [f"People/{name}" for _ in [0] if "/" not in name]


def test_what_xml_cannot_hold_is_replaced(photo: Path):
    write_sidecar(photo, SIZE, [Region("a\x00\x1b\udcff\ufffeb", ANNA.box)])
    assert Read(photo).names == ["a\ufffd\ufffd\ufffd\ufffdb"]


def test_a_separator_in_a_name_makes_no_second_level(photo: Path):
    write_sidecar(photo, SIZE, [Region("A|B", ANNA.box), Region("C/D", ANNA.box)])
    read = Read(photo)
    assert (read.names, read.words("dc:subject")) == (["A|B", "C/D"], ["A|B", "C/D"])
    assert read.words("digiKam:TagsList") == ["People/A|B"]
    assert read.words("lr:hierarchicalSubject") == ["People|C/D"]


def test_boxes_are_clipped_and_those_outside_left_out(photo: Path):
    write_sidecar(photo, SIZE, [Region("Anna", Box(-50, 500, 100, 300)), Region("Out", Box(10, 500, 20, 400))])
    read = Read(photo)
    assert read.names == ["Anna"]
    assert read.corners(0) == (300, 0, 400, 100)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_regions_are_told_in_the_stored_picture(tmp_path: Path, orientation: int):
    stored = np.zeros((200, 400, 3), np.uint8)
    left, top, right, bottom = 50, 20, 130, 60
    stored[top:bottom, left:right] = 255
    path = tmp_path / "photo.png"
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Pillow.fromarray(stored).save(path, exif=exif)
    upright = read_picture(path)
    rows, columns = np.nonzero(upright[:, :, 0])
    box = Box(int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1, int(columns.min()))
    write_sidecar(path, (upright.shape[1], upright.shape[0]), [Region("Anna", box)])
    assert Read(path).size == (400, 200)
    assert Read(path).corners(0) == (left, top, right, bottom)


def test_the_region_of_a_rotated_photo_is_on_the_face(
    photographs: dict[str, Path], faces: dict[str, Face], engine: Engine, tmp_path: Path
):
    upright = Pillow.open(photographs["obama.jpg"])
    upright.thumbnail((700, 700))
    path = tmp_path / "rotated.jpg"
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = 6
    upright.transpose(Pillow.Transpose.ROTATE_90).save(path, exif=exif)
    image = read_picture(path)
    assert image.shape[:2] == upright.size[::-1]
    face, _ = engine.photo(image, own_cut=False)
    write_sidecar(path, upright.size, [Region("Obama", face.box)])
    stored = Pillow.open(path)
    assert Read(path).size == stored.size
    seen = stored.crop(Read(path).corners(0)).transpose(Pillow.Transpose.ROTATE_270)
    box = face.box
    expected = upright.crop((box.left, box.top, box.right, box.bottom))
    assert np.abs(np.asarray(seen, float) - np.asarray(expected, float)).mean() < 5


def test_a_photo_with_odd_exif_is_as_if_upright(photo: Path):
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = 42
    Pillow.new("RGB", SIZE).save(photo, exif=exif)
    write_sidecar(photo, SIZE, [ANNA])
    assert Read(photo).corners(0) == (100, 50, 200, 150)


def test_our_sidecar_is_replaced_where_it_differs(photo: Path):
    sidecar = photo.with_name("photo.jpg.xmp")
    assert write_sidecar(photo, SIZE, [ANNA])
    before = sidecar.stat()
    assert not write_sidecar(photo, SIZE, [ANNA])
    assert (sidecar.stat().st_ino, sidecar.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert write_sidecar(photo, SIZE, [Region("Berta", ANNA.box)])
    assert Read(photo).names == ["Berta"]
    assert write_sidecar(photo, SIZE, [])
    assert Read(photo).names == []


def test_a_photo_without_faces_gets_no_sidecar(photo: Path):
    assert not write_sidecar(photo, SIZE, [])
    assert not write_sidecar(photo, SIZE, [Region("Out", Box(10, 500, 20, 400))])
    assert [path.name for path in photo.parent.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize("content", [b"", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", b"\xff\x00 not XML", b"0" * 64])
def test_a_sidecar_of_another_program_is_left_alone(photo: Path, content: bytes):
    sidecar = photo.with_name("photo.jpg.xmp")
    sidecar.write_bytes(content)
    with pytest.raises(UserError, match=r"photo\.jpg\.xmp was written or changed by another program"):
        write_sidecar(photo, SIZE, [ANNA])
    assert sidecar.read_bytes() == content


def test_a_sidecar_of_ours_that_another_program_changed_is_left_alone(photo: Path):
    write_sidecar(photo, SIZE, [ANNA])
    sidecar = photo.with_name("photo.jpg.xmp")
    changed = sidecar.read_bytes().replace(b">Anna<", b">Anna Karenina<")
    sidecar.write_bytes(changed)
    with pytest.raises(UserError, match="changed by another program"):
        write_sidecar(photo, SIZE, [Region("Berta", ANNA.box)])
    assert sidecar.read_bytes() == changed


def test_what_cannot_be_written_is_told(photo: Path):
    with pytest.raises(UserError, match=r"gone\.jpg\.xmp cannot be written \(No such file or directory\)"):
        write_sidecar(photo.with_name("gone.jpg"), SIZE, [ANNA])
    photo.with_name("photo.jpg.xmp").mkdir()
    with pytest.raises(UserError, match=r"photo\.jpg\.xmp cannot be written \(Is a directory\)"):
        write_sidecar(photo, SIZE, [ANNA])
    with pytest.raises(UserError, match="cannot be written"):
        write_csv(photo.with_name("missing") / "faces.csv", [])


def test_exiftool_reads_our_sidecar(photo: Path):
    exiftool = need_tool("exiftool", "libimage-exiftool-perl")
    write_sidecar(photo, SIZE, [ANNA, Region("박원상 <&>", Box(0, 40, 20, 0)), NOBODY])
    command = [exiftool, "-json", "-struct", "-RegionInfo", "-Subject", "-TagsList", "-Warning", "-Error"]
    result = subprocess.run([*command, f"{photo}.xmp"], capture_output=True, text=True, check=True)
    (told,) = json.loads(result.stdout)
    assert told["RegionInfo"]["AppliedToDimensions"] == {"W": 400, "H": 200, "Unit": "pixel"}
    assert [region.get("Name") for region in told["RegionInfo"]["RegionList"]] == ["Anna", "박원상 <&>", None]
    area = {"X": 0.375, "Y": 0.5, "W": 0.25, "H": 0.5, "Unit": "normalized"}
    assert told["RegionInfo"]["RegionList"][0]["Area"] == area
    assert told["TagsList"] == ["People/Anna", "People/박원상 <&>"]
    assert not {"Warning", "Error"} & told.keys()


def test_csv_has_a_row_a_face(tmp_path: Path):
    path = tmp_path / "faces.csv"
    write_csv(
        path,
        [(Path('a,"b.jpg'), SIZE, [NOBODY, Region("박, 원상", Box(-5, 200, 150, 100))]), (Path("c.jpg"), SIZE, [])],
    )
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            "file name left top right bottom width height".split(),
            ['a,"b.jpg', "박, 원상", "100", "0", "200", "150", "400", "200"],
            ['a,"b.jpg', "", "0", "0", "40", "20", "400", "200"],
        ]
