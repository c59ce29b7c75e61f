"""From the configuration of a channel to the channel."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import TypeAdapter

from face_classifier.alerts.channels.base import Channel
from face_classifier.alerts.make import make_channel
from face_classifier.core.config.parts.alerts import AnyChannel
from face_classifier.core.errors import UserError

SECRETS = {"TOKEN": "1:token", "PHONE": "json://127.0.0.1:9/", "KEY": "whsec_AAAA"}
CHANNELS = [
    {"type": "print"},
    {"type": "file", "path": "alerts.jsonl"},
    {"type": "webhook", "url": "http://127.0.0.1:9/", "secret_env": "KEY"},
    {"type": "apprise", "url_env": "PHONE"},
    {"type": "mqtt", "port": 9},
    {"type": "telegram", "token_env": "TOKEN", "chats": [1], "server": "http://127.0.0.1:9"},
]


def configured(keys: dict[str, object]) -> AnyChannel:
    return TypeAdapter(AnyChannel).validate_python(keys)


@pytest.mark.parametrize("keys", CHANNELS, ids=lambda keys: keys["type"])
def test_every_type_has_its_channel_and_mqtt_alone_wants_all(keys: dict[str, object]) -> None:
    channel: Channel = make_channel("mine", configured(keys), SECRETS)
    try:
        assert channel.wants_all == (keys["type"] == "mqtt")
    finally:
        channel.close()


@pytest.mark.parametrize("keys", [keys for keys in CHANNELS if "_env" in str(keys)], ids=lambda keys: keys["type"])
def test_a_secret_that_is_missing_is_told(keys: dict[str, object]) -> None:
    with pytest.raises(UserError, match="which is not set; set it"):
        make_channel("mine", configured(keys), {})


WITHOUT = """
import json, sys
from pydantic import TypeAdapter
from face_classifier.alerts.make import make_channel
from face_classifier.core.config.parts.alerts import AnyChannel
from face_classifier.core.errors import UserError

sys.modules |= dict.fromkeys(("apprise", "paho", "telegram"))
for keys in json.loads(sys.argv[1]):
    try:
        make_channel("mine", TypeAdapter(AnyChannel).validate_python(keys), json.loads(sys.argv[2])).close()
        print(keys["type"], "-")
    except UserError as error:
        print(keys["type"], error)
"""


def test_libraries_that_are_missing_are_told_with_their_extra_and_cost_no_other_channel() -> None:
    line = [sys.executable, "-c", WITHOUT, json.dumps(CHANNELS), json.dumps(SECRETS)]
    told = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[:3] == ["print -", "file -", "webhook -"]
    for sentence, extra in zip(told[3:], ["alerts", "alerts", "telegram"], strict=True):
        assert sentence.endswith(
            "the channel mine needs packages that are not installed; "
            f"install face-classifier[{extra}], or name another channel"
        )
