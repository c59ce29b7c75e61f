"""`web`: the page of a result folder without cameras."""

from __future__ import annotations

import atexit
import gc
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from face_classifier.cli.options import load_settings, result_option, say
from face_classifier.core.errors import InUseError, UserError, WrongUseError, needing

if TYPE_CHECKING:
    from face_classifier.core.config.parts.page import Web
    from face_classifier.daemon.wishes import Wishes
    from face_classifier.web.folder import Folder
    from face_classifier.web.site import Site

_IN_TIME = 2.0  # seconds from the wish to stop until the process ends, at the latest
_TURN = 0.5  # seconds between two looks at how everything does


@click.command("web")
@result_option
@click.option("--config", metavar="FILE", help="Read settings from this YAML file.")
@click.option("--listen", metavar="HOST:PORT", help="Where the page listens; port 0 = any that is free.")
def _web(result: str | None, config: str | None, listen: str | None) -> None:
    """Show the page of a result folder: see, name and correct everybody in a browser. ^C ends it.

    Other commands and runs on the folder go on working beside it. `watch` has the page, too.
    """
    with needing("the page", "web"):
        from face_classifier.web.folder import Folder
        from face_classifier.web.site import Site
    from face_classifier.core.config import reach
    from face_classifier.daemon import log
    from face_classifier.daemon.cameras.loop import LogObserver
    from face_classifier.daemon.wishes import Wishes
    from face_classifier.gallery.reading.reader import Reader

    atexit.register(gc.freeze)  # as in `watch`
    chosen, wishes = load_settings({"result": result}, config), Wishes()
    web, port = _place(chosen.web, listen)
    chosen = chosen.but(web=web)
    reach.check(web)
    with (
        log.logged(chosen.log),
        wishes.of_signals(lambda: None, _IN_TIME),
        Folder(chosen, wishes.stopping, LogObserver()) as folder,
        Reader(Path(chosen.result)) as reader,
        serving(Site(lambda: chosen, folder.carry_out, reader, config=config), port) as address,
    ):
        say(f"{address} shows {chosen.result}; ^C ends it")
        _attend(folder, wishes)


def _place(web: Web, listen: str | None) -> tuple[Web, int]:
    """The page's configuration at the place that the user names, and the port: 0 = any that is free.

    Raises WrongUseError.
    """
    if listen is None:
        if not web:
            raise WrongUseError("web.listen is off, so there is no page; give an address to --listen")
        return web, web.port
    is_any = listen.endswith(":0")  # which in a configuration means that there is no page
    try:
        named = type(web)(**{**dict(web), "listen": f"{listen[:-1]}1" if is_any else listen})
    except ValueError:
        named = None
    if not named:
        raise WrongUseError(f"--listen is {listen!r}, but must be an address and a port, such as 127.0.0.1:8470")
    return named, 0 if is_any else named.port


def _attend(folder: Folder, wishes: Wishes) -> None:
    """Go on until it is asked to stop; a terminal that is closed asks for that, too.

    The page is there while the folder is opened. Raises what goes wrong with it.
    """
    from face_classifier.daemon import log

    failed: list[BaseException] = []

    def own() -> None:
        try:
            folder.own()
        except InUseError:
            log.tell("beside", "another process writes to the folder; it carries out what is changed on the page")
        except UserError as error:
            log.tell("problem", f"nothing can be changed on the page: {error}", logging.WARNING)
        except BaseException as error:
            failed.append(error)

    threading.Thread(target=own, name="opening", daemon=True).start()
    while wishes.next(_TURN) is None:
        if fault := next(iter(failed), folder.failure):
            raise fault


@contextmanager
def serving(site: Site, port: int) -> Iterator[str]:
    """Within, the page of a site is served where its settings say; gives its address.

    Parameters
    ----------
    site: what the page shows.
    port: 0 = any that is free.

    Raises
    ------
    UserError: it cannot be served there.
    ImportError: packages of the page are not installed.
    """
    from face_classifier.web.app import make_app
    from face_classifier.web.live.live import telling
    from face_classifier.web.served import served

    web = site.settings().web
    with telling(site), served(make_app(site), web.host, port, web) as at:
        yield f"http{'s' if web.cert else ''}://{f'[{web.host}]' if ':' in web.host else web.host}:{at}/"


COMMANDS: list[click.Command] = [_web]
