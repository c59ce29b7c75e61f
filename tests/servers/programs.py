"""Asks the API of a page as another program does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

API = "/api/v1"


class Asking:
    """A client of a page. Each answer is as it should be, or the test fails with its text."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def __call__(self, path: str, method: str = "GET", *, status: int = 200, **more: Any) -> httpx.Response:
        """The answer to a request for a path below /api/v1, or for the picture of a face."""
        is_picture = path.startswith("/faces/") and ".jpg" in path
        answer = self.client.request(method, path if is_picture else API + path, **more)
        assert answer.status_code == status, answer.text
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == status
            assert answer.json()["detail"]
        return answer

    def faces_of(self, person: str, **query: Any) -> list[int]:
        found = self(f"/people/{quote(person)}/faces", params=query).json()["items"]
        return [face["id"] for face in found]

    def names(self) -> list[str]:
        return [person["name"] for person in self("/people").json()["items"]]

    @property
    def revision(self) -> int:
        return int(self("/people").json()["revision"])


@pytest.fixture
def ask(page_of: str) -> Iterator[Asking]:
    """A client of the page of ``result``."""
    with httpx.Client(base_url=page_of, timeout=10) as client:
        yield Asking(client)
