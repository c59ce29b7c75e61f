"""Commands that question and correct a result folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from face_classifier.cli.options import json_option, load_settings, result_option, say, stop_on_signals
from face_classifier.core.config import flat
from face_classifier.core.errors import WrongUseError
from face_classifier.core.words import counted


@click.command("explain")
@click.argument("face", metavar="FACE")
@result_option
@click.option("--picture", metavar="FILE", help="Draw the face and its nearest ones into this PNG file.")
@json_option
def _explain(face: str, result: str | None, picture: str | None, as_json: bool) -> None:
    """Say why a face, given by name or path, is whose it is."""
    from face_classifier.cli import console
    from face_classifier.curate.questions import explain

    explanation = explain.explain_face(load_settings({"result": result}), face, picture, observer := console.Screen())
    observer.finish()
    console.print_answer(as_json, explain.record(explanation), explain.lines(explanation))


@click.command("audit")
@result_option
@click.option("--apply", is_flag=True, help="Move the outliers that the program placed itself to unknowns.")
@json_option
def _audit(result: str | None, apply: bool, as_json: bool) -> None:
    """List faces that do not fit their person, near-duplicates, and people that may be two."""
    from face_classifier.cli import console
    from face_classifier.curate.questions import audit

    chosen = load_settings({"result": result})
    findings, moved = audit.audit_gallery(chosen, observer := console.Screen(), apply=apply)
    observer.finish()
    done = [f"{counted(moved, 'face was', 'faces were')} moved to unknowns."] if apply else []
    lines = [*audit.lines(findings), *done]
    console.print_answer(as_json, {**audit.record(findings), "moved": moved}, lines)


@click.command("calibrate")
@result_option
@click.option("--rate", metavar="NUMBER", default="0.001", help="The wished false match rate. [default: 0.001]")
@json_option
def _calibrate(result: str | None, rate: str, as_json: bool) -> None:
    """Tell the threshold that suits a result folder."""
    from face_classifier.cli import console
    from face_classifier.curate.questions.calibration import calibrate_gallery

    wished = flat.fraction(rate, "--rate")
    calibration, threshold = calibrate_gallery(load_settings({"result": result}), observer := console.Screen())
    observer.finish()
    console.print_answer(
        as_json,
        console.calibration_record(calibration, wished, threshold),
        console.calibration_lines(calibration, wished, threshold),
    )


@click.command("evaluate")
@click.option(
    "--truth", metavar="FILE", help="A CSV file that tells who is who: face,person or source,position,person."
)
@result_option
@json_option
def _evaluate(truth: str | None, result: str | None, as_json: bool) -> None:
    """Tell how right a result folder is, from a file that tells who is who."""
    from face_classifier.cli import console
    from face_classifier.curate.questions.truth import evaluate_gallery

    if truth is None:
        raise click.UsageError("no truth file is given; name a CSV file with the columns face,person with --truth")
    evaluation = evaluate_gallery(load_settings({"result": result}), Path(truth), observer := console.Screen())
    observer.finish()
    console.print_answer(as_json, evaluation.record(), evaluation.lines())


@click.command("replay")
@result_option
@click.option("-t", "--threshold", metavar="NUMBER|auto", help="The threshold to try.")
@json_option
def _replay(result: str | None, threshold: str | None, as_json: bool) -> None:
    """List the faces that would be somebody else's if all were decided anew, without the video."""
    from face_classifier.cli import console
    from face_classifier.curate.questions import replay

    chosen = load_settings({"result": result, "threshold": threshold})
    replayed, tried = replay.replay_gallery(chosen, observer := console.Screen())
    observer.finish()
    console.print_answer(as_json, replay.record(replayed, tried), replay.lines(replayed, tried))


@click.command("rethink")
@result_option
@click.option("--dry-run", is_flag=True, help="Print what would move, and change nothing.")
@json_option
def _rethink(result: str | None, dry_run: bool, as_json: bool) -> None:
    """Think again about all faces of a result folder: a person just named gets old unknown faces, and so on."""
    from face_classifier.cli import console
    from face_classifier.curate import corrections

    changes = corrections.rethink(load_settings({"result": result}), observer := console.Screen(), dry_run=dry_run)
    observer.finish()
    records = [change.record() for change in changes]
    console.print_answer(as_json, records, corrections.lines(changes, dry_run=dry_run))


@click.group("suggest", invoke_without_command=True)
@result_option
@click.option("--picture", metavar="FILE", help="Draw the faces of each two side by side into this PNG file.")
@json_option
@click.pass_context
def _suggest(ctx: click.Context, result: str | None, picture: str | None, as_json: bool) -> None:
    """List people who may be one, or two; `suggest accept` carries it out, `suggest reject` asks no more."""
    ctx.obj = result
    if ctx.invoked_subcommand is None:
        from face_classifier.cli import console
        from face_classifier.curate.questions import suggest

        questions = suggest.suggestions(load_settings({"result": result}), observer := console.Screen(), picture)
        observer.finish()
        nothing = "no two people are near enough to be asked about" + (
            f", so {picture} is not drawn" if picture else ""
        )
        console.print_answer(as_json, suggest.record(questions), list(suggest.lines(questions)) or [nothing])


_split_option = click.option("--split", is_flag=True, help="It is about one person, ONE, who may be two.")


