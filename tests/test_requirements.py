"""What the README's commands install: exactly what was tested, within what pyproject.toml allows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "requirements"
SETS = sorted(path.stem for path in FOLDER.glob("*.txt"))
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def pins(name: str) -> list[tuple[Requirement, list[str]]]:
    """Each pinned requirement of a set with its hashes."""
    text = re.sub(r"^#.*\n", "", (FOLDER / f"{name}.txt").read_text("utf-8"), flags=re.MULTILINE)
    found = []
    for entry in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = entry.split("--hash=")
        found.append((Requirement(requirement.strip()), [one.strip() for one in hashes]))
    return found


def wanted(kind: str) -> list[Requirement]:
    """The requirements in the list that begins with ``kind = [`` in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (block,) = re.findall(rf"^{kind} = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL)
    return [Requirement(one) for one in re.findall(r'"([^"]+)"', re.sub(r"#.*", "", block))]


@pytest.mark.parametrize("name", SETS)
def test_every_package_is_pinned_with_hashes(name: str):
    for requirement, hashes in pins(name):
        (clause,) = requirement.specifier
        assert clause.operator == "=="
        assert hashes
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes)


@pytest.mark.parametrize("name", SETS)
def test_no_address_of_a_registry_is_in_it(name: str):
    text = (FOLDER / f"{name}.txt").read_text("utf-8")
    assert "://" not in text
    assert "index" not in text


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("run", ["dependencies"]),
        *((name, ["dependencies", name]) for name in ("window", "dlib", "emotion", "plots", "parquet", "dask", "ray")),
        ("docs", ["docs"]),
        ("watch", ["dependencies", "alerts", "telegram", "web"]),
        (
            "dev",
            "dependencies window dlib emotion plots parquet alerts telegram web dask ray dev bench".split(),
        ),
    ],
)
@pytest.mark.parametrize("python", PYTHONS)
def test_what_the_project_needs_is_pinned_within_its_bounds(name: str, kinds: list[str], python: str):
    system = {"python_full_version": f"{python}.0", "python_version": python}
    here = {
        canonicalize_name(requirement.name): next(iter(requirement.specifier)).version
        for requirement, _ in pins(name)
        if requirement.marker is None or Marker(str(requirement.marker)).evaluate(system)
    }
    for requirement in [one for kind in kinds for one in wanted(kind)]:
        if requirement.marker and not requirement.marker.evaluate(system):
            continue
        version = here[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} is pinned at {version}"


def test_one_version_of_a_package_is_tested():
    for python in PYTHONS:
        system = {"python_full_version": f"{python}.0", "python_version": python}
        versions: dict[str, set[str]] = {}
        for name in SETS:
            for requirement, _ in pins(name):
                if requirement.marker is None or Marker(str(requirement.marker)).evaluate(system):
                    versions.setdefault(requirement.name, set()).add(str(requirement.specifier))
        assert {name for name, found in versions.items() if len(found) > 1} == set()


@pytest.mark.parametrize(
    ("package", "floor"), [("pillow", "11.3"), ("onnx", "1.18"), ("setuptools", "78.1.1"), ("pip", "25.3")]
)
def test_versions_with_known_holes_are_below_the_floor(package: str, floor: str):
    (requirement,) = [one for one in wanted("dependencies") if one.name == package]
    assert not requirement.specifier.contains(f"{floor}.dev0", prereleases=True)
    assert requirement.specifier.contains(floor)
