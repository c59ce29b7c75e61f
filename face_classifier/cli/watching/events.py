"""Commands about who passed when: `events`, `now`, `timeline`, `summary`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from face_classifier.cli.options import json_option, load_settings, result_option
from face_classifier.core import names
from face_classifier.core.errors import WrongUseError
from face_classifier.core.words import counted

if TYPE_CHECKING:
    from face_classifier.core.config.settings import Settings
    from face_classifier.events.visits import Visit

_NOW_HEADER = ("camera", "person", "here", "since", "last seen")
_FORMATS = ("table", "jsonl", "csv")
_UNKNOWN = "unknown"

_config_option = click.option("--config", metavar="FILE", help="Read settings from this YAML file.")


@click.command("events")
@result_option
@_config_option
@click.option("--person", metavar="NAME", help="Only visits of this person.")
@click.option("--camera", metavar="NAME", help="Only visits on this camera, or in this file.")
@click.option("--since", metavar="TIME", help="Only what was not over by then: 2026-11-27 14:30, yesterday, 2 h ago.")
@click.option("--until", metavar="TIME", help="Only what began by then; a day means its end.")
@click.option("--from-time", metavar="HH:MM", help="Only who was there at some time of the day from then on ...")
@click.option("--to-time", metavar="HH:MM", help="... until then, which may be over midnight.")
@click.option("--unknown", is_flag=True, help="Only those whom nobody knows.")
@click.option("--as-known-then", is_flag=True, help="Tell the persons that were told at the time.")
@click.option("--format", "form", metavar="table|jsonl|csv", default="table", help="How to print. [default: table]")
@json_option
def _events(result: str | None, config: str | None, form: str, as_json: bool, **wishes: Any) -> None:
    """Tell who passed when: each visit on a camera or in a file, with the person as whom they are known now."""
    from face_classifier.cli import console
    from face_classifier.events.visits import record

    if form not in _FORMATS:
        raise WrongUseError(f"--format is {form!r}, but must be one of {', '.join(_FORMATS)}")
    found = _visits(load_settings({"result": result}, config), wishes)
    if as_json:
        console.print_json([record(visit) for visit in found])
    elif form == "jsonl":
        for visit in found:
            sys.stdout.write(names.json_text(record(visit), encoding=sys.stdout.encoding or "utf-8") + "\n")
    elif form == "csv":
        _write_csv(found)
    elif found:
        console.print_table(*_table(found))
    else:
        console.print_lines(["nobody passed"])


def _visits(settings: Settings, wishes: dict[str, Any]) -> list[Visit]:
    """What `events` is asked for. Raises UserError."""
    from face_classifier.cli import console
    from face_classifier.events import times
    from face_classifier.events.visits import Wish, visits
    from face_classifier.gallery.passing.passages import passages_of

    now, observer = datetime.now().astimezone(), console.Screen()

    def of(key: str, read: Callable[[str, str], Any]) -> Any:
        return None if wishes[key] is None else read(wishes[key], f"--{key.replace('_', '-')}")

    wish = Wish(
        wishes["person"],
        wishes["camera"],
        of("since", lambda given, option: times.moment(given, option, now)),
        of("until", lambda given, option: times.moment(given, option, now, end=True)),
        of("from_time", times.time_of_day),
        of("to_time", times.time_of_day),
        unknown=wishes["unknown"],
    )
    passages = passages_of(settings, observer, wish.since, as_known_then=wishes["as_known_then"])
    observer.finish()
    return [visit for visit in visits(passages, settings.visits.gap) if wish.grants(visit)]


def _table(found: Sequence[Visit]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Header and rows; positions only where there is a file, zones where there is one."""
    columns: dict[str, Callable[[Visit], str]] = {
        "visit": lambda visit: "" if visit.number is None else str(visit.number),
        "first": lambda visit: _local(visit.first),
        "last": lambda visit: f"{visit.last.astimezone():%H:%M:%S}",
        "for": lambda visit: _length(visit.seconds),
    }
    if any(visit.fingerprint for visit in found):
        columns["position"] = _position
    columns |= {"person": lambda visit: visit.person or _UNKNOWN, "camera": lambda visit: visit.camera}
    if any(visit.zones for visit in found):
        columns["zones"] = lambda visit: ", ".join(visit.zones)
    return list(columns), [[cell(visit) for cell in columns.values()] for visit in found]


