"""Brings the page's libraries into face_classifier/web/static/vendor, as manifest.json there names them.

    sh scripts/python scripts/vendor.py

Each package is fetched by `npm pack` and compared with the hash that npm keeps of it (`dist.integrity`); a change of
version in the manifest takes both hashes anew, so look at the difference before it is committed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).parent.parent / "face_classifier" / "web" / "static" / "vendor"
MANIFEST = VENDOR / "manifest.json"
SECONDS = 60  # for one package; the largest has 7 MB


def packed(name: str, version: str, folder: Path) -> Path:
    """The tarball of a package, which npm puts into ``folder``. Raises CalledProcessError, TimeoutExpired."""
    command = ["npm", "pack", "--json", "--ignore-scripts", f"{name}@{version}"]
    told = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=SECONDS)
    return folder / json.loads(told.stdout)[0]["filename"]


def integrity(tarball: Path) -> str:
    """The hash of a tarball as npm writes it: ``sha512-`` and base64."""
    return "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()


def contents(package: dict[str, Any], tarball: Path) -> dict[str, bytes]:
    """The bytes of every file that the manifest wants of a package, by the name they get here."""
    with tarfile.open(tarball) as archive:

        def read(member: str) -> bytes:
            found = archive.extractfile(f"package/{member}")
            assert found is not None, f"{package['name']} has no {member}"
            return found.read()

        files = {ours: read(theirs) for ours, theirs in package["files"].items()}
        if icons := package.get("icons"):
            files["icons.svg"] = sprite({icon: read(f"icons/{icon}.svg").decode() for icon in icons})
    return files


def sprite(pictures: dict[str, str]) -> bytes:
    """One SVG with a symbol an icon, each with the lines of its picture and nothing else."""
    symbols = []
    for name, picture in sorted(pictures.items()):
        body = re.search(r"<svg[^>]*>(.*)</svg>", picture, re.DOTALL)
        assert body is not None
        lines = re.sub(r"\s*\n\s*", "", body[1])
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{lines}</symbol>')
    return ('<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n").encode()


def main() -> None:
    manifest = json.loads(MANIFEST.read_text("utf-8"))
    for package in manifest["packages"]:
        with tempfile.TemporaryDirectory() as folder:
            tarball = packed(package["name"], package["version"], Path(folder))
            package["integrity"] = integrity(tarball)
            files = contents(package, tarball)
        for name, data in files.items():
            (VENDOR / name).write_bytes(data)
        package["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
        print(package["name"], package["version"], package["integrity"])
    MANIFEST.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
