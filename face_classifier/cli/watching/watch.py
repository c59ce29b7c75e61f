"""`watch`: cameras for months, into one gallery."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from face_classifier.cli.options import load_settings, run_options
from face_classifier.cli.watching.page import serving
from face_classifier.core.errors import UserError, WrongUseError

if TYPE_CHECKING:
    from face_classifier.core.config.settings import Settings
    from face_classifier.daemon.daemon import Daemon
    from face_classifier.daemon.wishes import Wishes

_TERMINAL = "terminal"  # the channel of those who name no other one


@click.command("watch")
@click.argument("cameras", nargs=-1, metavar="[CAMERA...]")
@run_options
@click.option("--json", "as_json", is_flag=True, help="Log an event a line as JSON, as log: json does.")
def _watch(cameras: tuple[str, ...], config: str | None, as_json: bool, **flags: Any) -> None:
    """Watch cameras for months, and tell who passes.

    CAMERA is the address of a stream, the number of a webcam, or a video to rehearse with; the configuration file names
    them, and whom to tell, better.
    """
    from face_classifier.core.config import reach
    from face_classifier.daemon import log
    from face_classifier.daemon.daemon import Daemon
    from face_classifier.daemon.wishes import Wishes

    atexit.register(gc.freeze)  # Python would look through all that libraries of channels made, which takes 1.5 seconds
    load = partial(_settings, cameras, config, flags)
    chosen, wishes = load(), Wishes()
    reach.check(chosen.web)
    form = "json" if as_json else chosen.log
    logged, signals = log.logged(form), wishes.of_signals(_give_up)
    with logged, signals, _ending() as ending, Daemon.opened(chosen, load, wishes) as daemon:
        ending.daemon = daemon
        with _page(daemon, chosen, partial(_reload, load, wishes), config):
            daemon.attend(wishes)


class _Ending:
    """What is known of the daemon when it ends."""

    daemon: Daemon | None = None


@contextmanager
def _ending() -> Iterator[_Ending]:
    """Within, what goes wrong is a line of the log and ends the process, also where threads hang.

    Python would wait for those at its end. All that is to be kept is kept by then.
    """
    from face_classifier.daemon import log

    ending, code = _Ending(), 0
    try:
        yield ending
    except UserError as error:
        log.tell("failed", str(error), logging.ERROR)
        code = error.exit_code
    except Exception:
        log.logger.critical("an unexpected error ends the program", exc_info=True)
        code = 1
    if ending.daemon and ending.daemon.hangs:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    if code:
        raise SystemExit(code)


def _settings(cameras: Sequence[str], config: str | None, flags: Mapping[str, Any]) -> Settings:
    """What the user wants; cameras of the command line stand instead of those of the file. Raises UserError."""
    chosen = load_settings(flags, config)
    if chosen.display:
        raise WrongUseError("watch shows no window; leave out display, or run face-classifier CAMERA --display")
    if cameras:
        return _with_cameras(chosen, cameras)
    if not chosen.cameras:
        raise WrongUseError(
            "no camera is named; give one, such as rtsp://192.0.2.7/stream, or --config FILE that names one"
        )
    return chosen


def _with_cameras(chosen: Settings, addresses: Sequence[str]) -> Settings:
    """With these cameras; where nobody is told of anything, a line is printed for whatever happens."""
    from face_classifier.core.config.addresses import kind_of, without_login
    from face_classifier.core.config.parts.alerts import Alerts, PrintChannel, Rule
    from face_classifier.core.config.parts.cameras import Camera

    named = {}
    for number, address in enumerate(addresses, 1):
        try:
            kind = kind_of(address)
        except ValueError as error:
            raise WrongUseError(f"{without_login(address)} is not a camera; give {error}") from None
        if kind == "file" and not os.path.isfile(address):
            raise WrongUseError(f"{address} is not a file; give an address, the number of a webcam, or a video")
        named[f"camera-{number}"] = Camera(url=address)
    chosen = chosen.but(cameras=named)
    if chosen.channels or chosen.alerts.rules:
        return chosen
    rule = Rule(
        name="everything",
        on=("person", "new_person", "unknown", "camera_lost", "camera_back"),
        channels=(_TERMINAL,),
    )
    alerts = Alerts(**{**dict(chosen.alerts), "rules": (rule,)})
    return chosen.but(channels={_TERMINAL: PrintChannel(type="print")}, alerts=alerts)


@contextmanager
def _page(daemon: Daemon, chosen: Settings, reload: Callable[[], None], config: str | None) -> Iterator[None]:
    """Within, the page is served, if that can be; the daemon does without it otherwise.

    ``reload``: has the configuration read anew; ``config``: its file.
    """
    from face_classifier.daemon import log

    with ExitStack() as stack:
        if chosen.web:
            try:
                from face_classifier.daemon.answers import carry_out
                from face_classifier.gallery.reading.reader import Reader
                from face_classifier.web.site import Site

                reader = stack.enter_context(Reader(Path(chosen.result)))
                carries = partial(carry_out, daemon.here)
                site = Site(
                    lambda: daemon.settings,
                    carries,
                    reader,
                    daemon.status,
                    daemon.looking,
                    reload=reload,
                    config=config,
                )
                address = stack.enter_context(serving(site, chosen.web.port))
            except ImportError:
                log.tell("page", "there is no page; install face-classifier[web], or set web: {listen: off}")
            except UserError as error:
                log.tell("page", str(error), logging.WARNING)
            else:
                log.tell("page", f"the page is at {address}")
        yield


def _reload(load: Callable[[], Settings], wishes: Wishes) -> None:
    """Have the configuration read anew, in a moment. Raises UserError where it is wrong: the one before stays then."""
    from face_classifier.daemon.wishes import Wish

    load()
    wishes.ask(Wish.RELOAD)


def _give_up() -> None:
    """Tell that something hangs; after this the process ends."""
    from face_classifier.daemon import log

    names = sorted(thread.name for thread in threading.enumerate() if thread is not threading.main_thread())
    log.tell("hangs", _what_hangs(names), logging.WARNING)


def _what_hangs(names: Sequence[str]) -> str:
    """What did not end in time, in words; of threads with these names."""
    if "owner" in names:  # for which most others wait
        return "the gallery was not closed in time; what is left to do is done at the next start"
    known = [name for name in names if name.startswith(("camera ", "alerts "))]
    return f"something did not end in time, and is left ({', '.join(known or names)})"


COMMANDS: list[click.Command] = [_watch]
