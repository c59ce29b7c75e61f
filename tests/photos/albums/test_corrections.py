"""What the user made of an album, step by step, on plain data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from face_classifier.photos.albums.corrections import (
    AlbumToday,
    FileToday,
    LinkMove,
    Replaced,
    Unclear,
    drop_missing,
    find_moves,
    find_replaced,
    follow_edits,
    follow_renames,
    forget_deleted_folders,
    hear,
    lay_moved,
    lift_moved,
)
from face_classifier.photos.albums.manifest import USERS_FILE, Manifest, ManifestEntry

ANN, BEN, BOTH = "a" * 64, "b" * 64, "c" * 64  # contents: photos of one, of the other, and of the two
FACES = {ANN: 1, BEN: 1, BOTH: 2}


def link(content: str, face: int = 0) -> ManifestEntry:
    return ManifestEntry(content, face, f"../../{content[0]}.jpg")


def written() -> Manifest:
    """Of two people, who are together in one photo."""
    return Manifest(
        numbers=2,
        folders={
            "person_01": {"a.jpg": link(ANN), "c.jpg": link(BOTH, 0)},
            "person_02": {"b.jpg": link(BEN), "c.jpg": link(BOTH, 1)},
        },
        inodes={"person_01": 1, "person_02": 2},
        photos={ANN: ("../a.jpg", 1), BEN: ("../b.jpg", 1), BOTH: ("../c.jpg", 2)},
    )


def seen(manifest: Manifest) -> AlbumToday:
    """As nobody changed anything."""
    return AlbumToday(
        {
            folder: {name: FileToday(entry.content, entry.link) for name, entry in entries.items()}
            for folder, entries in manifest.folders.items()
        },
        dict(manifest.inodes),
    )


def changed(today: AlbumToday, **folders: dict[str, FileToday] | None) -> AlbumToday:
    """With other contents of some folders; None = gone."""
    contents = {**today.folders, **folders}
    inodes = {**{folder: 100 + number for number, folder in enumerate(folders)}, **today.inodes}
    return AlbumToday({folder: files for folder, files in contents.items() if files is not None}, inodes)


# Photos and folders


def test_where_nothing_was_changed_nothing_is_said():
    before = written()
    today = seen(before)
    after = follow_edits(before, {"../a.jpg": ANN, "../b.jpg": BEN, "../c.jpg": BOTH}, FACES)
    after = forget_deleted_folders(follow_renames(after, today), today)
    moves, unclear = find_moves(after, today, FACES)
    replaced = find_replaced(after, today)
    after, said = hear(lay_moved(drop_missing(lift_moved(after, moves), today), moves))
    assert (moves, unclear, replaced, said.together, said.cannot_links) == ([], [], [], {}, [])
    assert after.record() == before.record() == written().record()


def test_an_edited_photo_is_the_one_that_lay_there_if_it_has_as_many_faces():
    before = replace(written(), together={(ANN, 0): "Ann"}, cannot_links={(BOTH, 1, "person_01")})
    new, other = "d" * 64, "e" * 64
    after = follow_edits(before, {"../a.jpg": new, "../b.jpg": BEN, "../c.jpg": other}, {new: 1, BEN: 1, other: 1})
    assert after.folders["person_01"] == {"a.jpg": link(ANN)._replace(content=new), "c.jpg": link(BOTH, 0)}
    assert (after.together, after.cannot_links) == ({(new, 0): "Ann"}, {(BOTH, 1, "person_01")})
    assert after.photos == {
        BEN: ("../b.jpg", 1),
        BOTH: ("../c.jpg", 2),  # its links tell of it still
        new: ("../a.jpg", 1),
        other: ("../c.jpg", 1),
    }


def test_a_photo_that_took_the_place_of_another_one_of_the_album_is_no_edit():
    after = follow_edits(written(), {"../a.jpg": BEN, "../c.jpg": BOTH}, {BEN: 1, BOTH: 2})
    assert after.folders == written().folders


def test_a_folder_is_renamed_whose_photos_lie_in_a_new_one():
    before = replace(written(), together={(ANN, 0): "person_01"}, cannot_links={(BEN, 0, "person_01")})
    today = seen(before)
    after = follow_renames(before, changed(today, person_01=None, Ann=dict(today.folders["person_01"])))
    assert after.folders == {"Ann": before.folders["person_01"], "person_02": before.folders["person_02"]}
    assert (after.users, after.together) == ({"Ann"}, {(ANN, 0): "Ann"})
    assert after.cannot_links == {(BEN, 0, "Ann")}


def test_folders_that_swapped_names_are_told_by_their_inodes():
    before = written()
    one, two = before.folders.values()
    swapped = {
        "person_01": {name: FileToday(entry.content, entry.link) for name, entry in two.items()},
        "person_02": {name: FileToday(entry.content, entry.link) for name, entry in one.items()},
    }
    after = follow_renames(before, AlbumToday(swapped, {"person_01": 2, "person_02": 1}))
    assert after.folders == {"person_02": one, "person_01": two}


def test_of_a_deleted_folder_nothing_is_certain_any_more():
    before = replace(
        written(), users={"person_01", "person_02"}, together={(ANN, 0): "person_01", (BEN, 0): "person_02"}
    )
    after = forget_deleted_folders(before, changed(seen(before), person_01=None))
    assert (after.users, after.together) == ({"person_02"}, {(BEN, 0): "person_02"})


# Links


def test_a_moved_link_says_whose_face_it_is_and_whose_not():
    before = written()
    today = seen(before)
    one, two = (dict(files) for files in today.folders.values())
    two["a.jpg"] = one.pop("a.jpg")
    today = changed(today, person_01=one, person_02=two)
    moves, unclear = find_moves(before, today, FACES)
    assert (moves, unclear) == ([LinkMove(link(ANN), ("person_01", "a.jpg"), ("person_02", "a.jpg"))], [])
    after, said = hear(lay_moved(drop_missing(lift_moved(before, moves), today), moves))
    assert list(after.folders["person_02"]) == ["b.jpg", "c.jpg", "a.jpg"]
    assert after.users == {"person_02"}
    assert said.together == {(ANN, 0): "person_02", (BEN, 0): "person_02", (BOTH, 1): "person_02"}
    assert said.cannot_links == [((ANN, 0), (BOTH, 0))]


def test_a_new_name_within_a_folder_says_nothing():
    before = written()
    today = seen(before)
    one = dict(today.folders["person_01"])
    one["me.jpg"] = one.pop("c.jpg")
    today = changed(today, person_01=one)
    moves, _ = find_moves(before, today, FACES)
    after, said = hear(lay_moved(drop_missing(lift_moved(before, moves), today), moves))
    assert after.folders["person_01"] == {"a.jpg": link(ANN), "me.jpg": link(BOTH, 0)}
    assert (said.together, said.cannot_links) == ({}, [])


def test_for_which_of_two_faces_a_file_stands_is_not_clear_where_both_are_away():
    before = written()
    today = changed(
        seen(before),
        person_01={"a.jpg": FileToday(ANN, link(ANN).link)},
        person_02={"b.jpg": FileToday(BEN, link(BEN).link)},
        Cid={"c.jpg": FileToday(BOTH, link(BOTH).link)},
    )
    assert find_moves(before, today, FACES) == ([], [Unclear(("Cid", "c.jpg"), 2)])


def test_a_file_of_the_users_is_never_taken_for_the_programs():
    before = replace(written(), folders={"person_02": {"b.jpg": link(BEN)}})
    today = AlbumToday(
        {"person_02": {"b.jpg": FileToday(BEN, link(BEN).link)}, "Ann": {"me.jpg": FileToday(ANN, None, 70, 7)}}, {}
    )
    moves, _ = find_moves(before, replace(today, inodes={"person_02": 2, "Ann": 9}), FACES)
    assert moves == [LinkMove(ManifestEntry(ANN, 0, None, USERS_FILE), None, ("Ann", "me.jpg"))]


def test_a_copy_that_was_moved_is_the_programs_while_nobody_edited_it():
    copy = ManifestEntry(ANN, 0, None, 70, 7)
    before = Manifest(folders={"person_01": {"a.jpg": copy}, "person_02": {}})
    for state, want in (((70, 7), copy), ((71, 8), ManifestEntry(ANN, 0, None, USERS_FILE))):
        today = AlbumToday({"person_01": {}, "person_02": {"a.jpg": FileToday(ANN, None, *state)}}, {})
        moves, _ = find_moves(before, today, FACES)
        assert [move.entry for move in moves] == [want]


def test_a_deleted_link_is_a_cannot_link_with_those_that_stay():
    before = replace(written(), together={(ANN, 0): "person_01"})
    today = changed(seen(before), person_01={"c.jpg": FileToday(BOTH, link(BOTH).link)})
    after, said = hear(drop_missing(before, today))
    assert after.folders["person_01"] == {"c.jpg": link(BOTH, 0)}
    assert (said.together, said.cannot_links) == ({}, [((ANN, 0), (BOTH, 0))])


def test_after_a_killed_run_a_missing_link_says_nothing():
    before = replace(written(), finished=False)
    today = changed(seen(before), person_01={}, person_02={"c.jpg": FileToday(BOTH, link(BOTH).link)})
    assert drop_missing(before, today) == before
    assert find_replaced(before, today) == []


def test_links_that_took_the_place_of_others_are_found():
    before = written()
    today = changed(seen(before), person_01={"a.jpg": FileToday(ANN, link(ANN).link)})
    assert find_replaced(before, today) == [Replaced("person_01", "person_02", ["c.jpg"])]


def test_what_the_user_puts_together_is_together_whatever_was_said_before():
    before = replace(written(), users={"person_01"}, cannot_links={(BOTH, 0, "person_01"), (BEN, 0, "person_01")})
    after, said = hear(before)
    assert after.cannot_links == {(BEN, 0, "person_01")}
    assert said.together == {(ANN, 0): "person_01", (BOTH, 0): "person_01"}
    assert said.cannot_links == [((BEN, 0), (ANN, 0)), ((BEN, 0), (BOTH, 0))]


def test_no_step_changes_the_manifest_that_went_in():
    before = replace(written(), users={"person_02"}, together={(BEN, 0): "person_02"})
    today = changed(seen(before), person_01=None, Ann={"a.jpg": FileToday(ANN, link(ANN).link)}, person_02={})
    want = before.record()
    moves = [LinkMove(link(ANN), ("person_01", "a.jpg"), ("Ann", "a.jpg"))]
    for step in (
        lambda: follow_edits(before, {"../a.jpg": "d" * 64}, {"d" * 64: 1}),
        lambda: follow_renames(before, today),
        lambda: forget_deleted_folders(before, changed(today, person_02=None)),
        lambda: lift_moved(before, moves),
        lambda: drop_missing(before, today),
        lambda: lay_moved(before, moves),
        lambda: hear(before)[0],
    ):
        assert step().record() != want
        assert before.record() == want


NAMES, FOLDERS = st.sampled_from(["a.jpg", "b.jpg", "c.jpg"]), st.sampled_from(["Ann", "Ben", "Cid", "person_01"])
KEYS = st.sampled_from([(ANN, 0), (BEN, 0), (BOTH, 0), (BOTH, 1)])
ENTRIES = KEYS.flatmap(
    lambda key: st.sampled_from(
        [link(*key), ManifestEntry(*key, None, USERS_FILE), ManifestEntry(*key, None, 70, 7)],
    )
)
MANIFESTS = st.builds(
    Manifest,
    finished=st.booleans(),
    users=st.sets(FOLDERS),
    folders=st.dictionaries(FOLDERS, st.dictionaries(NAMES, ENTRIES)),
    together=st.dictionaries(KEYS, FOLDERS),
    cannot_links=st.sets(st.tuples(KEYS, FOLDERS).map(lambda pair: (*pair[0], pair[1]))),
    inodes=st.dictionaries(FOLDERS, st.integers(1, 4)),
)
FILES = st.sampled_from([ANN, BEN, BOTH, None]).flatmap(
    lambda content: st.sampled_from(
        [FileToday(content, f"../../{(content or 'x')[0]}.jpg"), FileToday(content, None, 70, 7), FileToday(content)]
    )
)


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(MANIFESTS, st.dictionaries(FOLDERS, st.dictionaries(NAMES, FILES)), st.permutations([1, 2, 3, 4]))
def nothing_is_told_that_is_not_there(manifest: Manifest, folders: dict[str, dict[str, FileToday]], inodes: list[int]):
    today, before = AlbumToday(folders, dict(zip(folders, inodes, strict=False))), manifest.record()
    after = forget_deleted_folders(follow_renames(manifest, today), today)
    moves, unclear = find_moves(after, today, FACES)
    after, said = hear(lay_moved(drop_missing(lift_moved(after, moves), today), moves))
    assert manifest.record() == before
    assert len({move.entry.key for move in moves}) == len({move.target for move in moves}) == len(moves)
    assert not {move.target for move in moves} & {place for place, _ in unclear}
    assert all(one != other for one, other in said.cannot_links)
    if manifest.finished:
        for folder in after.folders.keys() & folders.keys():
            assert after.folders[folder].keys() <= folders[folder].keys()
            for name, entry in after.folders[folder].items():
                assert folders[folder][name].content in (entry.content, None)


def test_whatever_the_folders_hold_the_manifest_tells_of_nothing_that_is_not_there(tmp_path: Path):
    set_hypothesis_home_dir(tmp_path)
    nothing_is_told_that_is_not_there()
