"""Commands about photos: look-alikes, dimensions, recommendation, albums."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from face_classifier.cli.options import json_option, mixed_option, on_option, say, stop_on_signals
from face_classifier.core.config import flat
from face_classifier.core.errors import StoppedError, WrongUseError, needing

if TYPE_CHECKING:
    import threading

    from face_classifier.cli.console import Screen
    from face_classifier.photos.lookalike.people import PhotoGallery


def _gallery_options(command: Callable[..., None]) -> Callable[..., None]:
    """Which people to look among: what `_open_gallery` takes."""
    for option in (
        mixed_option,
        on_option,
        click.option("--encoder", metavar="dlib|sface", help="The encoder. [default: sface, or the result folder's]"),
        click.option("--index", metavar="FILE", help="What remembers encodings. [default: a file in the gallery]"),
        click.option("--gallery", metavar="DIR", help="Photos, NAME.jpg or NAME/..., a result folder, or a group's."),
    ):
        command = option(command)
    return command


def _open_gallery(
    observer: Screen,
    stopping: threading.Event,
    gallery: str | None,
    index: str | None,
    encoder: str | None,
    *,
    where: str | None,
    mixed: bool,
) -> PhotoGallery:
    """A gallery, after telling which of its photos are of no use."""
    from face_classifier.photos.lookalike import people as portraits

    opened = portraits.open_gallery(gallery, index, encoder, observer, stopping, where=where, mixed=mixed)
    for sentence, about in opened.left_out():
        observer.tell(sentence, about)
    return opened


def _how_many(default: int, what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    text = f"How many {what}. [default: {default}]"
    return click.option("-k", "how_many", metavar="NUMBER", default=str(default), help=text)


@click.command("similar")
@click.argument("photos", nargs=-1, metavar="PHOTO...")
@_gallery_options
@_how_many(5, "people to name")
@click.option("--picture", metavar="FILE", help="Draw each face beside its look-alikes into this file.")
@click.option("--map", "map_file", metavar="FILE", help="Draw the gallery in the plane, me among it, into a file.")
@json_option
def _similar(
    photos: tuple[str, ...], how_many: str, picture: str | None, map_file: str | None, as_json: bool, **gallery: Any
) -> None:
    """Tell which people of a gallery each face in a photo is most like."""
    from face_classifier.cli import console
    from face_classifier.display import contact_sheet
    from face_classifier.photos.lookalike import similar

    if not photos:
        raise WrongUseError("no photo is given; name one, or a folder of them")
    most = flat.count(how_many, "-k")
    contact_sheet.check_files({"--picture": picture, "--map": map_file})
    observer, stopping = console.Screen(), stop_on_signals()
    among = _open_gallery(observer, stopping, **gallery)
    asked = similar.read_photos(photos, among.encoder, observer, stopping)
    for sentence, about in (*((sentence, ()) for sentence in asked.failed), *asked.left_out):
        observer.tell(sentence, about)
    rankings = similar.search(among, asked.photos, most)
    unanswered = list(similar.unanswered(rankings))
    for sentence in unanswered:
        observer.tell(sentence)
    if as_json:
        console.print_json([ranking.record() for ranking in rankings])
    else:
        for number, ranking in enumerate(ranking for ranking in rankings if ranking.results):
            if len(rankings) > 1:
                console.print_lines([*([""] if number else []), ranking.title])
            console.print_table(similar.HEADER, similar.rows(ranking))
    if picture and rankings:
        contact_sheet.write(picture, similar.picture(rankings))
        if len(rankings) > similar.MOST_DRAWN:
            observer.problem(f"{picture} shows the first {similar.MOST_DRAWN} of {len(rankings)} faces")
    if map_file and rankings:
        contact_sheet.write(map_file, similar.map_picture(among, rankings), "--map")
    observer.finish()
    if asked.failed or unanswered or not rankings:
        raise SystemExit(1)


@click.command("dimensions")
@_gallery_options
@click.option("--dimension", "chosen", metavar="NUMBER", multiple=True, help="One of them, from 0; again for another.")
@_how_many(6, "faces at each end")
@click.option("--picture", metavar="FILE", help="Draw the faces into this file.")
@json_option
def _dimensions(chosen: tuple[str, ...], how_many: str, picture: str | None, as_json: bool, **gallery: Any) -> None:
    """Show whose faces have the lowest and the highest of each of the 128 numbers of an encoding."""
    from face_classifier.cli import console
    from face_classifier.display import contact_sheet
    from face_classifier.photos.lookalike import dimensions

    numbers, most = dimensions.chosen(chosen), flat.count(how_many, "-k")
    contact_sheet.check_files({"--picture": picture})
    among = _open_gallery(observer := console.Screen(), stop_on_signals(), **gallery)
    extremes = dimensions.extremes(among, numbers, most)
    if as_json:
        console.print_json([extreme.record() for extreme in extremes])
    else:
        console.print_table(dimensions.HEADER, dimensions.rows(extremes))
    if picture:
        contact_sheet.write(picture, dimensions.picture(extremes))
    observer.finish()


@click.command("recommend")
@_gallery_options
@click.option("--rounds", metavar="NUMBER", default="6", help="How often to choose. [default: 6]")
@click.option("--choices", metavar="NUMBER", default="8", help="Among how many faces each time. [default: 8]")
@_how_many(7, "people to name")
@click.option("--picks", multiple=True, metavar="PICK,...", help="Photos or names instead of a page to choose on.")
@click.option("--picture", metavar="FILE", help="Draw the picked faces above the recommended ones into this file.")
@click.option("--no-browser", is_flag=True, help="Print the page's address only.")
@json_option
def _recommend(
    rounds: str,
    choices: str,
    how_many: str,
    picks: tuple[str, ...],
    picture: str | None,
    no_browser: bool,
    as_json: bool,
    **gallery: Any,
) -> None:
    """Choose among faces of a gallery some times, and be told who is most like those you chose."""
    import secrets
    import webbrowser

    from face_classifier.cli import console
    from face_classifier.display import contact_sheet
    from face_classifier.photos.lookalike import people as portraits
    from face_classifier.photos.lookalike import recommend
    from face_classifier.photos.lookalike.picks import find_picks
    from face_classifier.photos.lookalike.rounds import Rounds

    if not picks:
        with needing("the page", "web", "name --picks"):
            from face_classifier.web.picker import show
    turns, among = flat.count(rounds, "--rounds"), flat.count(choices, "--choices")
    most = flat.count(how_many, "-k")
    contact_sheet.check_files({"--picture": picture})
    observer, stopping = console.Screen(), stop_on_signals()
    people = _open_gallery(observer, stopping, **gallery)

    def opened(address: str) -> None:
        say(f"face-classifier: choose faces at {address} (^C ends it)", sys.stderr)
        if not no_browser:
            webbrowser.open(address)

    if picks:
        picked = find_picks(picks, people, gallery["gallery"], portraits.finder_of(people.encoder, observer.problem))
    else:
        choosing = Rounds(people, turns, among, secrets.randbits(32))
        show(
            choosing,
            lambda: recommend.recommend(people, choosing.picks, most),
            stopping,
            observer.problem,
            opened,
        )
        picked = choosing.picks
        if stopping.is_set() and not picked:
            raise StoppedError("stopped before a face was chosen; run it again")
    recommended = recommend.recommend(people, picked, most)
    if caution := recommend.caution(people, recommended):
        observer.tell(caution)
    if as_json:
        console.print_json(recommended.record())
    else:
        console.print_table(recommend.HEADER, recommended.rows())
    if picture:
        contact_sheet.write(picture, recommend.picture(recommended, observer.problem))
    observer.finish()
    if stopping.is_set():
        raise StoppedError(f"stopped after {len(picked)} choices, from which this is recommended")


@click.command("group")
@click.argument("album", nargs=-1, metavar="ALBUM...")
@click.option("-o", "out", metavar="PATH", help="The folder that the album is sorted into.")
@click.option("-t", "--threshold", metavar="NUMBER", help="L2; lower = stricter. [default: 0.46]")
@click.option(
    "--result", metavar="PATH", help="A result folder whose people give their names; it only notes the album."
)
@click.option("--encoder", metavar="dlib|sface", help="The encoder. [default: the result folder's, else sface]")
@click.option("--plot", is_flag=True, help="Draw all faces in the plane, in a colour a person, into plot.png.")
@click.option("--copies", is_flag=True, help="Copies of the photos, not links.")
@click.option("--sidecars", is_flag=True, help="Write names and face regions beside the photos, as XMP.")
@click.option("--allow-private", is_flag=True, help="Fetch from addresses that are not on the public internet, too.")
@on_option
@mixed_option
@json_option
def _group(album: tuple[str, ...], out: str | None, as_json: bool, **options: Any) -> None:
    """Sort photos into a folder a person: of a folder, files, addresses, or a JSON list of {id, url}."""
    from face_classifier.cli import console
    from face_classifier.photos.albums import album as albums
    from face_classifier.photos.albums.result import HEADER

    if not album:
        raise WrongUseError("no album is given; name a folder of photos, photos, addresses or a .json file")
    if out is None:
        raise WrongUseError("no folder to sort into is given; name a new one with -o")
    observer = console.Screen()
    album_result = albums.group_album(
        list(dict.fromkeys(album)), albums.AlbumOptions(out, **options), observer, stop_on_signals()
    )
    observer.finish()
    if as_json:
        console.print_json(album_result.record())
    elif album_result.is_read:
        console.print_table(HEADER, album_result.rows())
        console.print_lines([album_result.summary()])
    if album_result.failed:
        raise SystemExit(1)


COMMANDS: list[click.Command] = [_similar, _dimensions, _recommend, _group]
