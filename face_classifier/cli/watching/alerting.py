"""`alert`: tries a channel, tells what rules would have sent, and silences them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from face_classifier.cli.options import json_option, load_settings, result_option
from face_classifier.core.errors import UserError, WrongUseError

if TYPE_CHECKING:
    from face_classifier.alerts.channels.base import Channel
    from face_classifier.alerts.decide import Sent
    from face_classifier.core.config.settings import Settings

_PATIENCE = 20.0  # seconds for a test message: each channel gives up before
_HEADER = ("time", "what", "rule", "channel")


@click.command("alert")
@click.option("--test", metavar="CHANNEL", help="Send a test message over this channel now, and tell how that went.")
@click.option("--replay", metavar="DAY", help="With --dry-run: what would have been told on 2026-11-27, or yesterday.")
@click.option("--dry-run", is_flag=True, help="Send nothing.")
@click.option("--snooze", metavar="DURATION|off", help="Be silent for so long, such as 1h; off: speak again.")
@click.option("--rule", metavar="NAME", help="With --snooze: this rule alone.")
@click.option("--config", metavar="FILE", help="Read settings from this YAML file.")
@result_option
@json_option
def _alert(config: str | None, result: str | None, as_json: bool, **wishes: Any) -> None:
    """Try a channel, tell which alerts a past day would have sent, or silence alerts for a while."""
    chosen = [name for name in ("test", "replay", "snooze") if wishes[name] is not None]
    if len(chosen) != 1:
        raise WrongUseError("alert does one thing at a time; give one of --test, --replay and --snooze")
    if wishes["dry_run"] != (chosen == ["replay"]):
        raise WrongUseError("--replay and --dry-run belong together, since past alerts are never sent; give both")
    if wishes["rule"] is not None and chosen != ["snooze"]:
        raise WrongUseError("--rule belongs to --snooze; leave it out")
    settings = load_settings({"result": result}, config)
    if chosen == ["test"]:
        _test(settings, wishes["test"], as_json)
    elif chosen == ["replay"]:
        _replay(settings, wishes["replay"], as_json)
    else:
        _snooze(settings, wishes["snooze"], wishes["rule"], as_json)


def _test(settings: Settings, name: str, as_json: bool) -> None:
    from face_classifier.alerts.make import make_channel
    from face_classifier.cli import console
    from face_classifier.core.configfile import meant

    if not settings.channels:
        raise UserError("no channel is named; name one in channels, and give --config FILE")
    if name not in settings.channels:
        raise UserError(f"there is no channel {name}; {meant(name, list(settings.channels))}")
    kind = settings.channels[name].type
    channel = make_channel(name, settings.channels[name])
    try:
        fault = _fault(name, channel)
    finally:
        channel.close()
    if fault:
        raise UserError(f"the channel {name} did not take the test message ({fault}); correct that, and try it again")
    sentence = f"the channel {name} has taken the test message"
    console.print_answer(as_json, {"channel": name, "type": kind, "taken": True}, [sentence])


def _fault(name: str, channel: Channel) -> str | None:
    """Why a channel does not take a test message; None: it does. Whatever hangs, it is known in time."""
    from face_classifier.alerts.channels.base import Alert, ChannelError
    from face_classifier.events.event import Event

    now = datetime.now(timezone.utc)
    event = Event(f"test-{now:%Y%m%dT%H%M%S.%f}", "test", now, monotonic(), "", text=f"Test of the channel {name}")
    faults: list[str | None] = []

    def send() -> None:
        try:
            channel.send(Alert(event.id, event))
        except ChannelError as error:
            faults.append(str(error))
        except Exception as error:  # as in a dispatcher: of what nobody expected, its kind alone is told
            faults.append(f"it fails with {type(error).__name__}")
        else:
            faults.append(None)

    thread = threading.Thread(target=send, name="test message", daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return faults[0] if faults else f"it has not answered for {_PATIENCE:g} seconds"


def _replay(settings: Settings, day: str, as_json: bool) -> None:
    from face_classifier.alerts.replay import replayed
    from face_classifier.cli import console
    from face_classifier.events import times

    if not settings.alerts.rules:
        raise UserError("there are no rules; add one to alerts, and give --config FILE")
    since, until = times.bounds(times.day(day, "--replay", datetime.now().astimezone()))
    observer = console.Screen()
    told = replayed(settings, since, until, observer)
    observer.finish()
    if as_json:
        console.print_json([_record(*one) for one in told])
    elif told:
        console.print_table(_HEADER, [_row(*one) for one in told])
    else:
        console.print_lines(["no alert would have been sent"])


def _row(time: datetime, sent: Sent) -> Sequence[str]:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}", sent.alert.event.text, sent.alert.rule or "", sent.channel


def _record(time: datetime, sent: Sent) -> dict[str, Any]:
    event = sent.alert.event
    return {
        "time": time.isoformat(),
        "kind": event.kind,
        "camera": event.camera,
        "person": event.person,
        "text": event.text,
        "rule": sent.alert.rule,
        "channel": sent.channel,
    }


def _snooze(settings: Settings, given: str, rule: str | None, as_json: bool) -> None:
    from face_classifier.alerts.outbox import ALL, Outbox
    from face_classifier.cli import console
    from face_classifier.core.configfile import meant
    from face_classifier.gallery.opening import check_result_folder

    names = [one.name for one in settings.alerts.rules]
    if rule is not None and rule not in names:
        raise UserError(f"there is no rule {rule}; {meant(rule, names) if names else 'give --config FILE'}")
    until = _until(given)
    folder, faults = Path(settings.result), list[str]()
    check_result_folder(folder)
    outbox = Outbox(folder, faults.append)
    try:
        outbox.snooze(ALL if rule is None else rule, until)
    finally:
        outbox.close()
    if faults:
        raise UserError(faults[0])
    whom, again = ("all alerts are", "are told again") if rule is None else (f"the rule {rule} is", "speaks again")
    line = f"{whom} silent until {until.astimezone():%Y-%m-%d %H:%M}" if until else f"{whom.rpartition(' ')[0]} {again}"
    console.print_answer(as_json, {"rule": rule, "until": until.isoformat() if until else None}, [line])


def _until(given: str) -> datetime | None:
    """Until when a snooze lasts; None: it ends now."""
    from face_classifier.core.config.parts.units import duration

    if given.strip().lower() == "off":
        return None
    try:
        seconds = duration(given)
        until = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        seconds = 0.0
    if not seconds:
        raise WrongUseError(f"--snooze is {given!r}, but must be a duration, such as 30min, 1h or 2d, or off")
    return until


COMMANDS: list[click.Command] = [_alert]
