from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from face_classifier import settings
from face_classifier.errors import UserError
from face_classifier.settings import Settings

DEFAULTS = Path(__file__).parent.parent / "configs" / "default.yaml"


def test_the_default_configuration_lists_every_key_at_its_default():
    assert yaml.safe_load(DEFAULTS.read_text()) == dataclasses.asdict(Settings())


def test_the_default_configuration_file_loads_as_the_defaults():
    assert settings.load({}, str(DEFAULTS), {}) == Settings()


def test_flags_win_over_the_environment_and_the_environment_over_the_file(tmp_path: Path):
    config = tmp_path / "c.yaml"
    config.write_text("threshold: 0.1\nseconds: 0.1\nskip: 0.1\n")
    environ = {"FACE_CLASSIFIER_THRESHOLD": "0.2", "FACE_CLASSIFIER_SECONDS": "0.2"}
    chosen = settings.load({"threshold": "0.3"}, str(config), environ)
    assert (chosen.threshold, chosen.seconds, chosen.skip) == (0.3, 0.2, 0.1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", "-1"), ("threshold", "0"), ("threshold", "abc"), ("threshold", "nan"), ("threshold", "2.1"),
        ("seconds", "-0.5"), ("seconds", "inf"), ("resize_ratio", "0"), ("resize_ratio", "1.5"), ("skip", ""),
        ("stop", "-3"), ("display", "maybe"), ("result", ""),
    ],
)  # fmt: skip
def test_an_impossible_value_is_refused_naming_flag_and_value(key: str, value: str):
    flag = "--" + key.replace("_", "-")
    with pytest.raises(UserError, match=f"{flag} is {value!r}"):
        settings.load({key: value}, None, {})


def test_a_wrong_value_in_the_file_names_the_file(tmp_path: Path):
    config = tmp_path / "c.yaml"
    config.write_text("threshold: true\n")
    with pytest.raises(UserError, match=r"threshold in .*c\.yaml is True"):
        settings.load({}, str(config), {})


def test_a_wrong_value_in_the_environment_names_the_variable():
    with pytest.raises(UserError, match="FACE_CLASSIFIER_THRESHOLD is 'x'"):
        settings.load({}, None, {"FACE_CLASSIFIER_THRESHOLD": "x"})


def test_an_unknown_key_in_the_file_is_refused_with_the_keys_there_are(tmp_path: Path):
    config = tmp_path / "c.yaml"
    config.write_text("treshold: 0.4\n")
    with pytest.raises(UserError, match=r"unknown key 'treshold'.*threshold"):
        settings.load({}, str(config), {})


@pytest.mark.parametrize("content", ["- a\n- b\n", "a: [", "just words", "\x00"])
def test_a_file_that_is_no_mapping_is_refused_in_a_sentence(tmp_path: Path, content: str):
    config = tmp_path / "c.yaml"
    config.write_text(content)
    with pytest.raises(UserError, match=r"c\.yaml") as error:
        settings.load({}, str(config), {})
    assert "\n" not in str(error.value)


def test_a_missing_configuration_file_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be read"):
        settings.load({}, str(tmp_path / "none.yaml"), {})


def test_an_empty_configuration_file_changes_nothing(tmp_path: Path):
    config = tmp_path / "c.yaml"
    config.write_text("# nothing yet\n")
    assert settings.load({}, str(config), {}) == Settings()


def test_a_stop_before_the_skip_is_refused():
    with pytest.raises(UserError, match="stop is 2 s and skip is 3 s"):
        settings.load({"stop": "2", "skip": "3"}, None, {})
