"""What lies in a folder as text, to be compared with what the table says of it.

Run as a program, with a folder as its argument, it lists all folders in that for `ahead`. It imports nothing of ours,
so that it begins at once.
"""

from __future__ import annotations

import marshal
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# How many files, and, each sorted by their names: the names joined by "/", which is in no name; bytes, and mtimes in ns
# since 1970, joined by ",".
Listing = tuple[int, str, str, str]
NOTHING: Listing = 0, "", "", ""
_AT_ONCE = 5000  # files that are told together


def listing_of(folder: str, telling: tuple[str, ...]) -> Listing | None:
    """What lies in a folder; None where that is anything but plain files, or it cannot be read.

    ``telling``: how the hidden files begin that count.
    """
    contents = []
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # each file in it is found sooner than by its path
        try:
            with os.scandir(descriptor) as listing:
                for entry in listing:
                    name = entry.name
                    if name[0] == "." and not name.startswith(telling):
                        continue
                    state = entry.stat(follow_symlinks=False)
                    if not stat.S_ISREG(state.st_mode):
                        return None
                    contents.append((name, state.st_size, state.st_mtime_ns))
        finally:
            os.close(descriptor)
    except OSError:
        return None
    if not contents:
        return NOTHING
    contents.sort()
    names, sizes, times = zip(*contents, strict=True)
    return len(contents), "/".join(names), ",".join(map(str, sizes)), ",".join(map(str, times))


def listings_in(root: str, telling: tuple[str, ...]) -> Iterator[tuple[str, Listing | None]]:
    """Name and `listing_of` of each visible folder in another one, by name. Raises OSError."""
    with os.scandir(root) as entries:
        names = sorted(entry.name for entry in entries if entry.name[0] != "." and entry.is_dir(follow_symlinks=False))
    for name in names:
        yield name, listing_of(os.path.join(root, name), telling)


def tell(root: str, telling: tuple[str, ...], pipe: int) -> None:
    """Write them to a pipe, some at a time. While nobody reads there, they wait in memory and the listing goes on."""
    os.set_blocking(pipe, False)
    waiting, some, files = bytearray(), [], 0
    for name, listing in listings_in(root, telling):
        some.append((name, listing))
        files += listing[0] if listing else 1
        if files >= _AT_ONCE or len(some) >= _AT_ONCE:
            waiting += marshal.dumps(some)
            some, files = [], 0
            _write(pipe, waiting)
    os.set_blocking(pipe, True)
    waiting += marshal.dumps(some)
    _write(pipe, waiting)


def _write(pipe: int, waiting: bytearray) -> None:
    """Write to a pipe what it has room for, and take that away."""
    try:
        while waiting:
            del waiting[: os.write(pipe, waiting)]
    except BlockingIOError:
        pass


if __name__ == "__main__":
    tell(sys.argv[1], tuple(sys.argv[2:]), sys.stdout.fileno())
