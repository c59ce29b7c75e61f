"""Long lists in pages that stay right while things change: the order is that of the first page."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from fastapi import Query

from face_classifier.gallery.reading.catalogue import Catalogue
from face_classifier.web.api.common.problems import ProblemError

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")

_MOST_LISTS = 256
_MOST_ITEMS = 2_000_000  # of all lists that are remembered
MOST = 1000  # of a page

Cursor = Annotated[
    str | None, Query(max_length=100, description="`next` of the page before; without it the list begins anew")
]
Limit = Annotated[int, Query(ge=1, le=MOST, description="how many at most")]


class Listed(NamedTuple, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next: str | None  # cursor; None: the list ends here
    total: int  # items of the list when it began


class Lists:
    """Lists that somebody has begun to read, by a word that cannot be guessed. Any thread may use them."""

    def __init__(self, most_lists: int = _MOST_LISTS, most_items: int = _MOST_ITEMS) -> None:
        """How many lists, and items of all, are remembered; those that were asked for longest ago go."""
        self._most_lists, self._most_items = most_lists, most_items
        self._lists: OrderedDict[str, Sequence[Hashable]] = OrderedDict()
        self._items = 0
        self._lock = threading.Lock()

    def page(
        self,
        cursor: str | None,
        limit: int,
        begin: Callable[[], Sequence[Key]],
        show: Callable[[Key], Item | None],
    ) -> Listed[Item]:
        """A page: what is there no more is passed over, and nothing comes twice.

        Parameters
        ----------
        cursor: of the page before; None: the first one.
        limit: items at most.
        begin: makes the list, by keys that stay what they are.
        show: what an item is now; None: it is gone.

        Raises
        ------
        ProblemError: the cursor is none of these, or the list is forgotten by now.
        """
        if cursor is None:
            word, start, keys = "", 0, begin()
        else:
            word, start, keys = self._found(cursor)  # type: ignore[assignment]  # whoever has the cursor began the list
        items: list[Item] = []
        at = start
        while at < len(keys) and len(items) < limit:
            item = show(keys[at])
            if item is not None:
                items.append(item)
            at += 1
        if at >= len(keys):
            return Listed(items, None, len(keys))
        word = word or self._keep(keys)
        return Listed(items, f"{word}.{at}", len(keys))

    def _keep(self, keys: Sequence[Hashable]) -> str:
        word = secrets.token_urlsafe(9)
        with self._lock:
            self._lists[word] = keys
            self._items += len(keys)
            while len(self._lists) > self._most_lists or (self._items > self._most_items and len(self._lists) > 1):
                _, gone = self._lists.popitem(last=False)
                self._items -= len(gone)
        return word

    def _found(self, cursor: str) -> tuple[str, int, Sequence[Hashable]]:
        word, _, place = cursor.rpartition(".")
        with self._lock:
            keys = self._lists.get(word)
            if keys is not None:
                self._lists.move_to_end(word)
        if keys is None or not (place.isascii() and place.isdecimal() and len(place) < 10):
            raise ProblemError(
                410, "this cursor is not valid, or its list was asked for too long ago; begin without a cursor"
            )
        return word, int(place), keys


class Remembered:
    """Pages of what is now; they are forgotten as soon as anything is changed. Any thread may use them."""

    def __init__(self, most: int = 64) -> None:
        """``most``: pages of one catalogue."""
        self._most, self._lock = most, threading.Lock()
        self._pages: WeakKeyDictionary[Catalogue, dict[Hashable, Any]] = WeakKeyDictionary()

    def page(self, catalogue: Catalogue, asked: Hashable, read: Callable[[], Item]) -> Item:
        """What ``read`` gives, unless it did for the same catalogue and question."""
        with self._lock:
            pages = self._pages.setdefault(catalogue, {})
            if asked in pages:
                known: Item = pages[asked]
                return known
        page = read()
        with self._lock:
            if len(pages) < self._most:
                pages[asked] = page
        return page


def numbers_of(given: str, what: str) -> list[int]:
    """The numbers of ``1,2,3``. Raises ProblemError where they are none."""
    parts: Iterable[str] = given.split(",") if given else ()
    if not all(part.isascii() and part.isdecimal() and len(part) < 16 for part in parts):
        raise ProblemError(422, f"{what} must be numbers with commas between them, such as 1,2,3")
    return [int(part) for part in (given.split(",") if given else ())]