def _position(visit: Visit) -> str:
    return f"{visit.first_position:.1f} to {visit.last_position:.1f} s" if visit.fingerprint else ""


def _local(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _write_csv(found: Sequence[Visit]) -> None:
    from face_classifier.events.asked.lines import csv_lines
    from face_classifier.events.visits import COLUMNS, record

    sys.stdout.writelines(csv_lines(COLUMNS, map(record, found)))


@click.command("now")
@result_option
@_config_option
@json_option
def _now(result: str | None, config: str | None, as_json: bool) -> None:
    """Tell who is in front of the cameras now, and who was there last, within a day."""
    from face_classifier.cli import console
    from face_classifier.events.asked.present import present

    now = datetime.now().astimezone()
    rows = present(load_settings({"result": result}, config), now)
    if as_json:
        console.print_json([_now_record(visit, here=here) for visit, here in rows])
    elif rows:
        console.print_table(_NOW_HEADER, [_now_row(visit, now, here=here) for visit, here in rows])
    else:
        console.print_lines(["nobody has been in front of a camera for a day"])


def _now_record(visit: Visit, *, here: bool) -> dict[str, Any]:
    first, last = visit.first.isoformat(), visit.last.isoformat()
    return {"camera": visit.camera, "person": visit.person, "here": here, "since": first, "last": last}


def _now_row(visit: Visit, now: datetime, *, here: bool) -> Sequence[str]:
    from face_classifier.daemon.described import age

    ago = max(0.0, (now - visit.last).total_seconds())
    return visit.camera, visit.person or _UNKNOWN, "here" if here else "", _local(visit.first), f"{age(ago)} ago"


_day_option = click.option("--day", metavar="DAY", default="today", help="2026-11-27 or yesterday. [default: today]")


@click.command("timeline")
@result_option
@_config_option
@_day_option
@click.option("-o", "--output", metavar="FILE", help="The picture, such as day.png. [default: timeline-DAY.png]")
@click.option("--whole-day", is_flag=True, help="Draw all hours, not only those with something in them.")
@json_option
def _timeline(
    result: str | None, config: str | None, day: str, output: str | None, whole_day: bool, as_json: bool
) -> None:
    """Draw a day as a picture: by camera, and on each by person, when they were there."""
    from face_classifier.cli import console
    from face_classifier.display import contact_sheet
    from face_classifier.events import timeline
    from face_classifier.events.visits import record
    from face_classifier.gallery.passing.passages import outages_of

    settings = load_settings({"result": result}, config)
    of, found = _of_day(settings, day)
    file = output or f"timeline-{of.isoformat()}.png"
    contact_sheet.check_files({"--output": file})
    contact_sheet.write(file, timeline.draw(found, of, outages_of(settings), whole=whole_day), "--output")
    if as_json:
        console.print_json({"day": of.isoformat(), "picture": file, "visits": [record(visit) for visit in found]})
    else:
        console.print_lines([f"{file} shows {counted(len(found), 'visit')} of {of.isoformat()}"])


@click.command("summary")
@result_option
@_config_option
@_day_option
@json_option
def _summary(result: str | None, config: str | None, day: str, as_json: bool) -> None:
    """Tell who came on a day, when first and last, and how many nobody knows."""
    from face_classifier.cli import console
    from face_classifier.events.summary import strangers_on, summary
    from face_classifier.gallery.opening import open_existing

    settings = load_settings({"result": result}, config)
    of, found = _of_day(settings, day)
    with open_existing(settings, writing=False) as store:
        told = summary(found, of, strangers_on(store, of))
    console.print_answer(as_json, told.record(), told.lines())


def _of_day(settings: Settings, given: str) -> tuple[date, list[Visit]]:
    """A day, and the visits of it. Raises UserError."""
    from face_classifier.cli import console
    from face_classifier.events import times
    from face_classifier.events.visits import Wish, visits
    from face_classifier.gallery.passing.passages import passages_of

    of = times.day(given, "--day", datetime.now().astimezone())
    begin, end = times.bounds(of)
    observer = console.Screen()
    found = visits(passages_of(settings, observer, begin), settings.visits.gap)
    observer.finish()
    return of, [visit for visit in found if Wish(since=begin, until=end).grants(visit)]


COMMANDS: list[click.Command] = [_events, _now, _timeline, _summary]
