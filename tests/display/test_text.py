"""Lines of text in any script, with the fonts of this machine and with none."""

from __future__ import annotations

import logging
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import ImageFont

from face_classifier.core.types import Image
from face_classifier.display.letters import fonts as font_files
from face_classifier.display.letters.fonts import Fonts, font_folders, machine_fonts
from face_classifier.display.patches import SHADE, Patch, paste
from face_classifier.display.text import text

INK = (255, 255, 255)


def ground(height: int = 240, width: int = 320, shade: int = 128) -> Image:
    return np.full((height, width, 3), shade, np.uint8)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other)


def inked(patch: Patch) -> np.ndarray:
    """The columns from the first to the last with ink."""
    columns = np.flatnonzero(patch[:, :, 3].any(axis=0))
    return patch[:, columns[0] : columns[-1] + 1]


def needs_font_for(name: str) -> None:
    faces = [(char, machine_fonts().face(char)) for char in name if not char.isspace()]
    missing = [char for char, face in faces if face is None or not face.has(char)]
    if missing:
        pytest.skip(f"no font on this machine has {missing[0]!r}")


def built_in_font_file() -> bytes:
    return ImageFont.load_default(20).path.getvalue()


def test_a_patch_that_reaches_outside_is_cut_off():
    patch = text("Ada", 20, ground=SHADE)
    whole = ground(100, 200)
    paste(whole, patch, 50, 30)
    part = ground(40, 60)
    paste(part, patch, -10, -5)
    height, width = patch.shape[0] - 5, min(patch.shape[1] - 10, 60)
    assert same(part[:height, :width], whole[35 : 35 + height, 60 : 60 + width])


@pytest.mark.parametrize(("left", "top"), [(-500, 0), (0, -500), (500, 0), (0, 500)])
def test_a_patch_wholly_outside_leaves_the_picture_alone(left: int, top: int):
    picture = ground()
    paste(picture, text("Ada", 20, ground=SHADE), left, top)
    assert same(picture, ground())


# Lines of text


def test_different_latin_names_look_different():
    assert len({text(name, 20).tobytes() for name in ("person_01", "person_02", "Jose", "Zoe")}) == 4


@pytest.mark.parametrize(("accented", "plain"), [("José", "Jose"), ("Zoë", "Zoe"), ("Łukasz", "Lukasz")])
def test_accents_are_drawn(accented: str, plain: str):
    needs_font_for(accented)
    assert not same(text(accented, 20), text(plain, 20))


def test_all_names_of_a_size_are_equally_high():
    assert len({text(name, 20).shape[0] for name in ("a", "박원상", "Ệg", "🎬", "", "محمد")}) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("박원상", "박원성"), ("佐藤", "佐膝"), ("محمد", "محمود"), ("Ольга", "Олъга"), ("🎬", "🎸")]
)
def test_names_in_other_scripts_look_different_and_are_no_blocks(one: str, other: str):
    needs_font_for(one + other)
    assert not same(inked(text(one, 24)), inked(text(other, 24)))
    blocks = text(one, 24, fonts=Fonts([]))
    assert not same(inked(text(one, 24)), inked(blocks))


def test_decomposed_names_as_a_mac_writes_them_look_like_composed_ones():
    plain = Fonts(font_folders(), layout=ImageFont.Layout.BASIC)  # raqm might compose by itself
    for name in ("박원상", "José"):
        assert same(text(unicodedata.normalize("NFD", name), 20, fonts=plain), text(name, 20, fonts=plain))


def test_each_script_of_a_mixed_name_is_drawn_as_it_is_alone():
    needs_font_for("박")
    mixed, alone = inked(text("José 박", 24)), inked(text("박", 24))
    assert np.abs(mixed[:, -alone.shape[1] :, 3].astype(int) - alone[:, :, 3]).mean() < 12  # but for part of a pixel


