"""The OpenAPI document tells what is so: random requests after it find no answer that it does not know."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Watcher
from hypothesis import HealthCheck, Phase, given, settings
from servers.pages import settings_of
from servers.programs import Asking

from face_classifier.gallery.reading.reader import Reader
from face_classifier.web.app import make_app
from face_classifier.web.folder import Folder
from face_classifier.web.served import served
from face_classifier.web.site import Site

FEW, MANY = 2, 40  # requests of each operation, with names that are there and with others
KNOWN = {"person": "person_01", "face": 1, "one": "person_01", "other": "person_02"}
PROBLEM = "application/problem+json"


@pytest.fixture
def document(ask: Asking) -> dict[str, Any]:
    told: dict[str, Any] = ask("/openapi.json").json()
    return told


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_operation_is_described(document: dict[str, Any]):
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"].endswith("."), (path, method)
        assert any(status.startswith("2") for status in operation["responses"]), path


def test_every_error_is_a_problem(document: dict[str, Any]):
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            if status.startswith(("4", "5")):
                assert set(response["content"]) == {PROBLEM}, (path, method, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_everything_that_the_specification_names_is_there(document: dict[str, Any]):
    there = {(method.upper(), path.removeprefix("/api/v1/")) for path, method, _ in operations(document)}
    named = """
        GET people | GET people/{person} | PATCH people/{person} | POST people/{person}/merge
        POST people/{person}/split | POST faces/assign | POST faces/ignore | POST faces/exclude | POST faces/restore
        GET faces/{face} | GET faces/{face}/explain | GET /faces/{face}.jpg | GET unknowns/groups | GET suggestions
        POST suggestions/{one}/{other} | GET visits | GET tracks | POST visits/reviewed | GET now | GET status
        GET cameras | GET cameras/{camera}/snapshot.jpg | POST cameras/{camera}/pause | POST cameras/{camera}/resume
        GET journal | POST journal/undo | POST reload
    """
    wanted = {tuple(one.split()) for line in named.splitlines() for one in line.split("|") if one.strip()}
    assert wanted <= there, wanted - there


@pytest.fixture
def owned(result: Path) -> Iterator[str]:
    """The address of a page whose process owns the folder, as that of `face-classifier web`."""
    chosen = settings_of(result)
    with Folder(chosen, threading.Event(), Watcher()) as folder, Reader(result) as reader:
        site = Site(lambda: chosen, folder.carry_out, reader)
        with served(make_app(site), "127.0.0.1", 0) as port:
            yield f"http://127.0.0.1:{port}"


def test_no_random_request_after_the_document_is_answered_otherwise(owned: str):
    ask_at_random(owned, FEW)


@pytest.mark.proof
def test_none_of_very_many_random_requests_is_answered_otherwise(owned: str):
    ask_at_random(owned, MANY)


def ask_at_random(owned: str, count: int) -> None:
    """Ask for each operation ``count`` times with names that are there, and with others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library
        import schemathesis
        from schemathesis.checks import not_a_server_error
        from schemathesis.specs.openapi import checks

        schema = schemathesis.openapi.from_url(f"{owned}/api/v1/openapi.json")
        wanted = [
            not_a_server_error,
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_schema_conformance,
        ]
        found = [operation.ok() for operation in schema.get_all_operations()]
        assert len(found) > 30
        for operation in found:
            for known in ({}, {name: value for name, value in KNOWN.items() if f"{{{name}}}" in operation.path}):
                cases = operation.as_strategy(**({"path_parameters": known} if known else {}))
                _ask_for(cases, owned, wanted, count)


def _ask_for(cases: Any, address: str, checks: list[Any], count: int) -> None:
    """Ask for some cases of an operation, always the same ones."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def ask_for(case: Any) -> None:
        case.call_and_validate(base_url=address, checks=checks, timeout=10)

    ask_for()
