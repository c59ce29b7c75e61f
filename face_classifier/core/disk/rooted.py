"""A folder opened once, in which things are made, written and removed by names that are checked and never followed."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from face_classifier.core.disk.durable import (
    FOLDER,
    NO_LINK,
    UNSUPPORTED,
    USUAL,
    Modes,
    identity,
    replacing,
    set_mode,
    sync,
    sync_folder,
    write_in,
)
from face_classifier.core.disk.tree import Tree
from face_classifier.core.errors import UserError

AnyRoot = TypeVar("AnyRoot", bound="Root")


class Root(Tree):
    """A `Tree` that may be changed. Whatever it contains, nothing outside of it is written, truncated or removed."""

    def __init__(self, path: Path, modes: Modes = USUAL) -> None:
        """Raises OSError where the folder cannot be opened."""
        super().__init__(path)
        self.modes = modes

    @classmethod
    def made(cls: type[AnyRoot], path: Path, modes: Modes = USUAL) -> AnyRoot:
        """Open a folder, which is made with all above it if it is missing."""
        missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
        for folder in reversed(missing):
            with suppress(FileExistsError):
                folder.mkdir()
        root = cls(path, modes)
        if missing:
            root._lack_modes(set_mode(root._descriptor, modes.folder))
            sync_folder(root.real.parent)
        return root

    def make_folder(self, place: str) -> None:
        """Durably. Raises FileExistsError if something is there."""
        with self._parent(place) as (above, name):
            os.mkdir(name, 0o777 if self.modes.folder is None else self.modes.folder & 0o700, dir_fd=above)
            descriptor = os.open(name, FOLDER | NO_LINK, dir_fd=above)
            try:
                self._lack_modes(set_mode(descriptor, self.modes.folder))
            finally:
                os.close(descriptor)
            self._sync(above)

    def write(self, place: str, content: bytes, *, durable: bool = True, new: bool = False) -> os.stat_result:
        """Writes beside, syncs, renames: after a crash the file is complete or as before. Never makes the folder.

        Parameters
        ----------
        place, content : of the file
        durable : False for what is quickly made anew; after a power cut it may be empty
        new : nothing is there, as somebody just saw

        Returns
        -------
        The state of the written file.

        Raises
        ------
        FileNotFoundError : the folder is gone; it may have been renamed with the file in it
        """
        with self._parent(place) as (folder, name):
            written, reason = write_in(folder, name, content, self.modes.file, durable=durable, new=new)
            self._lack_modes(reason)
            if durable:
                self._sync(folder)
            with self._folder(place.rpartition("/")[0]) as now:
                if now != folder and identity(os.fstat(now)) != identity(os.fstat(folder)):
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            return written

    def copy(self, file: Path, place: str) -> os.stat_result:
        """Make or replace a copy of a file from anywhere, with its mode, times and extended attributes."""
        with file.open("rb") as source, self._parent(place) as (folder, name):
            with replacing(folder, name) as target:
                shutil.copyfileobj(source, target)
                target.flush()
                state = os.fstat(source.fileno())
                self._lack_modes(set_mode(target.fileno(), stat.S_IMODE(state.st_mode) & 0o777))
                _copy_attributes(source.fileno(), target.fileno())
                os.utime(target.fileno(), ns=(state.st_atime_ns, state.st_mtime_ns))
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def open_own(self, place: str) -> int:
        """A descriptor, to read and write, of a file that only this program writes in place; made if it is missing.

        Raises UserError where it is none: a link, no ordinary file, or a file that has another name elsewhere.
        """
        mode = 0o600 if self.modes.file is not None else 0o666
        with self._parent(place) as (folder, name):
            try:
                descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_LINK, mode, dir_fd=folder)
                self._lack_modes(set_mode(descriptor, self.modes.file))
            except FileExistsError:
                self.check_own(place)
                descriptor = os.open(name, os.O_RDWR | os.O_NONBLOCK | NO_LINK, dir_fd=folder)
            try:
                self._check_own(place, os.fstat(descriptor))
            except BaseException:
                os.close(descriptor)
                raise
            return descriptor

    def check_own(self, place: str) -> os.stat_result | None:
        """The state of a file that is written in place, None if there is none; raises as `open_own`."""
        state = self.state(place)
        if state is not None:
            self._check_own(place, state)
        return state

    def _check_own(self, place: str, state: os.stat_result) -> None:
        path = self.path / place
        if stat.S_ISLNK(state.st_mode):
            raise self._is_link(place)
        if not stat.S_ISREG(state.st_mode):
            raise UserError(f"{path} is not an ordinary file; move it away")
        if state.st_nlink > 1:
            raise UserError(
                f"{path} is the same file as another one elsewhere (a hard link), which would change with it; "
                "put a copy in its place"
            )

    def rename(self, old: str, new: str) -> None:
        """What is at ``new`` is replaced. Not durable before a `sync` of both folders."""
        with self._parent(old) as (source, name), self._parent(new) as (target, other):
            os.rename(name, other, src_dir_fd=source, dst_dir_fd=target)

    def name(self, old: str, new: str) -> bool:
        """Give a file another name, unless something there has it; then the file goes. Returns whether it has it now.

        Of several processes that do so at a time, on several machines too, one succeeds; where the file system has no
        hard links, all may, one after the other. Not durable before a `sync` of the folder.
        """
        with self._parent(old) as (source, name), self._parent(new) as (target, other):
            try:
                os.link(name, other, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            except FileExistsError:
                pass
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.EMLINK, *UNSUPPORTED):
                    raise
                if not self.has(new):
                    os.rename(name, other, src_dir_fd=source, dst_dir_fd=target)
                    return True
            else:
                os.unlink(name, dir_fd=source)
                return True
            os.unlink(name, dir_fd=source)
            return False

    def remove(self, place: str) -> None:
        """A file, or a link itself."""
        with self._parent(place) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def remove_folder(self, place: str) -> None:
        """An empty one."""
        with self._parent(place) as (folder, name):
            os.rmdir(name, dir_fd=folder)

    def make_link(self, place: str, target: str) -> None:
        with self._parent(place) as (folder, name):
            os.symlink(target, name, dir_fd=folder)

    def sync(self, place: str = "") -> None:
        """Make renames in a folder durable, where the file system can."""
        with self._folder(place) as folder:
            self._sync(folder)

    def _sync(self, descriptor: int) -> None:
        if reason := sync(descriptor):
            self.lack(
                "fsync",
                f"the file system of {self.path} cannot make names durable ({reason}): after a power cut the latest "
                "files may be missing there",
            )

    def _lack_modes(self, reason: str | None) -> None:
        if reason:
            self.lack(
                "mode",
                f"the file system of {self.path} keeps no permissions ({reason}): the mount options of the disk say "
                "who may read it",
            )


def _copy_attributes(source: int, target: int) -> None:
    """Extended ones, such as tags, where the system has them and the target takes them."""
    if sys.platform == "linux":
        with suppress(OSError):
            for name in os.listxattr(source):
                with suppress(OSError):
                    os.setxattr(target, name, os.getxattr(source, name))
