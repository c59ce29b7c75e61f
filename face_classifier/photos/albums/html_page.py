"""A page to look through an album: one file of HTML and CSS, which loads nothing but the pictures beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from face_classifier.core.names import shown


@dataclass(frozen=True)
class PagePicture:
    """A picture on the page."""

    shown: str  # path in the page's folder
    leads_to: str  # path relative to it
    caption: str


@dataclass(frozen=True)
class PersonSection:
    """A section of the page."""

    name: str
    counts: str  # how much there is of them, in words
    faces: Sequence[PagePicture]  # at least one


def page(
    title: str,
    people: Sequence[PersonSection],
    rest: Iterable[tuple[str, Sequence[PagePicture]]],
    notes: tuple[str, Sequence[str]],
    beside: Mapping[str, str],
) -> bytes:
    """The page as UTF-8.

    Pictures load when they come into view; links are relative; there are no scripts, and nothing is loaded from
    elsewhere. Parts without pictures or sentences are left out.

    Parameters
    ----------
    title: its heading.
    people: a part for each, in this order.
    rest: a heading and pictures of each part after them.
    notes: a heading and sentences at the end.
    beside: other files to look at: what each is -> its path in the page's folder.
    """
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        *_files(beside),
        *_contents(people),
        *(
            line
            for number, person in enumerate(people)
            for line in _section(f"p{number}", person.name, person.counts, person.faces)
        ),
        *(
            line
            for number, (heading, pictures) in enumerate(rest)
            if pictures
            for line in _section(f"rest{number}", heading, str(len(pictures)), pictures)
        ),
        *_sentences(*notes),
        "</body></html>\n",
    ]
    return "\n".join(lines).encode()


def _text(text: str) -> str:
    """For HTML, where names of files may hold anything."""
    return escape(shown(text))


def _files(beside: Mapping[str, str]) -> Iterator[str]:
    if beside:
        links = (f'<a href="{_address(path)}">{_text(what)}</a>' for what, path in beside.items())
        yield f"<p>Beside this page: {', '.join(links)}.</p>"


def _sentences(heading: str, sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield f"<section><h2>{_text(heading)} <small>{len(sentences)}</small></h2><ul>"
        yield from (f'<li dir="auto">{_text(sentence)}</li>' for sentence in sentences)
        yield "</ul></section>"


def _contents(people: Sequence[PersonSection]) -> Iterator[str]:
    """Everybody with a face, to jump to."""
    yield "<nav>"
    for number, person in enumerate(people):
        image = _image(person.faces[0].shown, "")
        yield f'<a href="#p{number}">{image}<span dir="auto">{_text(person.name)}</span></a>'
    yield "</nav>"


def _section(anchor: str, heading: str, counts: str, pictures: Sequence[PagePicture]) -> Iterator[str]:
    yield f'<section id="{anchor}"><h2><bdi>{_text(heading)}</bdi> <small>{_text(counts)}</small></h2><div>'
    for picture in pictures:
        yield (
            f'<a href="{_address(picture.leads_to)}" title="{_text(picture.caption)}">'
            f'{_image(picture.shown, picture.caption)}<span dir="auto">{_text(picture.caption)}</span></a>'
        )
    yield "</div></section>"


def _image(path: str, description: str) -> str:
    return f'<img src="{_address(path)}" alt="{_text(description)}" loading="lazy" width="112" height="112">'


def _address(path: str) -> str:
    """A relative path as a link; file names may hold anything but a slash, also what is no UTF-8."""
    return quote(b"./" + os.fsencode(path))


_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1f; --dim: #5f6068; --paper: #fff; --card: #f1f1f4; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf0; --dim: #a3a4ad; --paper: #17171a; --card: #242429; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; font: 16px/1.45 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; margin: .5rem 0 1rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; overflow-wrap: anywhere; }
p a { display: inline; background: none; text-decoration: underline; }
li { overflow-wrap: anywhere; }
small { color: var(--dim); font-weight: normal; }
nav, section > div { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); }
a { display: block; min-width: 0; color: inherit; text-decoration: none; background: var(--card); border-radius: .5rem;
  overflow: hidden; }
a:hover, a:focus-visible { outline: 2px solid #3b82f6; }
img { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: cover; }
span { display: block; padding: .25rem .5rem; font-size: .8rem; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
section span { color: var(--dim); }
"""