@pytest.mark.parametrize("layout", [None, ImageFont.Layout.BASIC], ids=["as Pillow can", "without raqm"])
class TestLeftwardNames:
    @pytest.fixture
    def fonts(self, layout) -> Fonts:
        needs_font_for("שגב")
        return Fonts(font_folders(), layout=layout)

    def test_begin_at_the_right(self, fonts: Fonts):
        name, first = inked(text("גש", 24, fonts=fonts)), inked(text("ג", 24, fonts=fonts))
        last = inked(text("ש", 24, fonts=fonts))
        width = min(first.shape[1], last.shape[1]) - 2
        right = name[:, -width:, 3].astype(int)
        assert np.abs(right - first[:, -width:, 3]).mean() < np.abs(right - last[:, -width:, 3]).mean()

    def test_have_numbers_that_read_rightward(self, fonts: Fonts):
        name, number = inked(text("גש 1.2", 24, fonts=fonts)), inked(text("1.2", 24, fonts=fonts))
        assert np.abs(name[:, : number.shape[1], 3].astype(int) - number[:, :, 3]).mean() < 12

    def test_stand_left_of_what_precedes_them_only_if_the_line_began_leftward(self, fonts: Fonts):
        assert same(inked(text("שi", 24, fonts=fonts)), inked(text("iש", 24, fonts=fonts)))


def test_arabic_letters_are_joined():
    needs_font_for("محمد")
    if not machine_fonts().shapes:
        pytest.skip("Pillow has no raqm here, which joins letters")
    assert inked(text("محمد", 40))[:, :, 3].any(axis=0).all()  # no gap between the letters


def test_emoji_come_in_colour_and_beside_them_digits_in_ink():
    needs_font_for("🎸")
    patch = text("🎸 2", 30, INK)
    solid = patch[:, :, 3] > 200
    colourful = solid & (np.ptp(patch[:, :, :3].astype(int), axis=2) > 60)
    assert colourful.any()
    right = patch[:, -inked(text("2", 30)).shape[1] - 4 :]
    assert (right[right[:, :, 3] > 0][:, :3] == 255).all()


@pytest.mark.parametrize("sequence", ["👨‍👩‍👧", "🇰🇷", "👍🏽", "❤️"])
def test_an_emoji_sequence_is_one_picture(sequence: str):
    needs_font_for("🎬" + sequence.replace("‍", "").replace("️", ""))
    if not machine_fonts().shapes:
        pytest.skip("Pillow has no raqm here, which joins sequences")
    assert abs(text(sequence, 30).shape[1] - text("🎬", 30).shape[1]) <= 2


# What cannot be drawn as it is


def test_what_no_font_has_becomes_blocks_and_is_told_once_a_script(caplog: pytest.LogCaptureFixture):
    fonts = Fonts([])
    with caplog.at_level(logging.WARNING):
        one, two = text("박", 24, fonts=fonts), text("박원", 24, fonts=fonts)
        text("김", 30, fonts=fonts)
        text("🎬", 30, fonts=fonts)
    assert inked(two).shape[1] > 1.5 * inked(one).shape[1]
    hangul, emoji = (record.getMessage() for record in caplog.records)
    assert "HANGUL" in hangul
    assert "fonts-noto-cjk" in hangul
    assert "fonts-noto-color-emoji" in emoji


