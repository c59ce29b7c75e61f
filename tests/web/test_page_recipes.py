"""What docs/page.md shows is so."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
from conftest import ROOT, need_tool

PAGE = (ROOT / "docs" / "page.md").read_text("utf-8")


def test_the_recipes_for_curl_run(page_of: str, photographs: dict[str, Path], tmp_path: Path):
    curl = need_tool("curl", "curl")
    shutil.copy(photographs["obama.jpg"], tmp_path / "photo.jpg")
    (block,) = re.findall(r"```sh\n(page=.*?)```", PAGE, re.DOTALL)
    first, *lines = block.strip().splitlines()
    assert first == "page=http://127.0.0.1:8470"
    assert len(lines) == 5
    told = []
    for line in lines:
        assert line.startswith("curl -s ")
        script = f"page={page_of}\n" + line.replace("curl -s", f"{curl} -sS --fail-with-body -m 10", 1)
        ended = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=20, check=False
        )
        assert ended.returncode == 0, (line, ended)
        told.append(ended.stdout)
    people, renamed, visits, found, undone = told
    assert [person["name"] for person in json.loads(people)["items"]] == ["person_02", "person_01"]
    assert json.loads(renamed)["person"] == "Ann"
    assert visits.startswith("visit,camera,person")
    assert len(json.loads(found)["faces"][0]["faces"]) == 3
    assert json.loads(undone)["taken_back"] == [json.loads(renamed)["entry"]]


def test_every_address_that_the_page_names_is_there(page_of: str):
    there = httpx.get(f"{page_of}/api/v1/openapi.json", timeout=10).json()["paths"]
    named = {path.partition("?")[0] for path in re.findall(r"(?:/api/v1/|`)([a-z]+/[a-z{}/_0-9]+)", PAGE)}
    known = {re.sub(r"\{\w+\}|person_01", "{}", path) for path in there}
    for path in named - {"openapi"}:
        assert f"/api/v1/{re.sub(r'{id}|person_01', '{}', path)}" in known, path
