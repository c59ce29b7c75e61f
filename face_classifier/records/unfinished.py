"""Files that are being written in a folder which machines share, and what is left of those whose writers died."""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
from contextlib import suppress
from hashlib import sha256

from face_classifier.core.disk.rooted import Root

_SUFFIX = ".part"
_LONG = 86400.0  # seconds without a byte, after which the writer of another machine is taken for dead


def unfinished_name(name: str) -> str:
    """A hidden name that no other process takes, for a file that will be called ``name``."""
    return f".{name}.{_here()}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"


def remove_left(root: Root) -> None:
    """Remove what writers left that are dead: of this machine at once, of others after a day. Raises OSError."""
    for name, state in root.states():
        is_unfinished = name.startswith(".") and name.endswith(_SUFFIX)
        if is_unfinished and (_is_dead(name) or time.time() - state.st_mtime > _LONG):
            with suppress(FileNotFoundError):
                root.remove(name)


def _here() -> str:
    """This machine, and of its containers the one in which process numbers count."""
    with suppress(OSError):
        return f"{_hash(socket.gethostname())}.{os.stat('/proc/self/ns/pid').st_ino}"
    return _hash(socket.gethostname())


def _hash(host: str) -> str:
    return sha256(host.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _is_dead(name: str) -> bool:
    """Whether a process of this machine wrote it that is no more."""
    found = re.search(rf"\.{re.escape(_here())}-(\d{{1,9}})-[0-9a-f]+{re.escape(_SUFFIX)}$", name)
    if not found:
        return False
    try:
        os.kill(int(found[1]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
