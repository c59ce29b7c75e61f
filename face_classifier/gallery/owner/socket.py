"""Where the owner of a folder takes commands: a Unix socket, who may connect to it, and the form of messages.

The socket lies beside the lock. Where it cannot, since the path is too long or the file system has no sockets, it lies
in the user's runtime folder under a name that the lock file tells.
"""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgpack
import platformdirs

from face_classifier.core.disk.durable import PRIVATE
from face_classifier.core.disk.locks import SOCKET
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import UserError

LONGEST = 256 << 20  # bytes of a message: a dozen close-ups out of large photos
_LENGTH = struct.Struct(">I")  # of a message, before it
_BLOCK = 1 << 20  # bytes that are received at once
_NAMES = "surrogateescape"  # names of files are bytes, not always UTF-8
_BACKLOG = 16  # connections that may wait to be taken


class ConnectionEndedError(Exception):
    """The other side ended the connection, or sent what is no message."""


# Addresses


@contextmanager
def listening(root: Root) -> Iterator[tuple[socket.socket, str]]:
    """A socket for the folder ``root``, for this user alone, and how the lock file tells it; removed at the end.

    Only who holds the lock may ask for it: what lies in its place is of a process that was killed. Raises OSError and
    UserError where there is no place for it.
    """
    with _place_for(root) as (place, listener, name):
        made = place.state(name)
        try:
            listener.listen(_BACKLOG)
            yield listener, name if place is root else str(place.real / name)
        finally:
            listener.close()
            with suppress(OSError):
                now = place.state(name)
                if made and now and (now.st_dev, now.st_ino) == (made.st_dev, made.st_ino):
                    place.remove(name)


@contextmanager
def _place_for(root: Root) -> Iterator[tuple[Root, socket.socket, str]]:
    """The folder that the socket could be made in, the socket, and its name there."""
    try:
        listener = _bound(root, SOCKET)
    except OSError:
        with Root.made(_runtime_folder(), PRIVATE) as runtime:
            _check_private(runtime.real)
            name = f"{hashlib.sha256(repr((os.stat(root.real).st_dev, root.inode)).encode()).hexdigest()[:16]}.sock"
            yield runtime, _bound(runtime, name), name
    else:
        yield root, listener, SOCKET


def _bound(place: Root, name: str) -> socket.socket:
    """A new socket with this name and mode 0600, in place of one that is there. Raises OSError where none can be."""
    state = place.state(name)
    if state is not None:
        if not stat.S_ISSOCK(state.st_mode):
            raise FileExistsError(f"{place.path / name} is no socket")
        place.remove(name)
    path = str(place.real / name)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(OSError):
            os.fchmod(listener.fileno(), 0o600)  # Linux makes the file with this mode
        listener.bind(path)
        if os.chmod in os.supports_follow_symlinks:
            os.chmod(path, 0o600, follow_symlinks=False)  # other systems; nobody can connect before it listens
        state = place.state(name)
        if state is None or not stat.S_ISSOCK(state.st_mode) or stat.S_IMODE(state.st_mode) != 0o600:
            if state is not None and stat.S_ISSOCK(state.st_mode):
                place.remove(name)
            raise OSError(f"{path} cannot be kept to one user")
    except BaseException:
        listener.close()
        raise
    return listener


def _runtime_folder() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the system has none, and so it is in the temporary folder
        return platformdirs.user_runtime_path("face-classifier", appauthor=False)


def _check_private(folder: Path) -> None:
    """Raise UserError unless a folder is this user's alone, and nobody else can put another in its place."""
    state, above = os.lstat(folder), os.lstat(folder.parent)
    own = os.geteuid()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != own or stat.S_IMODE(state.st_mode) & 0o077:
        raise UserError(f"the folder {folder} must belong to you alone (mode 0700); remove it")
    if above.st_uid not in (own, 0):
        raise UserError(f"the folder {folder.parent} belongs to somebody else; set XDG_RUNTIME_DIR to one of your own")


def connected(root: Root, address: str, seconds: float) -> socket.socket:
    """A connection to the socket that the lock file of ``root`` tells.

    Every call on it waits for at most ``seconds``. Raises OSError where nobody listens, and UserError where it is not
    this user's.
    """
    if os.sep in address:
        path = Path(address)
        _check_private(path.parent)
    elif address == SOCKET:
        root.refuse_link(SOCKET)
        path = root.real / SOCKET
    else:
        raise UserError(
            f"{root.path} tells {address!r} as its socket, which is not this program's; find out who wrote that"
        )
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(str(path))
        if not is_same_user(connection):
            raise UserError(f"the process that listens at {path} belongs to another user; ask that user")
    except BaseException:
        connection.close()
        raise
    return connection


def is_same_user(connection: socket.socket) -> bool:
    """Whether the process at the other end is this user's, where the system tells; elsewhere its mode must do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = struct.Struct("3i")  # process, user, group
    content = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    return bool(credentials.unpack(content)[1] == os.geteuid())


# Messages


def packed(message: Mapping[str, Any]) -> bytes:
    """A message as it is sent: its length in 4 bytes, the highest first, and msgpack.

    It may hold None, bool, int, float, str, bytes, list, and dict with keys of str. Raises ValueError, TypeError,
    OverflowError where it holds something else or is longer than LONGEST.
    """
    content = msgpack.packb(message, use_bin_type=True, unicode_errors=_NAMES)
    if len(content) > LONGEST:
        raise ValueError(f"a message of {len(content)} bytes is longer than {LONGEST}")
    return _LENGTH.pack(len(content)) + content


def send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    """Raises OSError where the other side is gone or takes nothing for too long, and as `packed`."""
    connection.sendall(packed(message))


def receive(connection: socket.socket) -> dict[str, Any]:
    """The next message. Raises ConnectionEndedError, and OSError (TimeoutError where none comes in time)."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > LONGEST:
        raise ConnectionEndedError(f"a message of {length} bytes is longer than {LONGEST}")
    try:
        message = msgpack.unpackb(_exactly(connection, length), raw=False, unicode_errors=_NAMES)
    except ValueError as error:  # all that msgpack raises is one
        raise ConnectionEndedError(f"what came is not a message ({error})") from error
    if not isinstance(message, dict):
        raise ConnectionEndedError("what came is not a message")
    return message


def _exactly(connection: socket.socket, length: int) -> bytearray:
    content = bytearray()
    while len(content) < length:
        block = connection.recv(min(length - len(content), _BLOCK))
        if not block:
            raise ConnectionEndedError("the other side ended the connection")
        content += block
    return content
