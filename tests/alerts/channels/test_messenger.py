"""Alerts by Apprise, to a server of ours that stands for a messenger."""

from __future__ import annotations

import base64
import logging
import threading

import pytest
from alerts.receivers import black_hole, closed_port, event, hook

from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.alerts.channels.messenger import Messenger
from face_classifier.core.errors import UserError


def alert(picture: bytes | None = None) -> Alert:
    return Alert("7:person", event(person="김", text="김 at door"), "family", picture)


@pytest.fixture(autouse=True)
def _no_address_in_a_log(caplog: pytest.LogCaptureFixture) -> object:
    caplog.set_level(1)
    yield
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("apprise", "face_classifier"))]
    assert not [line for line in ours if "s3cret" in line]


def test_an_alert_arrives_with_its_id_and_without_a_picture():
    with hook() as server:
        Messenger("phone", f"json://127.0.0.1:{server.port}/s3cret").send(alert())
    (asked,) = server.asked
    assert asked.path == "/s3cret"
    assert asked.json["title"] == "김 at door"
    assert "(7:person)" in asked.json["message"]
    assert asked.json["attachments"] == []
    assert b"github.com" not in asked.body


def test_a_picture_goes_along_where_the_alert_has_it():
    with hook() as server:
        Messenger("phone", f"json://127.0.0.1:{server.port}/").send(alert(b"\xff\xd8jpeg"))
    (attachment,) = server.asked[0].json["attachments"]
    assert base64.b64decode(attachment["base64"]) == b"\xff\xd8jpeg"
    assert (attachment["filename"], attachment["mimetype"]) == ("face.jpg", "image/jpeg")


def test_the_first_line_of_a_summary_is_its_title():
    with hook() as server:
        summary = Alert("s-1", event("s-1", "summary", text="Friday: 2 persons\nAnna: once\nBen: once"))
        Messenger("phone", f"json://127.0.0.1:{server.port}/").send(summary)
    told = server.asked[0].json
    assert told["title"] == "Friday: 2 persons"
    assert told["message"].splitlines()[:2] == ["Anna: once", "Ben: once"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_refusal_is_told_without_the_address(status: int):
    with hook() as goal, hook() as server:
        server.answers.append((status, {"Location": goal.url} if status == 302 else {}))
        with pytest.raises(ChannelError, match="Apprise could not deliver it") as raised:
            Messenger("phone", f"json://me:s3cret@127.0.0.1:{server.port}/").send(alert())
    assert "s3cret" not in str(raised.value)
    assert not goal.asked
    assert len(server.asked) == 1


def test_a_service_that_is_away_or_silent_is_given_up_soon_without_threads_of_its_own():
    before = threading.active_count()
    with black_hole() as hole:
        port = hole.partition("127.0.0.1:")[2].partition("/")[0]
        for address in (f"json://127.0.0.1:{closed_port()}/", f"json://127.0.0.1:{port}/?rto=0.2"):
            with pytest.raises(ChannelError):
                Messenger("phone", address).send(alert())
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "address",
    "syslog:// macosx:// dbus:// qt:// kde:// glib:// gnome:// windows:// blink1:// file:///etc/passwd exec://ls "
    "script://x nothing s3cret://".split(),
)
def test_programs_and_devices_of_this_computer_are_no_messengers(address: str):
    with pytest.raises(UserError, match="the address of the channel phone is") as raised:
        Messenger("phone", address)
    assert "s3cret" not in str(raised.value)


def test_every_plugin_of_apprise_that_may_run_a_program_or_is_of_this_desktop_is_known():
    """A new Apprise may bring others: these words in its source are what to look for."""
    from pathlib import Path

    import apprise

    from face_classifier.alerts.channels import messenger

    words = "subprocess", "os.system", "import dbus", "gi.repository", "import syslog", "win32", "import hid"
    found = {
        path.stem
        for path in (Path(apprise.__file__).parent / "plugins").rglob("*.py")
        if any(word in path.read_text("utf-8") for word in words)
    }
    assert found == messenger._LOCAL


def test_several_addresses_are_refused():
    with pytest.raises(UserError, match="give one address per channel"):
        Messenger("phone", "json://a/\njson://b/s3cret")


def test_the_log_of_apprise_stays_silent(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(ChannelError):
        Messenger("phone", f"json://127.0.0.1:{closed_port()}/s3cret").send(alert())
    assert "s3cret" not in "".join(capsys.readouterr())
    assert not logging.getLogger("apprise").isEnabledFor(logging.CRITICAL)
