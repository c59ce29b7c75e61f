"""Files that pages need, under an address that changes with them: browsers keep them, and never an old one."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent.parent / "static"
_RELEASE = re.compile(r"[0-9a-f]{12}")


@lru_cache
def release() -> str:
    """A hash of the names and contents of all files, in 12 digits.

    All have one, since scripts and styles name one another: ``/static/RELEASE/app.js`` imports ``./words.js``, which
    so has the release in its address, too.
    """
    together = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            together.update(f"{path.relative_to(STATIC).as_posix()}\0".encode())
            together.update(hashlib.sha256(path.read_bytes()).digest())
    return together.hexdigest()[:12]


def address(path: str) -> str:
    """Where a page finds a file of `STATIC`, such as ``app.js``."""
    return f"/static/{release()}/{path}"


class Assets(StaticFiles):
    """`STATIC`, to be mounted at ``/static``: with its release to be kept for a year, else asked for again."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at ``path``. One of another release is the one of now, for a page that is older than the program."""
        first, _, rest = path.partition("/")
        is_released = _RELEASE.fullmatch(first) is not None
        response = await super().get_response(rest if is_released else path, scope)
        is_now = first == release()
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_now else "no-cache"
        return response
