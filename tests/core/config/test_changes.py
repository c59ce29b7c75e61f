from __future__ import annotations

from dataclasses import replace

import pytest

from face_classifier.core.config.parts.alerts import Alerts, FileChannel, PrintChannel, Rule
from face_classifier.core.config.parts.cameras import Camera, KeepAll
from face_classifier.core.config.parts.page import Web
from face_classifier.core.config.settings import Changes, Settings, changes

DOOR, GATE = Camera(url="rtsp://cam/1"), Camera(url="rtsp://cam/2")
BEFORE = Settings().but(cameras={"door": DOOR, "gate": GATE}, channels={"a": PrintChannel(type="print")})
NOTHING = Changes((), (), (), keep=False, alerts=False, restart=())


def test_the_same_configuration_changes_nothing():
    assert changes(BEFORE, replace(BEFORE)) == NOTHING
    assert not changes(BEFORE, replace(BEFORE))


def test_cameras_are_added_removed_and_changed_by_name():
    after = BEFORE.but(cameras={"yard": GATE, "door": Camera(url=DOOR.url, min_face=40)})
    assert changes(BEFORE, after) == replace(NOTHING, added=("yard",), removed=("gate",), changed=("door",))


def test_the_order_of_cameras_is_no_change():
    assert not changes(BEFORE, BEFORE.but(cameras={"gate": GATE, "door": DOOR}))


@pytest.mark.parametrize(
    "after",
    [
        BEFORE.but(channels={"a": FileChannel(type="file", path="a.jsonl")}),
        BEFORE.but(alerts=Alerts(rules=(Rule(name="b", on=("person",), channels=("a",)),))),
    ],
)
def test_channels_and_rules_are_taken_over_at_once(after: Settings):
    assert changes(BEFORE, after) == replace(NOTHING, alerts=True)


def test_how_long_things_are_kept_is_taken_over_at_once():
    assert changes(BEFORE, BEFORE.but(keep=KeepAll(unknown=60))) == replace(NOTHING, keep=True)


def test_other_keys_wait_for_a_restart_and_are_listed():
    after = replace(BEFORE, result="there", engine="original", mode="group", seconds=2).but(web=Web(listen="off"))
    assert changes(BEFORE, after) == replace(NOTHING, restart=("seconds", "engine", "mode", "result", "web"))