def test_a_machine_without_fonts_draws_latin_names(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    fonts = Fonts([tmp_path, tmp_path / "missing"])
    assert not same(text("Ada", 20, fonts=fonts), text("Ida", 20, fonts=fonts))
    assert same(text("Zoë", 20, fonts=fonts), text("Zoe", 20, fonts=fonts))  # Pillow's font has no accents
    assert caplog.records == []


def test_broken_font_files_are_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    font = built_in_font_file()
    for name, content in {
        "empty.ttf": b"",
        "garbage.otf": b"garbage" * 1000,
        "collection.ttc": b"ttcf\x00\x01\x00\x00\xff\xff\xff\xff" + bytes(100),
        "short.ttf": font[:2000],
        "shuffled.ttf": font[:400] + bytes(reversed(font[400:])),
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "dangling.ttf").symlink_to(tmp_path / "nowhere")
    assert same(text("José", 20, fonts=Fonts([tmp_path])), text("José", 20, fonts=Fonts([])))
    assert caplog.records == []


def test_a_font_that_is_removed_meanwhile_costs_its_letters_only(tmp_path: Path):
    file = tmp_path / "some.ttf"
    file.write_bytes(built_in_font_file())
    fonts = Fonts([tmp_path])
    text("Ada", 20, fonts=fonts)
    file.unlink()
    assert inked(text("Ada", 30, fonts=fonts)).shape[1] > 0


def test_a_latin_name_opens_one_font_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(20):
        (tmp_path / f"sans-{number}.ttf").write_bytes(built_in_font_file())
    opened = []
    monkeypatch.setattr(
        font_files, "TTFont", lambda file, **options: opened.append(file.name) or TTFont(file, **options)
    )
    text("person_01", 20, fonts=Fonts([tmp_path]))
    assert opened == [str(tmp_path / "sans-0.ttf")]


def test_the_characters_of_a_font_are_those_that_fonttools_reads():
    paths = [path for path in machine_fonts()._files() if path.suffix == ".ttf"][:4]
    for path in (None, *paths):
        (face,) = font_files._open(path)
        with TTFont(ImageFont.load_default(20).path if path is None else path) as font:
            assert face.codes.tolist() == sorted(font.getBestCmap())


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("a\nb", "a b"),
        ("a\r\n\tb ", "a b"),
        ("a\x00\x1b\x7fb", "ab"),
        ("a\u202eb\u2066", "ab"),
        ("a\u2028b", "a b"),
        ("a\udcffb", "a\ufffdb"),
    ],
)
def test_control_characters_are_harmless(line: str, plain: str):
    assert same(text(line, 20), text(plain, 20))


@pytest.mark.parametrize(
    "line", ["", " ", "\u200d", "\u0301", "e" + "\u0301" * 500, "\U0010ffff", "\ue000", "🇰", "א\u200f"]
)
@pytest.mark.parametrize("size", [1, 2, 13, 60])
def test_odd_lines_are_drawn_somehow(line: str, size: int):
    patch = text(line, size, ground=SHADE, width=100)
    assert patch.dtype == np.uint8
    assert 0 < patch.shape[1] <= 100


@pytest.mark.parametrize("name", ["a very long name " * 9, "아주긴이름" * 30, "محمد" * 40, "🎬" * 50, "x" * 100_000])
def test_long_names_are_shortened_to_the_width(name: str):
    patch = text(name, 20, width=200)
    assert 150 < patch.shape[1] <= 200


@pytest.mark.parametrize("name", ["minimum " * 9, "שלום " * 20], ids=["rightward", "leftward"])
def test_a_shortened_name_ends_in_an_ellipsis(name: str):
    needs_font_for(name + "…")
    dots = inked(text("…", 20))[:, -8:, 3].astype(int)
    end = slice(-8, None) if name.startswith("m") else slice(None, 8)
    shortened = inked(text(name, 20, width=200))[:, end, 3].astype(int)
    full = inked(text(name, 20))[:, end, 3].astype(int)
    assert np.abs(shortened - dots).mean() < 12 < np.abs(full - dots).mean()


def test_a_shortened_name_is_not_drawn_again_for_a_pixel_of_width():
    assert text("somebody " * 9, 20, width=203) is text("somebody " * 9, 20, width=209)


def test_a_width_below_one_letter_is_kept():
    assert text("somebody", 20, width=5).shape[1] <= 5


def test_patches_are_shared_and_therefore_read_only():
    patch = text("Ada", 20)
    assert text("Ada", 20, width=500) is patch
    with pytest.raises(ValueError, match="read-only"):
        patch[0, 0] = 0


def test_letters_without_size_are_refused():
    with pytest.raises(ValueError, match="at least 1 pixel, not 0"):
        text("Ada", 0)
