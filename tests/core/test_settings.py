from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from pydantic_core import to_jsonable_python

from face_classifier.core.config import flat
from face_classifier.core.config.load import load
from face_classifier.core.config.settings import OWN, Settings
from face_classifier.core.errors import UserError
from face_classifier.vision.sface import SCALE

DEFAULTS = Path(__file__).parents[2] / "configs" / "default.yaml"


def test_a_key_that_stands_twice_is_told(tmp_path: Path):
    path = tmp_path / "c.yaml"
    path.write_text("threshold: 0.5\nseconds: 2\nthreshold: 0.6\n")
    with pytest.raises(UserError, match=r"'threshold' stands twice in .*c\.yaml, on lines 1 and 3; leave one out"):
        load({}, str(path))


def test_the_default_configuration_lists_every_key_at_its_default():
    names = (*(field.name for field in dataclasses.fields(flat.Flat)), *OWN)
    assert yaml.safe_load(DEFAULTS.read_text()) == to_jsonable_python(
        {name: getattr(Settings(), name) for name in names}
    )


def test_the_default_configuration_file_loads_as_the_defaults():
    assert load({}, str(DEFAULTS), {}) == Settings()


def test_flags_win_over_the_environment_and_the_environment_over_the_file(tmp_path: Path):
    config = tmp_path / "c.yaml"
    config.write_text("threshold: 0.1\nseconds: 0.1\nskip: 0.1\n")
    environ = {"FACE_CLASSIFIER_THRESHOLD": "0.2", "FACE_CLASSIFIER_SECONDS": "0.2"}
    chosen = load({"threshold": "0.3"}, str(config), environ)
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
        load({key: value}, None, {})


def test_a_threshold_of_sfaces_former_scale_is_refused_with_todays():
    with pytest.raises(UserError, match=r"--threshold is '1\.03'.* at most 0\.8.*for its former 1\.03 give 0\.46$"):
        load({"threshold": "1.03"}, None, {})
    assert load({"threshold": "0.8"}, None, {}).threshold == 0.8
    assert f"{1.2 * SCALE:.2g}" in flat.todays_threshold(1.2)  # on the scale of the encoder itself
    assert flat.todays_threshold(0.8) == flat.todays_threshold(2.1) == ""


def test_a_wrong_value_in_the_file_names_the_file(tmp_path: Path):
    config = tmp_path / "c.yaml"
    config.write_text("threshold: true\n")
    with pytest.raises(UserError, match=r"threshold in .*c\.yaml, line 1, is True"):
        load({}, str(config), {})


def test_how_often_one_looks_is_the_engines_unless_the_user_says_it():
    steps = [load(flags, None, {}).step for flags in ({}, {"engine": "original"}, {"seconds": 0})]
    assert steps == [0.5, 1.0, 0.0]
    assert load({"seconds": 3, "engine": "original"}, None, {}).step == 3.0


def test_a_wrong_value_in_the_environment_names_the_variable():
    with pytest.raises(UserError, match="FACE_CLASSIFIER_THRESHOLD is 'x'"):
        load({}, None, {"FACE_CLASSIFIER_THRESHOLD": "x"})


def test_an_unknown_key_in_the_file_is_refused_with_the_keys_there_are(tmp_path: Path):
    config = tmp_path / "c.yaml"
    config.write_text("treshold: 0.4\n")
    with pytest.raises(UserError, match=r"unknown key 'treshold'.*threshold"):
        load({}, str(config), {})


@pytest.mark.parametrize("content", ["- a\n- b\n", "a: [", "just words", "\x00"])
def test_a_file_that_is_no_mapping_is_refused_in_a_sentence(tmp_path: Path, content: str):
    config = tmp_path / "c.yaml"
    config.write_text(content)
    with pytest.raises(UserError, match=r"c\.yaml") as error:
        load({}, str(config), {})
    assert "\n" not in str(error.value)


def test_a_missing_configuration_file_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be read"):
        load({}, str(tmp_path / "none.yaml"), {})


def test_an_empty_configuration_file_changes_nothing(tmp_path: Path):
    config = tmp_path / "c.yaml"
    config.write_text("# nothing yet\n")
    assert load({}, str(config), {}) == Settings()


def test_a_stop_before_the_skip_is_refused():
    with pytest.raises(UserError, match="stop is 2 s and skip is 3 s"):
        load({"stop": "2", "skip": "3"}, None, {})


