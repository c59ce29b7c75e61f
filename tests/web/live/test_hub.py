"""What tabs are told is numbered, so that one that missed something knows it."""

from __future__ import annotations

import threading

from face_classifier.web.live.hub import Hub


def test_who_comes_back_is_told_what_happened_meanwhile():
    hub = Hub()
    hub.publish("visit", {"person": "Anna"})
    seen = hub.seq
    hub.publish("visit", {"person": "Ben"})
    hub.publish("camera", {"camera": "door"})
    assert [told.record for told in hub.after(seen) or ()] == [
        {"seq": seen + 1, "type": "visit", "person": "Ben"},
        {"seq": seen + 2, "type": "camera", "camera": "door"},
    ]
    assert hub.after(hub.seq) == []


def test_who_was_away_for_too_long_is_not_told_a_part():
    hub = Hub(remembered=3)
    seen = hub.seq
    for number in range(3):
        hub.publish("visit", {"number": number})
    assert len(hub.after(seen) or ()) == 3
    hub.publish("visit", {"number": 3})
    assert hub.after(seen) is None
    assert len(hub.after(seen + 1) or ()) == 3


def test_numbers_of_another_process_are_none_of_this_one():
    earlier = Hub()
    earlier.publish("visit", {})
    hub = Hub()
    hub._seq += 60_000  # it began a minute later
    assert hub.after(earlier.seq) is None
    assert hub.after(hub.seq + 1) is None


def test_many_threads_publish_and_each_event_has_a_number_of_its_own():
    hub = Hub(remembered=1000)
    first = hub.seq
    woken = []

    def publish() -> None:
        for _ in range(100):
            hub.publish("visit", {})

    with hub.waking(lambda: woken.append(1)):
        threads = [threading.Thread(target=publish) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    hub.publish("visit", {})
    assert [told.seq for told in hub.after(first) or ()] == list(range(first + 1, first + 802))
    assert len(woken) == 800
