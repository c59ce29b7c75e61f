"""The command as a user types it."""

from __future__ import annotations

import csv
import gc
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import click
import cv2
import numpy as np
import pytest

from face_classifier.cli import demo, people, photos
from face_classifier.cli import main as cli
from face_classifier.cli.options import kept_as_loaded

COMMAND = [sys.executable, "-m", "face_classifier"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs the command in this process, in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of one portrait then two of another, small for speed."""
    path = tmp_path_factory.mktemp("clip") / "two people.mp4"
    photographs = demo.photographs()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (320, 320))
    for name, (top, left) in (("obama.jpg", (60, 250)), ("biden.jpg", (170, 340))):
        part = cv2.imread(str(photographs[name]))[top : top + 480, left : left + 480]
        for _ in range(20):
            writer.write(cv2.resize(part, (320, 320), interpolation=cv2.INTER_AREA))
    writer.release()
    return path


def assert_one_sentence(code: int, out: str, err: str) -> None:
    assert code != 0
    assert not out
    assert err.startswith("face-classifier: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_a_video_becomes_folders_of_people_and_statistics(run, clip: Path):
    code, out, _ = run(clip, "-S", "0.5", "--refresh", "0")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "2 persons, 8 known faces, 0 unknown faces"
    assert lines[1].startswith("person_01  [ 0.000 ")
    assert lines[1].endswith(", 4 faces")
    assert sorted(path.name for path in Path("result").iterdir() if path.is_dir()) == [
        "person_01",
        "person_02",
        "unknowns",
    ]
    assert len(list(Path("result").glob("person_0*/*.png"))) == 8
    montage = cv2.imread("result/montage.person_01-00.png")
    assert montage.shape == (256, 768, 3)
    assert montage[:128, : 4 * 128].std() > 20


def test_a_renamed_folder_is_the_name_in_the_next_run(run, clip: Path):
    run(clip, "-S", "1", "--founding", "2")
    Path("result/person_01").rename("result/버락 오바마")
    code, out, _ = run(clip, "-S", "1", "--founding", "2", "--jsonl", "lines.jsonl")
    assert code == 0
    assert [line.split("[")[0].strip() for line in out.splitlines()[1:]] == ["person_02", "버락 오바마"]
    people = [json.loads(line)["person"] for line in Path("lines.jsonl").read_text("utf-8").splitlines()]
    assert people == ["버락 오바마", "버락 오바마", "person_02", "person_02"]


def test_json_lines_tell_each_face_and_again_the_unknown_that_became_a_person(run, clip: Path):
    run(clip, "-S", "1", "--stop", "1.5", "--founding", "2", "--jsonl", "lines.jsonl")
    first, second, again = (json.loads(line) for line in Path("lines.jsonl").read_text().splitlines())
    assert (first["person"], first["distance"], first["frame"], first["position"]) == (None, None, 0, 0.0)
    assert (second["person"], second["frame"]) == ("person_01", 10)
    assert (again["face"], again["person"]) == (first["face"], "person_01")
    assert 0 < again["distance"] == second["distance"] < 0.44
    assert first["source"] == str(clip)
    assert first["time"].endswith("+00:00")
    top, right, bottom, left = first["box"]
    assert top < bottom
    assert left < right
    assert Path(f"result/person_01/{first['face']}.png").exists()


def test_export_tells_faces_as_labelled_now_in_both_forms(run, clip: Path):
    run(clip, "-S", "1", "--founding", "2")
    Path("result/person_02").rename("result/Joe")
    code, out, err = run("export", "--format", "jsonl")
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["person"] for line in lines] == ["person_01", "person_01", "Joe", "Joe"]
    assert all(0 <= line["distance"] < 0.44 for line in lines)
    rows = list(csv.DictReader(io.StringIO(run("export", "--format", "csv")[1])))
    assert list(rows[0]) == [
        "source", "frame", "position", "time", "top", "right", "bottom", "left", "face", "person", "distance",
        "fingerprint",
    ]  # fmt: skip
    assert [int(rows[0][side]) for side in ("top", "right", "bottom", "left")] == lines[0]["box"]


def test_export_and_json_lines_tell_faces_of_a_copied_clip_by_its_fingerprint(run, clip: Path):
    Path("elsewhere").mkdir()
    for name in ("a", "b"):  # copies lose their date, which the names of the faces are made of
        os.utime(shutil.copyfile(clip, f"elsewhere/{name}.mp4"), (1e9 + ord(name), 1e9))
        run(f"elsewhere/{name}.mp4", "-S", "2", "--result", name, "--jsonl", f"{name}.jsonl")
    content = f"{clip.stat().st_size}-{hashlib.sha256(clip.read_bytes()).hexdigest()}"
    for name in ("a", "b"):
        exported = [json.loads(line) for line in run("export", "--result", name)[1].splitlines()]
        kept = [json.loads(line) for line in Path(f"{name}.jsonl").read_text("utf-8").splitlines()]
        for lines in (exported, kept):
            assert [(list(line)[-1], line["fingerprint"]) for line in lines] == [("fingerprint", content)] * 2
    rows = csv.DictReader(io.StringIO(run("export", "--result", "a", "--format", "csv")[1]))
    assert [row["fingerprint"] for row in rows] == [content] * 2


def test_people_prints_the_matrix_that_the_run_printed(run, clip: Path):
    _, printed, _ = run(clip, "-S", "1", "--founding", "2")
    assert run("people", "--matrix") == (0, printed, "")


def test_people_is_a_table_in_natural_order_with_who_is_nearest(run, clip: Path):
    run(clip, "-S", "1", "--founding", "2")
    Path("result/person_02").rename("result/person_11")
    Path("result/person_01").rename("result/person_9")
    code, out, err = run("people")
    counts, header, *rows = out.splitlines()
    assert (code, err, counts) == (0, "", "2 persons, 4 known faces, 0 unknown faces")
    assert header.split() == "person faces first seen last seen spread nearest apart".split()
    assert [row.split()[0] for row in rows] == ["person_9", "person_11"]
    assert [row.split()[-2] for row in rows] == ["person_11", "person_9"]
    local = datetime.fromtimestamp(clip.stat().st_mtime).strftime("%Y-%m-%d")
    assert all(row.split()[1:3] == ["2", local] for row in rows)


def test_people_as_json_has_the_names_of_the_contract(run, clip: Path):
    run(clip, "-S", "1", "--founding", "2")
    found = json.loads(run("people", "--json")[1])
    assert [list(person) for person in found["people"]] == [
        ["person", "faces", "first", "last", "spread", "nearest", "distance"]
    ] * 2
    one, other = found["people"]
    assert (one["person"], one["faces"], one["nearest"]) == ("person_01", 2, "person_02")
    assert one["distance"] == other["distance"] > 0.6
    assert one["first"] < one["last"] < other["last"]
    assert one["first"].endswith("+00:00")
    assert found["unknown_faces"] == 0


def test_every_printing_command_prints_one_json_document(run, clip: Path):
    assert json.loads(run(clip, "-S", "1", "--founding", "2", "--json")[1])["people"]
    face = json.loads(run("export", "--json")[1])[0]["face"]
    documents = {
        ("people",): "people",
        ("explain", face): "probability",
        ("audit",): "outliers",
        ("audit", "--apply"): "moved",
        ("replay",): "changes",
        ("suggest", "reject", "person_01", "person_02"): "apart",
        ("suggest", "accept", "person_01", "person_02"): "person",
        ("reencode", "--encoder", "dlib"): "encoded",
        ("verify",): "findings",
    }
    for line, key in documents.items():
        code, out, err = run(*line, "--json")
        assert (code, err) == (0, ""), line
        assert key in json.loads(out), line
    for line in (("export",), ("rethink",), ("rethink", "--dry-run"), ("suggest",), ("models",)):
        code, out, err = run(*line, "--json")
        assert (code, err) == (0, ""), line
        assert isinstance(json.loads(out), list), line
    assert set(json.loads(run("models", "--json")[1])[0]) == {"model", "licence", "state", "path"}
    moved = json.loads(run("export", "--json")[1])
    assert {one["person"] for one in moved} == {"person_01"}


def test_a_command_that_prints_has_json():
    silent = {"models fetch", "web"}  # which tells its address alone
    commands = dict(cli._main.commands)
    for name, group in list(commands.items()):
        if isinstance(group, click.Group):
            commands |= {f"{name} {inner}": command for inner, command in group.commands.items()}
    without = {name for name, one in commands.items() if not any("--json" in param.opts for param in one.params)}
    assert without == silent


def test_captures_are_drawn_and_come_once_however_often_it_runs(run, clip: Path):
    for _ in range(2):
        assert run(clip, "-S", "2", "-c", "shots")[0] == 0
    shots = sorted(Path("shots").glob("*.png"))
    assert len(shots) == 2
    plain = cv2.VideoCapture(str(clip)).read()[1]
    assert np.abs(cv2.imread(str(shots[0])).astype(int) - plain).max() > 100


def test_pictures_and_folders_are_sources_and_results_are_not(run, photographs: dict[str, Path]):
    album = Path("album")
    (album / "deep").mkdir(parents=True)
    for target, name in (("b.jpg", "obama.jpg"), ("deep/a.jpg", "biden.jpg"), (".hidden.jpg", "biden.jpg")):
        image = cv2.imread(str(photographs[name]))
        cv2.imwrite(str(album / target), cv2.resize(image, None, fx=0.5, fy=0.5))
    code, out, _ = run(album, "--result", album / "result", "--jsonl", "l.jsonl")
    assert (code, out) == (0, "0 persons, 0 known faces, 2 unknown faces\n")
    assert [json.loads(line)["source"] for line in Path("l.jsonl").read_text().splitlines()] == [
        "album/b.jpg",
        "album/deep/a.jpg",
    ]
    assert run(album, "--result", album / "result")[1] == out


@pytest.mark.parametrize("line", [[], ["recognize"], ["enroll", "Ada"], ["group", "-o", "out"], ["similar"]])
def test_what_a_folder_has_besides_is_told_at_the_end(run, photographs: dict[str, Path], line: list[str]):
    album = Path("album")
    album.mkdir()
    for name in ("obama.jpg", "obama2.jpg"):
        image = cv2.imread(str(photographs[name]))
        cv2.imwrite(str(album / name), cv2.resize(image, None, fx=0.5, fy=0.5))
    (album / "obama2.jpg").rename(album / "obama2.jpg_large")
    assert run(album, "--founding", "2")[0] == 0
    for number in range(25):
        (album / f"torn{number}.jpg").write_text("no picture")
    (album / "notes.txt").write_text("Dear diary")
    more = ["--gallery", "result"] if line == ["similar"] else []
    _, _, err = run(*line, album, *more)
    assert err.splitlines()[-1] == (
        "face-classifier: passed over 1 file of no known format in album: 1 .txt (notes.txt)"
    )


def test_one_bad_source_is_told_and_the_others_go_on(run, clip: Path):
    Path("text.mp4").write_text("this is no video")
    code, out, err = run("text.mp4", clip, "missing.mp4", "-S", "2")
    assert code == 1
    assert "2 unknown faces" in out
    assert len(err.splitlines()) == 2
    assert "text.mp4" in err
    assert "missing.mp4" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("missing.mp4",), ("text.mp4",), ("-t", "-1", "text.mp4"), ("-t", "abc", "text.mp4"), ("97",),
        ("--result", "text.mp4", "text.mp4"), ("--config", "none.yaml", "text.mp4"), ("--nonsense",), ("-d",),
        ("people",), ("export", "--format", "xml"), ("empty",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_one_sentence(run, arguments: tuple[str, ...]):
    Path("text.mp4").write_text("this is no video")
    Path("empty").mkdir()
    assert_one_sentence(*run(*arguments))


@pytest.mark.parametrize("display", [None, ":73"])
def test_a_window_without_a_display_is_refused_and_nothing_aborts(run, clip: Path, monkeypatch, display: str | None):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)
    else:
        monkeypatch.delenv("DISPLAY", raising=False)
    assert_one_sentence(*run(clip, "-d"))


def test_an_unwritable_result_folder_is_told(run, clip: Path):
    assert_one_sentence(*run(clip, "--result", "/proc/nothing/here"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["^C", "SIGTERM"])
def test_an_interrupted_run_saves_and_prints_statistics(tmp_path: Path, demo_clip: Path, number: signal.Signals):
    process = subprocess.Popen(
        [*COMMAND, str(demo_clip), "-S", "0", "--jsonl", "l.jsonl"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    lines = tmp_path / "l.jsonl"
    deadline = time.monotonic() + 60
    while not (lines.exists() and lines.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert " known face" in out.splitlines()[0]
    assert (tmp_path / "result" / "face_encodings").exists()
    kept = {json.loads(line)["face"] for line in lines.read_text().splitlines()}
    assert {path.stem for path in (tmp_path / "result").glob("*/*.png")} == kept


@pytest.mark.parametrize(
    "words",
    [
        ["similar", "photos/one.png", "--gallery", "photos"],
        ["dimensions", "--gallery", "photos"],
        ["recommend", "--gallery", "photos", "--no-browser"],
        ["group", "photos", "-o", "album"],
        ["enroll", "Somebody", "photos"],
    ],
    ids=lambda words: words[0],
)
def test_what_is_stopped_before_it_is_done_ends_as_if_by_control_c(run, tmp_path: Path, monkeypatch, words: list[str]):
    stopped = threading.Event()
    stopped.set()
    for commands in (people, photos):
        monkeypatch.setattr(commands, "stop_on_signals", lambda: stopped)
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "one.png"), np.zeros((50, 50, 3), np.uint8))
    code, out, err = run(*words)
    assert (code, out) == (130, "")
    assert err.startswith("face-classifier: stopped ")
    assert err.count("\n") == 1


def test_the_same_program_answers_as_a_module_and_help_is_quick(tmp_path: Path):
    started = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert started.stdout.startswith("face-classifier, version ")
    program = "import sys; from face_classifier.cli import main as cli; cli.main(['--help']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    # speed is not asserted: what makes a start slow is
    assert not {"numpy", "cv2", "dlib", "rich", "PIL"} & set(loaded.splitlines()[-1].split())


def test_what_is_loaded_is_kept_and_garbage_is_looked_for_again_whatever_happened():
    def load() -> None:
        assert not gc.isenabled()
        raise ZeroDivisionError

    before = gc.get_freeze_count()
    try:
        with pytest.raises(ZeroDivisionError), kept_as_loaded():
            load()
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


def test_a_run_of_files_does_not_load_what_only_cameras_and_configurations_need(tmp_path: Path, demo_clip: Path):
    program = "import sys; from face_classifier.cli import main as cli; cli.main(sys.argv[1:]); print(*sys.modules)"
    line = [sys.executable, "-c", program, str(demo_clip), "--stop", "0.1", "--result", str(tmp_path / "result")]
    loaded = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()
    assert "cv2" in loaded
    assert not {"pydantic", "yaml", "asyncio", "onnx", "fastapi"} & set(loaded)


def test_the_clip_of_the_demo_can_be_had_alone(tmp_path: Path, demo_clip: Path, capsys: pytest.CaptureFixture[str]):
    copy = tmp_path / "demo.mp4"
    assert cli.main(["demo", "--clip", str(copy)]) == 0
    assert copy.read_bytes() == demo_clip.read_bytes()
    assert capsys.readouterr().out == f"The clip is {copy}.\n"
    assert list(tmp_path.iterdir()) == [copy]


def test_the_demo_names_the_same_people_and_faces_every_time(tmp_path: Path):
    """The real command, in a process of its own, into a folder of its own."""
    outputs, listings = [], []
    environment = {**os.environ, "FACE_CLASSIFIER_RESULT": "the user's gallery"}
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        done = subprocess.run(
            [*COMMAND, "demo", "-S", "2"], cwd=tmp_path / folder, capture_output=True, text=True, env=environment
        )
        assert (done.returncode, done.stderr) == (0, "")
        outputs.append(done.stdout.splitlines()[:-1])
        root = tmp_path / folder / demo.RESULT
        listings.append(sorted(str(path.relative_to(root)) for path in root.rglob("*.png")))
        assert [path.name for path in (tmp_path / folder).iterdir()] == [demo.RESULT]
    assert outputs[0] == outputs[1]
    assert listings[0] == listings[1]
    assert outputs[0][0].startswith("2 persons, ")


def test_a_misspelt_command_is_told_unless_it_is_a_file(run):
    code, out, err = run("recogniz", "0")
    assert_one_sentence(code, out, err)
    assert "did you mean recognize?" in err
    Path("recogniz").write_text("no video")
    assert "recogniz is a text" in run("recogniz")[2]


def test_a_skip_beyond_the_end_is_told(run, clip: Path):
    code, out, err = run(clip, "-k", "100")
    assert (code, out) == (0, "0 persons, 0 known faces, 0 unknown faces\n")
    assert err == f"face-classifier: {clip} has no frame to analyse from second 100 on; give a smaller --skip\n"


@pytest.mark.parametrize("command", ["people", "export", "audit", "suggest", "calibrate", "replay"])
def test_a_folder_of_something_else_is_not_taken_for_a_result_folder(run, tmp_path: Path, command: str):
    (tmp_path / "pictures" / "Anna").mkdir(parents=True)
    code, out, err = run(command, "--result", tmp_path / "pictures")
    assert (code, out) == (1, "")
    assert "so it is not a result folder; name one with --result" in err


def test_without_an_output_nothing_is_raised(tmp_path: Path):
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *COMMAND, "models"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stop_while_it_is_loaded_leaves_no_traceback(tmp_path: Path):
    (tmp_path / "click.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    paths = os.pathsep.join([str(tmp_path), str(Path(cli.__file__).parents[2])])
    with subprocess.Popen(
        [*COMMAND, "models"], env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"loading\n"
        started.send_signal(signal.SIGINT)
        _, err = started.communicate()
    assert (started.returncode, err) == (-signal.SIGINT, b"")


def test_what_is_logged_is_quiet_unless_it_is_asked_for(run, clip: Path, monkeypatch: pytest.MonkeyPatch):
    code, _, quiet = run(clip, "-S", "2")
    assert (code, quiet) == (0, "")
    monkeypatch.setenv("FACE_CLASSIFIER_LOG", "debug")
    code, _, told = run(clip, "-S", "2")
    assert code == 0
    assert all(
        re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} face_classifier\S* \[", line) for line in told.splitlines()
    )
    assert f"{clip}: " in told
    assert "the engine fast" in told


def test_a_traceback_is_logged_where_it_is_asked_for_and_the_sentence_stays(run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACE_CLASSIFIER_LOG", "debug")
    code, _, told = run("people", "--result", "nowhere")
    assert code == 1
    assert told.splitlines()[-1].startswith("face-classifier: there is no result folder nowhere; ")
    assert "Traceback" in told


def test_a_log_of_another_kind_is_refused(run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACE_CLASSIFIER_LOG", "loud")
    code, out, told = run("people")
    assert (code, out) == (2, "")
    assert told == "face-classifier: FACE_CLASSIFIER_LOG is 'loud', but must be debug, text or json, or not be set\n"


def test_what_a_log_shows_cannot_command_a_terminal(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FACE_CLASSIFIER_LOG", "debug")
    (tmp_path / "a\x1b[2J.png").write_bytes(b"")
    assert "\x1b" not in run(tmp_path / "a\x1b[2J.png")[2]


@pytest.mark.parametrize(
    "words",
    [
        ["clip.mp4", "-S", "abc"],
        ["clip.mp4", "--quality", "2"],
        ["clip.mp4", "--encoder", "other"],
        ["peopel"],
        ["undo", "--to", "x"],
        ["export", "--format", "xls"],
        ["recognize"],
        ["reject"],
        ["reencode"],
        ["group"],
        ["calibrate", "--rate", "x"],
        ["similar", "me.jpg"],
        ["evaluate"],
        ["people", "--nothing"],
        ["clip.mp4", "--mixed"],
        ["clip.mp4", "--again"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_told_in_one_sentence_with_its_own_exit_code(run, words: list[str]):
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
