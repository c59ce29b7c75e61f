"""Commands about the people of a result folder: list and export them, teach one, recognise them."""

from __future__ import annotations

import sys
from typing import Any

import click

from face_classifier.cli.options import json_option, load_settings, result_option, stop_on_signals
from face_classifier.core.config import flat
from face_classifier.core.errors import StoppedError, WrongUseError


@click.command("people")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@result_option
@click.option("--matrix", is_flag=True, help="Print the distances of everybody to everybody instead.")
@click.option("--montage", is_flag=True, help="Make the montages of the people NAME... instead, and print their paths.")
@json_option
def _people(names: tuple[str, ...], result: str | None, matrix: bool, montage: bool, as_json: bool) -> None:
    """List the people of a result folder, or make the montages of some."""
    from face_classifier.cli import console
    from face_classifier.gallery.snapshot import faces_of

    if montage != bool(names) or (montage and matrix):
        raise WrongUseError("--montage and the names of people belong together, without --matrix; give both, or none")
    if montage:
        _draw_montages(names, result, as_json=as_json)
        return
    sightings = faces_of(load_settings({"result": result}), observer := console.Screen())
    observer.finish()
    if as_json:
        console.print_json(console.people_record(sightings))
    elif matrix:
        console.print_lines(console.statistics_lines(sightings))
    else:
        console.print_people(sightings)


def _draw_montages(names: tuple[str, ...], result: str | None, *, as_json: bool) -> None:
    from face_classifier.cli import console
    from face_classifier.curate import corrections

    made = corrections.draw_montages(load_settings({"result": result}), observer := console.Screen(), names)
    observer.finish()
    record = [{"person": name, "montages": [str(path) for path in paths]} for name, paths in made.items()]
    console.print_answer(as_json, record, [str(path) for paths in made.values() for path in paths])


@click.command("export")
@result_option
@click.option(
    "--format",
    "form",
    metavar="jsonl|csv|npz|parquet",
    default="jsonl",
    help="JSON lines, CSV, or with encodings NumPy's npz or Parquet. [default: jsonl]",
)
@json_option
def _export(result: str | None, form: str, as_json: bool) -> None:
    """Print a line for every face of a result folder as it is labelled now."""
    from face_classifier.cli import console
    from face_classifier.events import arrays, records
    from face_classifier.gallery.snapshot import faces_of, take_snapshot
    from face_classifier.identity.rules import profile_of
    from face_classifier.identity.statistics import with_distances_today

    lines = {"jsonl": records.write_json_lines, "csv": records.write_csv}
    files = {"npz": arrays.npz, "parquet": arrays.parquet}
    if form not in (*lines, *files):
        raise WrongUseError(f"--format is {form!r}, but must be one of {', '.join((*lines, *files))}")
    if form in files and not as_json and sys.stdout.isatty():
        raise WrongUseError(f"--format {form} is not text; write it to a file, such as >faces.{form}")
    chosen, observer = load_settings({"result": result}), console.Screen()
    if form in files and not as_json:
        snapshot = take_snapshot(chosen, observer)
        observer.finish()
        profile, faces = profile_of(snapshot.settings), list(with_distances_today(snapshot.faces))
        sys.stdout.buffer.write(files[form](faces, profile.encoder, profile.name))
        return
    sightings = faces_of(chosen, observer)
    observer.finish()
    faces = list(with_distances_today(sightings))
    if as_json:
        console.print_json([records.record(face) for face in faces])
    else:
        lines[form](sys.stdout, faces)


@click.command("enroll")
@click.argument("name", metavar="NAME")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@result_option
@click.option("--views", metavar="NUMBER", default="8", help="How many views to keep. [default: 8]")
@click.option("--encoder", metavar="dlib|sface", help="The encoder of a new result folder. [default: sface]")
@click.option("-d", "--display", is_flag=True, default=None, help="Show the frames live, and what to do; q stops.")
@click.option("--adopt", is_flag=True, default=None, help="Make a result folder of one that is none yet.")
@json_option
def _enroll(
    name: str,
    sources: tuple[str, ...],
    result: str | None,
    views: str,
    encoder: str | None,
    display: bool | None,
    adopt: bool | None,
    as_json: bool,
) -> None:
    """Put the best and most different views of one person into the folder NAME, from a webcam, videos or photos."""
    from face_classifier.cli import console
    from face_classifier.teach import enrol, outcome

    if not sources:
        raise WrongUseError("no source is given; name a webcam (0), a video, a photo or a folder of them")
    most = flat.count(views, "--views")
    chosen = load_settings({"result": result, "encoder": encoder, "display": display, "adopt": adopt})
    observer, stopping = console.Screen(), stop_on_signals()
    enrolled = enrol.enrol(chosen, name, sources, stopping, observer, views=most)
    for warning in enrolled.warnings():
        observer.problem(warning)
    observer.finish()
    if as_json:
        console.print_json(enrolled.record())
    else:
        console.print_table(outcome.HEADER, outcome.rows(enrolled))
        console.print_lines(outcome.lines(enrolled))
    if stopping.is_set():
        raise StoppedError(f"stopped; what was seen of {enrolled.name} until then is kept")
    if enrolled.failed:
        raise SystemExit(1)


@click.command("recognize")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@result_option
@click.option("-t", "--threshold", metavar="NUMBER|auto", help="Similarity threshold, as of a run.")
@click.option("--emotion", is_flag=True, default=None, help="Tell what each face seems to express.")
@click.option("--emotion-engine", metavar="fer|deepface", help="The engine that reads it. [default: fer]")
@json_option
def _recognize(sources: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Tell who is in two seconds of a webcam, in a video or a photo, from all of its frames together."""
    from face_classifier.cli import console
    from face_classifier.teach import recognize

    if not sources:
        raise WrongUseError("no source is given; name a webcam (0), a video, a photo or a folder of them")
    observer = console.Screen()
    recognized = recognize.recognize(load_settings(flags), sources, stop_on_signals(), observer)
    observer.finish()
    if as_json:
        console.print_json([answer.record() for answer in recognized.answers])
    elif recognized.answers:
        header, *rows = recognize.table(recognized.answers)
        console.print_table(header, rows)
    if recognized.failed:
        raise SystemExit(1)


COMMANDS: list[click.Command] = [_people, _export, _enroll, _recognize]