_NEXT = dict(zip("abcdef", "bcdefg", strict=True))
BOMB = "a: &a [x]\n" + "".join(f"{two}: &{two} [{f'*{one}, ' * 9}]\n" for one, two in _NEXT.items())
MERGED = "a: &a {x: 1}\n" + "".join(f"{two}: &{two} {{<<: [*{one}, *{one}]}}\n" for one, two in _NEXT.items())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("seconds: 1\nthreshold: " + "[" * 200_000, "'threshold' in {file}, line 2, is a list"),
        ("threshold: " + "{a: " * 50_000, "'threshold' in {file}, line 1, is a mapping"),
        ("[" * 200_000, "holds a list"),
        ("seconds: 1\nresult: 2024-13-45", "'result' in {file}, line 2, is '2024-13-45', which is not a valid"),
        ("result: 2024-02-30 25:61:00", "line 1, is '2024-02-30 25:61:00', which is not a valid timestamp"),
        ("threshold: " + "9" * 5000, "'threshold' in {file}, line 1, is '9999"),
        ("threshold: 0x" + "f" * 5000, "threshold in {file}, line 1, is a int that is too long to be shown"),
        ("threshold: " + "9" * 4000, "threshold in {file}, line 1, is 9999"),
        ("display: " + "9" * 4000, "display in {file}, line 1, is 9999"),
        ("threshold: !!int x", "is 'x', which is not a valid int"),
        ("threshold: !!python/object/apply:os.system [ls]", "is a list"),
        ("threshold: !!python/name:os.system ''", "which is not a valid "),
        ("threshold: !!timestamp x", "is 'x', which is not a valid timestamp"),
        ("threshold: !!bool x", "is 'x', which is not a valid bool"),
        ("threshold: &a 0.4\nseconds: *a", "'seconds' in {file}, line 2, is an alias"),
        (BOMB, "'a' in {file}, line 1, is a list"),
        (MERGED, "'a' in {file}, line 1, is a mapping"),
        ("? [a, b]\n: 1", "{file}, line 1, has a key that is not a word"),
        ("seconds: 1\n---\nseconds: 2", "line 2, begins a second document"),
        ("seconds: 1\ntreshold: 0.4", "{file}, line 2, has the unknown key 'treshold'; did you mean threshold?"),
        ("k" * 900 + ": 1", "has the unknown key"),
        ("# " + "x" * 1_000_001, "is larger than 1 MB"),
        ("result: \"\\ud800\"", "which is not a path"),
        ("stop: .inf", "stop in {file}, line 1, is inf"),
    ],
)  # fmt: skip
def test_no_file_costs_more_than_a_sentence_with_file_line_and_key(tmp_path: Path, content: str, told: str):
    config = tmp_path / "c.yaml"
    config.write_text(content)
    with pytest.raises(UserError) as error:
        load({}, str(config), {})
    sentence = str(error.value)
    assert told.replace("{file}", str(config)) in sentence
    assert len(sentence) < 800
    assert "\n" not in sentence


@pytest.mark.parametrize("content", ["", "---\n", "# nothing\n", "~\n", "\ufeffskip: 0\n", "skip: 0\n...\n"])
def test_what_says_nothing_else_is_no_fault(tmp_path: Path, content: str):
    config = tmp_path / "c.yaml"
    config.write_text(content, "utf-8")
    assert load({}, str(config), {}) == Settings()


@pytest.mark.parametrize("given", ["9" * 5000, "-" + "9" * 5000, "x" * 100_000])
def test_a_value_that_is_too_long_is_told_in_short(given: str):
    with pytest.raises(UserError) as error:
        load({"threshold": given}, None, {})
    assert len(str(error.value)) < 300
    with pytest.raises(UserError):
        flat.count(given, "-k")
    with pytest.raises(UserError):
        flat.fraction(given, "--rate")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("FACE_CLASSIFIER_TRESHOLD", "did you mean FACE_CLASSIFIER_THRESHOLD?"),
        ("FACE_CLASSIFIER_MODEL", "did you mean FACE_CLASSIFIER_MODELS?"),
        ("FACE_CLASSIFIER_XYZZY_PLUGH_12345", "there are FACE_CLASSIFIER_THRESHOLD, "),
    ],
)
def test_a_misspelt_variable_is_told_as_a_misspelt_key_is(name: str, meant: str):
    with pytest.raises(UserError, match=f"the variable '{name}' is unknown") as error:
        load({}, None, {name: "1"})
    assert meant in str(error.value)


def test_the_variables_that_other_rooms_read_are_known():
    environ = {"FACE_CLASSIFIER_MODELS": "x", "FACE_CLASSIFIER_TEST_DATA": "x", "FACE": "x"}
    assert load({}, None, environ) == Settings()