@_suggest.command("accept")
@click.argument("one")
@click.argument("other", required=False)
@_split_option
@result_option
@json_option
@click.pass_obj
def _accept(of_group: str | None, one: str, other: str | None, split: bool, result: str | None, as_json: bool) -> None:
    """Two people are one: OTHER's faces go to ONE, or the other way round if only OTHER has a name of yours.

    With --split ONE is two: one half of the faces goes to a new person.
    """
    from face_classifier.cli import console
    from face_classifier.curate import corrections

    chosen, observer = load_settings({"result": result or of_group}), console.Screen()
    if other := _second(other, split=split):
        done = corrections.accept(chosen, observer, one, other)
        sentence = f"{done['was']} is {done['person']} now; {counted(done['faces'], 'face')} moved"
    else:
        done = corrections.split(chosen, observer, one)
        sentence = f"{counted(done['faces'], 'face')} of {one} moved to {done['new']}"
    observer.finish()
    console.print_answer(as_json, done, [sentence])


def _second(other: str | None, *, split: bool) -> str | None:
    """The second name of a pair; None: it is about one person who may be two. Raises WrongUseError."""
    if split and other is not None:
        raise WrongUseError(f"--split is about one person, but {other!r} is a second name; give one of them")
    if not split and other is None:
        raise WrongUseError("only one name is given; give those of two people, or --split if one person is two")
    return other


@_suggest.command("reject")
@click.argument("one")
@click.argument("other", required=False)
@_split_option
@result_option
@json_option
@click.pass_obj
def _keep_apart(
    of_group: str | None, one: str, other: str | None, split: bool, result: str | None, as_json: bool
) -> None:
    """Two people are two: they are never suggested or joined again, whatever their names will be.

    With --split ONE is one: all faces in the folder stay, and it is not asked about again.
    """
    from face_classifier.cli import console
    from face_classifier.curate import corrections

    chosen, observer = load_settings({"result": result or of_group}), console.Screen()
    answer: dict[str, Any]
    if other := _second(other, split=split):
        corrections.keep_apart(chosen, observer, one, other)
        answer, sentence = {"apart": [one, other]}, f"{one} and {other} stay two people"
    else:
        faces = corrections.keep_whole(chosen, observer, one)
        answer, sentence = {"whole": one, "faces": faces}, f"{one} stays one person, with {counted(faces, 'face')}"
    observer.finish()
    console.print_answer(as_json, answer, [sentence])


@click.command("reject")
@click.argument("faces", nargs=-1, metavar="FACE...")
@result_option
@json_option
def _exclude(faces: tuple[str, ...], result: str | None, as_json: bool) -> None:
    """Put faces, given by name or path, aside for good: nobody's, and a lasting "not this person"."""
    from face_classifier.cli import console
    from face_classifier.curate import corrections

    if not faces:
        raise WrongUseError("no face is given; name one, or the path of its picture")
    chosen = load_settings({"result": result})
    excluded, failed = corrections.exclude(chosen, observer := console.Screen(), faces)
    observer.finish()
    if as_json:
        console.print_json([face._asdict() for face in excluded])
    else:
        console.print_lines(face.sentence() for face in excluded)
    if failed:
        raise SystemExit(1)


@click.command("verify")
@result_option
@click.option("--jsonl", "logs", multiple=True, metavar="FILE", help="Check the lines of this log of a run, too.")
@click.option("--index", "indexes", multiple=True, metavar="FILE", help="Check what remembers the photos of a gallery.")
@click.option("--encodings", is_flag=True, help="Encode every picture anew to compare.")
@click.option("--dry-run", is_flag=True, help="Repair nothing.")
@click.option("--yes", is_flag=True, help="Yes, the faces that are missing, or went at once, are to be deleted.")
@json_option
def _verify(
    result: str | None,
    logs: tuple[str, ...],
    indexes: tuple[str, ...],
    encodings: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Check that folders, encodings, views, indexes and logs agree, and repair what can be."""
    from face_classifier.cli import console
    from face_classifier.curate.checks import findings, verify
    from face_classifier.photos.check_index import verify_index

    observer = console.Screen()
    parts = [verify_index(index, observer, dry_run=dry_run) for index in indexes]
    if result or logs or encodings or yes or not indexes:
        chosen = load_settings({"result": result})
        checked = verify.verify(chosen, observer, logs=logs, encodings=encodings, dry_run=dry_run, confirmed=yes)
        parts.insert(0, checked)
    verified = findings.joined(parts)
    observer.finish()
    if as_json:
        console.print_json(dataclasses.asdict(verified))
    else:
        console.print_table(("check", "fine", "found", "repaired"), findings.table(verified))
        console.print_lines(findings.lines(verified))
    if not verified.sound:
        raise SystemExit(1)


@click.command("reencode")
@result_option
@click.option("--encoder", metavar="dlib|sface", help="The encoder that it is to belong to.")
@json_option
def _reencode(result: str | None, encoder: str | None, as_json: bool) -> None:
    """Move a result folder over to another encoder, or back; every label stays."""
    from face_classifier.cli import console
    from face_classifier.curate import reencode

    if encoder is None:
        raise WrongUseError("no encoder is given; name one with --encoder dlib or --encoder sface")
    chosen = load_settings({"result": result, "encoder": encoder})
    outcome = reencode.reencode(chosen, stop_on_signals(), observer := console.Screen())
    observer.finish()
    if as_json:
        console.print_json({"result": chosen.result, "encoder": encoder, **dataclasses.asdict(outcome)})
        return
    done = counted(outcome.encoded, "picture was", "pictures were")
    say(f"{chosen.result} belongs to the encoder {encoder} now; {done} encoded.")
    if outcome.agreement:
        same, faces = outcome.agreement.same, outcome.agreement.faces
        say(f"Of {counted(faces, 'face')}, both encoders find {same} nearest to the same person.")


COMMANDS: list[click.Command] = [
    _explain,
    _audit,
    _calibrate,
    _evaluate,
    _replay,
    _rethink,
    _suggest,
    _exclude,
    _verify,
    _reencode,
]
