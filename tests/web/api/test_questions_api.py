"""Who may be one person is asked and answered by other programs, too."""

from __future__ import annotations

from pathlib import Path

from servers.programs import Asking


def test_two_halves_of_a_person_are_suggested_until_somebody_answers(ask: Asking, result: Path):
    (result / "Ann").mkdir()
    for picture in sorted((result / "person_01").iterdir())[:9]:  # as the user does
        picture.rename(result / "Ann" / picture.name)
    (result / "person_01").rename(result / "Bea")
    ask("/people/person_02", "PATCH", json={"hidden": False})
    told = ask("/suggestions").json()
    (pair,) = [one for one in told["items"] if {one["one"]["name"], one["other"]["name"]} == {"Ann", "Bea"}]
    assert pair["pairs"]
    for two in pair["pairs"]:
        assert (two["one"]["person"], two["other"]["person"]) == (pair["one"]["name"], pair["other"]["name"])
    ask("/suggestions/Ann/Bea", "POST", json={"same": False, "revision": told["revision"]})
    assert pair not in ask("/suggestions").json()["items"]
    ask("/suggestions/Bea/Ann", "POST", json={"same": None})
    joined = ask("/suggestions/Ann/Bea", "POST", json={"same": True}).json()
    assert (joined["person"], ask.names()) == ("Ann", ["Ann", "person_02"])


def test_unknown_faces_of_one_person_are_a_group(ask: Asking):
    one, other = ask.faces_of("person_01"), ask.faces_of("person_02")
    for faces in (one[:6], other[:5]):
        said = ask("/faces/assign", "POST", json={"faces": faces, "person": None}).json()
        ask("/faces/restore", "POST", json={"faces": faces})  # free to be asked about
        assert said["faces"] == len(faces)
    told = ask("/unknowns/groups").json()
    grouped = [set(group["faces"]) for group in told["items"]]
    assert sorted(face for group in grouped for face in group) == sorted([*one[:6], *other[:5]])
    assert all(group <= set(one) or group <= set(other) for group in grouped)
    assert len(grouped) < 11
    first = told["items"][0]
    assert [face["id"] for face in first["shown"]] == first["faces"][:12]
    assert first["days"] == ["2020-01-01"]
    ask("/faces/assign", "POST", json={"faces": first["faces"], "person": "Ann"})
    assert first["faces"] not in [group["faces"] for group in ask("/unknowns/groups").json()["items"]]


def test_unknown_faces_come_page_by_page(ask: Asking):
    faces = ask.faces_of("person_01")[:7]
    ask("/faces/ignore", "POST", json={"faces": faces})
    assert ask("/unknowns").json()["items"] == []
    seen, cursor = [], None
    while True:
        given = {"ignored": True, "limit": 3, **({"cursor": cursor} if cursor else {})}
        page = ask("/unknowns", params=given).json()
        seen += [face["id"] for face in page["items"]]
        if not (cursor := page["next"]):
            break
        ask("/faces/assign", "POST", json={"faces": [seen[0]], "person": "Ann"})
    assert sorted(seen) == sorted(faces)
