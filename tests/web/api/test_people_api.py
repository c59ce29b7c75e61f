"""People and faces as other programs ask for them, read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from servers.programs import API, Asking


def test_people_are_told_with_a_picture_and_when_they_were_seen(ask: Asking):
    people = ask("/people").json()
    assert [person["name"] for person in people["items"]] == ["person_01", "person_02"]
    assert (people["next"], people["total"]) == (None, 2)
    first = people["items"][0]
    assert first["first"].endswith("Z")
    picture = ask(first["picture"]).content
    assert cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).shape == (112, 112, 3)
    assert ask("/people/person_01").json() == first


def test_a_person_is_found_by_what_is_typed_and_the_nearest_comes_first(ask: Asking):
    ask("/people/person_02", "PATCH", json={"name": "김영수"})
    for typed, found in {"ㄱㅇㅅ": ["김영수"], "영수": ["김영수"], "PERSON": ["person_01"], "x": []}.items():
        assert [person["name"] for person in ask("/people", params={"q": typed}).json()["items"]] == found
    face = ask.faces_of("person_01")[0]
    near = ask("/people", params={"near": str(face)}).json()["items"]
    assert {person["name"]: person["distance"] is not None for person in near} == {"김영수": True, "person_01": False}
    (nearest,) = ask("/faces/nearest", params={"faces": str(face), "k": 9}).json()
    assert (nearest["person"], nearest["faces"]) == ("김영수", 15)


def test_a_page_goes_on_in_its_order_whatever_is_changed_meanwhile(ask: Asking):
    all_of_them = ask.faces_of("person_01", limit=1000)
    page = ask("/people/person_01/faces", params={"limit": 10}).json()
    assert [face["id"] for face in page["items"]] == all_of_them[:10]
    ask("/faces/assign", "POST", json={"faces": [all_of_them[2], all_of_them[12]], "person": "Ann"})
    seen = [face["id"] for face in page["items"]]
    while page["next"]:
        page = ask("/people/person_01/faces", params={"limit": 7, "cursor": page["next"]}).json()
        seen += [face["id"] for face in page["items"]]
    assert seen == [face for face in all_of_them if face != all_of_them[12]]


def test_a_person_who_is_renamed_while_the_list_is_read_is_not_missed(ask: Asking):
    page = ask("/people", params={"limit": 1}).json()
    ask("/people/person_02", "PATCH", json={"name": "Aaron"})
    rest = ask("/people", params={"limit": 1, "cursor": page["next"]}).json()
    assert [person["name"] for person in (*page["items"], *rest["items"])] == ["person_01", "Aaron"]


def test_a_cursor_that_is_none_is_gone(ask: Asking):
    for cursor in ("x", "abc.1", "abc.-1", "."):
        ask("/people", params={"cursor": cursor}, status=410)


def test_a_former_name_leads_to_who_has_it_now(ask: Asking):
    ask("/people/person_01", "PATCH", json={"name": "Ann é"})
    moved = ask("/people/person_01", status=308)
    assert ask(moved.headers["location"].removeprefix(API)).json()["name"] == "Ann é"


def test_a_name_that_is_taken_is_refused_with_whom_to_merge_into(ask: Asking):
    refused = ask("/people/person_01", "PATCH", json={"name": "person_02"}, status=409).json()
    assert refused["merge_into"] == "person_02"
    assert len(ask("/people").json()["items"]) == 2
    merged = ask("/people/person_02/merge", "POST", json={"from": ["person_01"], "name": "Ann"}).json()
    assert (merged["faces"], merged["person"]) == (38, "Ann")
    assert [person["name"] for person in ask("/people").json()["items"]] == ["Ann"]
    ask("/journal/undo", "POST", json={"to": merged["undo"]})
    assert [person["name"] for person in ask("/people").json()["items"]] == ["person_01", "person_02"]


def test_a_stale_tab_changes_nothing(ask: Asking):
    revision = ask("/people").json()["revision"]
    faces = ask.faces_of("person_01")[:2]
    ask("/faces/assign", "POST", json={"faces": faces, "person": "Ann", "revision": revision})
    again = {"faces": faces, "person": "Bea", "revision": revision}
    assert "merge_into" not in ask("/faces/assign", "POST", json=again, status=409).json()
    assert ask(f"/faces/{faces[0]}").json()["person"] == "Ann"
    ask("/people/person_02/merge", "POST", json={"from": ["person_01"], "revision": revision}, status=409)


def test_what_one_did_oneself_since_is_no_conflict(ask: Asking):
    revision = ask("/people").json()["revision"]
    faces = ask.faces_of("person_01")[:1]
    first = ask("/faces/assign", "POST", json={"faces": faces, "person": "Ann", "revision": revision}).json()
    body = {"faces": faces, "person": "Bea", "revision": revision, "mine": [first["entry"]]}
    second = ask("/faces/assign", "POST", json=body).json()
    for entry in (second, first):
        undone = {"entry": entry["entry"], "mine": list(range(1, ask("/people").json()["revision"] + 1))}
        ask("/journal/undo", "POST", json=undone)
    assert ask(f"/faces/{faces[0]}").json()["person"] == "person_01"


def test_faces_are_said_to_be_somebody_s_nobody_s_or_not_somebody_s(ask: Asking):
    one, two, three, four = ask.faces_of("person_01")[:4]
    new = ask("/faces/assign", "POST", json={"faces": [one], "person": "new"}).json()
    assert new["person"] == ask(f"/faces/{one}").json()["person"] == "person_03"
    ask("/faces/assign", "POST", json={"faces": [two], "person": None, "not": "person_01"})
    assert ask(f"/faces/{two}").json()["person"] is None
    assert [face["id"] for face in ask("/people/person_01/not-them").json()] == [two]
    ask("/faces/ignore", "POST", json={"faces": [three]})
    assert three in [face["id"] for face in ask("/unknowns", params={"ignored": True}).json()["items"]]
    ask("/faces/exclude", "POST", json={"faces": [four]})
    assert ask(f"/faces/{four}").json()["excluded"]
    ask("/faces/restore", "POST", json={"faces": [four]})
    assert ask(f"/faces/{four}").json()["person"] == "person_01"
    ask("/faces/assign", "POST", json={"faces": [four], "person": "new", "new": False})
    assert ask("/people/new").json()["faces"] == 1


def test_part_of_a_person_becomes_another_one(ask: Asking):
    faces = ask.faces_of("person_01")[:3]
    parted = ask("/people/person_01/split", "POST", json={"faces": faces, "name": "Ann"}).json()
    assert (parted["part"], parted["faces"]) == ("Ann", 3)
    kept = ask("/suggestions/person_01/Ann", "POST", json={"same": None}).json()
    assert kept["undo"] is not None
    ask("/suggestions/person_01/Ann", "POST", json={"same": True})
    assert ask("/people/Ann").json()["faces"] == 23


def test_one_of_ones_own_entries_is_taken_back_alone(ask: Asking):
    one, two = ask.faces_of("person_01")[:2]
    first = ask("/faces/assign", "POST", json={"faces": [one], "person": "Ann"}).json()
    second = ask("/faces/assign", "POST", json={"faces": [two], "person": "Bea"}).json()
    own = {"mine": [first["entry"], second["entry"]]}
    undone = ask("/journal/undo", "POST", json={"entry": first["entry"], **own}).json()
    assert (undone["taken_back"], undone["changed"]) == ([first["entry"]], [one])
    assert ask(f"/faces/{two}").json()["person"] == "Bea"
    ask("/journal/undo", "POST", json={"entry": first["entry"], **own}, status=422)
    again = ask("/journal/undo", "POST", json={"entry": undone["entry"], **own}).json()
    assert (again["changed"], ask(f"/faces/{one}").json()["person"]) == ([one], "Ann")
    assert ask("/journal").json()["items"][3]["taken_back_by"] is None
    ask("/journal/undo", "POST", json={"entry": 999}, status=422)


def test_nobody_is_forgotten_whom_others_changed_since(ask: Asking, result: Path):
    revision = ask("/people").json()["revision"]
    ask("/people/person_01/merge", "POST", json={"from": ["person_02"]})
    ask("/people/person_01/forget", "POST", json={"revision": revision}, status=409)
    assert (result / "person_01").exists()
    revision = ask("/people").json()["revision"]
    assert ask("/people/person_01/forget", "POST", json={"revision": revision}).json()["faces"] == 38


def test_somebody_who_is_forgotten_is_gone_for_good(ask: Asking, result: Path):
    (face, *_), path = ask.faces_of("person_01"), ask("/people/person_01").json()["picture"]
    forgotten = ask("/people/person_01/forget", "POST").json()
    assert forgotten["faces"] == 23
    assert not (result / "person_01").exists()
    assert ask(path, status=404).headers["cache-control"] == "no-store"
    ask(f"/faces/{face}", status=404)


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        ("/people/Nobody", "GET", None),
        ("/people/Nobody/faces", "GET", None),
        ("/people/Nobody", "PATCH", {"name": "Ann"}),
        ("/people/Nobody/merge", "POST", {"from": ["person_01"]}),
        ("/faces/99999", "GET", None),
        ("/faces/99999/explain", "GET", None),
        ("/faces/assign", "POST", {"faces": [99999], "person": "Ann"}),
        ("/suggestions/person_01/Nobody", "POST", {"same": True}),
        ("/nothing", "GET", None),
    ],
)
def test_what_is_not_there_is_not_found(path: str, method: str, body: Any, ask: Asking):
    ask(path, method, json=body, status=404)


@pytest.mark.parametrize("name", ["", "unknowns", ".hidden", "a/b", "a" * 201, "a\tb", "‮txt"])
def test_a_name_that_no_folder_can_have_is_refused(name: str, ask: Asking):
    ask("/people/person_01", "PATCH", json={"name": name}, status=422)
    face = ask.faces_of("person_02")[0]
    ask("/faces/assign", "POST", json={"faces": [face], "person": name}, status=422)


def test_a_name_that_is_no_utf_8_is_refused(ask: Asking):
    told = f'{{"faces": [{ask.faces_of("person_01")[0]}], "person": "caf\\udce9"}}'.encode()
    ask("/faces/assign", "POST", status=422, content=told, headers={"Content-Type": "application/json"})
    ask("/people/caf%E9", status=404)


def test_a_picture_is_kept_by_its_hash_alone(ask: Asking):
    face = ask("/people/person_01").json()["picture"]
    right = ask(face)
    assert "immutable" in right.headers["cache-control"]
    assert "private" in right.headers["cache-control"]
    again = ask(face, headers={"If-None-Match": right.headers["etag"]}, status=304)
    assert again.content == b""
    for wrong in (face.partition("&v=")[0], f"{face.partition('&v=')[0]}&v=00000000"):
        assert ask(wrong).headers["cache-control"] == "private, no-cache"
    assert len(ask(face.replace("w=112", "w=224")).content) > len(right.content)


def test_why_a_face_is_somebody_s_is_told(ask: Asking):
    face = ask.faces_of("person_01")[0]
    told = ask(f"/faces/{face}/explain").json()
    assert (told["person"], told["placed"]) == ("person_01", "the program")
