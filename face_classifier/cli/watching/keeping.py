"""`retain` and `strangers`: what is kept for a while only, and what is kept of those who are not kept."""

from __future__ import annotations

from typing import Any

import click

from face_classifier.cli.options import json_option, load_settings, result_option


@click.command("retain")
@click.option("--config", metavar="FILE", help="Read from this YAML file how long what is kept.")
@click.option("--dry-run", is_flag=True, help="Print what would be removed, and remove nothing.")
@click.option("--yes", is_flag=True, help="The clock is right, though it shows another year than the latest face.")
@result_option
@json_option
def _retain(config: str | None, dry_run: bool, yes: bool, result: str | None, as_json: bool) -> None:
    """Remove what was kept for long enough, as `keep` of the configuration says; `watch` does so by itself."""
    from face_classifier.cli import console
    from face_classifier.core.errors import WrongUseError
    from face_classifier.curate import retention
    from face_classifier.curate.ask import carry_out

    settings, observer = load_settings({"result": result}, config), console.Screen()
    if not retention.Limits.of(settings):
        raise WrongUseError("everything is kept for ever; set keep in a configuration, and give it to --config")
    arguments = retention.arguments_of(settings, confirmed=yes, dry_run=dry_run)
    answer: dict[str, Any] = {}
    while True:
        done = carry_out(settings, "retain", arguments, observer)
        for key in ("faces", "captures", "tracks", "records", "freed"):
            answer[key] = answer.get(key, 0) + done[key]
        answer["over"], answer["problems"] = done["over"], done["problems"]
        if not done["more"]:
            break
    observer.finish()
    console.print_answer(as_json, answer, retention.lines(answer, dry_run=dry_run))


@click.command("strangers")
@result_option
@json_option
def _strangers(result: str | None, as_json: bool) -> None:
    """Tell how many strangers passed of whom nothing else was kept, by day and source."""
    from face_classifier.cli import console
    from face_classifier.gallery.opening import open_existing

    with open_existing(load_settings({"result": result}), writing=False) as store:
        counts = store.strangers.counts()
    if as_json:
        console.print_json([{"day": day.day, "source": day.source, "strangers": counts[day]} for day in counts])
    elif counts:
        console.print_table(("day", "source", "strangers"), ((day.day, day.source, str(counts[day])) for day in counts))
    else:
        console.print_lines(["nobody has been counted so far"])


COMMANDS = (_retain, _strangers)
