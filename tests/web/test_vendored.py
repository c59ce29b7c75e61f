"""The page's files: libraries as their authors published them, addresses that change with the files, and wheels."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import ROOT
from starlette.applications import Starlette
from starlette.routing import Mount

from face_classifier.web.pages.assets import STATIC, Assets, address, release
from face_classifier.web.served import served

VENDOR = STATIC / "vendor"
PACKAGES: list[dict[str, Any]] = json.loads((VENDOR / "manifest.json").read_text("utf-8"))["packages"]


def names(package: dict[str, Any]) -> str:
    return str(package["name"])


@pytest.fixture(scope="module")
def vendoring() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "scripts" / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_vendored_file_is_the_one_of_the_manifest():
    wanted = {name: digest for package in PACKAGES for name, digest in package["sha256"].items()}
    found = {path.name: path for path in VENDOR.iterdir() if path.name != "manifest.json"}
    assert found.keys() == wanted.keys()
    for name, digest in wanted.items():
        assert hashlib.sha256(found[name].read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("package", PACKAGES, ids=names)
def test_a_library_comes_with_its_licence_and_the_hash_that_npm_keeps_of_it(package: dict[str, Any]):
    assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package["integrity"])
    licences = [name for name in package["files"] if name.endswith(".LICENSE.txt")]
    assert len(licences) == 1
    assert "opyright" in (VENDOR / licences[0]).read_text("utf-8") or package["licence"] == "0BSD"


@pytest.mark.proof
@pytest.mark.parametrize("package", PACKAGES, ids=names)
def test_a_library_is_what_its_authors_published(package: dict[str, Any], tmp_path: Path, vendoring: ModuleType):
    """Against the tarball, which npm fetches."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    tarball = vendoring.packed(package["name"], package["version"], tmp_path)
    assert vendoring.integrity(tarball) == package["integrity"]
    for name, data in vendoring.contents(package, tarball).items():
        assert (VENDOR / name).read_bytes() == data, name


def ask(port: int, path: str) -> tuple[int, str | None, str | None]:
    """How a file is answered: the code, how long it is kept, and what it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("cache-control"), answer.getheader("content-type")
    finally:
        connection.close()


def test_every_file_has_an_address_that_is_kept_for_a_year():
    with served(Starlette(routes=[Mount("/static", Assets())]), "127.0.0.1", 0) as port:
        kept = "public, max-age=31536000, immutable"
        assert ask(port, address("app.js")) == (200, kept, "text/javascript; charset=utf-8")
        assert ask(port, address("vendor/icons.svg")) == (200, kept, "image/svg+xml")
        for older in ("app.js", "0123456789ab/app.js"):  # without a release, and with one of another program
            assert ask(port, f"/static/{older}")[:2] == (200, "no-cache")
        for path in ("../pages/rendering.py", "%2e%2e/pages/rendering.py", "nothing.js"):
            assert ask(port, f"/static/{release()}/{path}")[0] == 404


def test_no_style_or_script_names_another_machine():
    for path in [*STATIC.rglob("*.css"), *STATIC.rglob("*.js")]:
        if path.parent != VENDOR:
            assert not re.search(r"https?://(?!www\.w3\.org/)", path.read_text("utf-8")), path.name


def test_scripts_are_small_modules():
    for path in STATIC.rglob("*.js"):
        if path.parent != VENDOR:
            assert path.read_text("utf-8").count("\n") <= 300, path.name


def test_templates_hold_no_script_or_style_of_their_own():
    for path in (STATIC.parent / "templates").rglob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"\|\s*safe\b", text), path.name
        markup = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.DOTALL)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on", markup), path.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path.name


def test_a_wheel_has_templates_scripts_and_words(tmp_path: Path):
    uv = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".uv" / "bin"))
    if uv is None:
        pytest.skip("uv is not installed; sh scripts/test installs it")
    command = [uv, "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    web = ROOT / "face_classifier" / "web"
    parts = (web / "static", web / "templates", web / "words")
    wanted = {path.relative_to(ROOT).as_posix() for part in parts for path in part.rglob("*") if path.is_file()}
    wanted = {path for path in wanted if "__pycache__" not in path}
    assert len(wanted) > 20
    assert not wanted - packed
