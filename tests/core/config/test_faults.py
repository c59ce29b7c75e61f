"""What is wrong with a configuration is told in sentences that a user can act on, each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from face_classifier.core.config.load import examine, load
from face_classifier.core.errors import UserError

ADDRESS = (
    "an address rtsp://, rtsps://, http:// or https://, the number of a webcam, a device such as /dev/video0, or a file"
)
KINDS = "person, new_person, unknown, camera_lost, camera_back, summary"
NAME = "a name of letters, digits, spaces, '.', '_' and '-', at most 63, that begins with a letter or digit"
OPEN = "would be in plain text; give the name of the variable of the environment that holds it"
DURATION = 'a duration, such as 30 (seconds), "10 min", "72h" or "30 d"'
POLYGON = "at least three points [x, y], fractions of width and height from 0 to 1"

# A configuration and every sentence about it; FILE is its path.
BROKEN = {
    "a misspelt key": (
        "cameras:\n  door:\n    ulr: rtsp://cam/\n",
        ["FILE, line 3, has the unknown key 'cameras.door.ulr'; did you mean url?"],
    ),
    "a misspelt key at the top": (
        "camera:\n  door: {url: 0}\n",
        ["FILE, line 1, has the unknown key 'camera'; did you mean cameras?"],
    ),
    "a key that stands too high": (
        "disk: 2 GB\n",
        ["FILE, line 1, has the unknown key 'disk'; it belongs within keep"],
    ),
    "a key of another mapping": (
        "cameras: {door: {url: 0, captures: 7 d}}\n",
        ["FILE, line 1, has the unknown key 'cameras.door.captures'; it belongs within keep"],
    ),
    "a camera without url": (
        "cameras:\n  door:\n    user: anna\n",
        [
            "cameras.door in FILE, line 2, has no url: rtsp://, rtsps://, http:// or https://, the number of a webcam, "
            "/dev/video0, or a file"
        ],
    ),
    "a camera without a name": (
        "cameras:\n  url: rtsp://cam/\n",
        [
            "cameras.url in FILE, line 2, belongs to one of the cameras; write its name in the line above, and "
            "indent the key"
        ],
    ),
    "a channel without a name": (
        "channels:\n  type: print\n",
        [
            "channels.type in FILE, line 2, belongs to one of the channels; write its name in the line above, and "
            "indent the key"
        ],
    ),
    "a camera at the top": (
        "door:\n  url: rtsp://cam/\n",
        [
            "'door' in FILE, line 2, is a mapping, but must be one value; what holds others is called cameras, keep, "
            "visits, channels, alerts, web"
        ],
    ),
    "an empty camera": (
        "cameras:\n  door:\n",
        [
            "cameras.door in FILE, line 2, has no url: rtsp://, rtsps://, http:// or https://, the number of a webcam, "
            "/dev/video0, or a file"
        ],
    ),
    "a list of cameras": (
        "cameras:\n  - url: rtsp://anna:geheim@cam/\n",
        [
            "cameras in FILE, line 1, is a list, but must be a mapping: each name with a colon, and what belongs to it "
            "indented below"
        ],
    ),
    "an address of a file": (
        "cameras:\n  door:\n    url: file:///etc/passwd\n",
        [f"cameras.door.url in FILE, line 3, is 'file:///etc/passwd', but must be {ADDRESS}"],
    ),
    "an address that joins files": (
        'cameras: {door: {url: "concat:/etc/passwd|x"}}\n',
        [f"cameras.door.url in FILE, line 1, is 'concat:/etc/passwd|x', but must be {ADDRESS}"],
    ),
    "a pipe": (
        'cameras: {door: {url: "pipe:0"}}\n',
        [f"cameras.door.url in FILE, line 1, is 'pipe:0', but must be {ADDRESS}"],
    ),
    "a pipeline": (
        "cameras:\n  door:\n    url: v4l2src ! appsink\n",
        [f"cameras.door.url in FILE, line 3, is 'v4l2src ! appsink', but must be {ADDRESS}"],
    ),
    "an address that FFmpeg may not have, with a password": (
        "cameras:\n  door:\n    url: rtmp://anna:geheim@cam/live?key=geheim\n",
        [f"cameras.door.url in FILE, line 3, is 'rtmp://cam/live', but must be {ADDRESS}"],
    ),
    "an address without its colon": (
        "cameras:\n  door:\n    url: rtsp//anna:geheim@cam/sub\n",
        [f"cameras.door.url in FILE, line 3, is '…@cam/sub', but must be {ADDRESS}"],
    ),
    "an address for a name": (
        "cameras:\n  rtsp://anna:geheim@cam/sub: {url: 0}\n",
        [f"cameras.rtsp://cam/sub in FILE, line 2, is 'rtsp://cam/sub', but must be {NAME}"],
    ),
    "an address without host": (
        'cameras: {door: {url: "rtsp:///sub"}}\n',
        [f"cameras.door.url in FILE, line 1, is 'rtsp:///sub', but must be {ADDRESS}"],
    ),
    "a password in the open": (
        "cameras:\n  door:\n    url: rtsp://cam/\n    password: geheim\n",
        [f"cameras.door.password in FILE, line 4, {OPEN} (password_env) or of a file (password_file)"],
    ),
    "a token in the open": (
        "channels:\n  bot: {type: telegram, token: geheim, chats: [1]}\n",
        [f"channels.bot.token in FILE, line 2, {OPEN} (token_env) or of a file (token_file)"],
    ),
    "an address of Apprise in the open": (
        "channels:\n  phone:\n    type: apprise\n    url: mailto://anna:geheim@example.org\n",
        [f"channels.phone.url in FILE, line 4, {OPEN} (url_env) or of a file (url_file)"],
    ),
    "a password for the name of a variable": (
        "cameras: {door: {url: rtsp://cam/, password_env: geh-eim}}\n",
        [
            "cameras.door.password_env in FILE, line 1, is a value that is not shown, but must be the name of a "
            "variable of the environment, such as DOOR_PASSWORD"
        ],
    ),
    "two places of a password": (
        "cameras:\n  door:\n    url: rtsp://cam/\n    password_env: A\n    password_file: b\n",
        ["cameras.door in FILE, line 2, names password_env and password_file; leave one out"],
    ),
    "no place of a token": (
        "channels:\n  bot: {type: telegram, chats: [1]}\n",
        [
            "channels.bot in FILE, line 2, has neither token_env nor token_file; name the variable or the file that "
            "holds it"
        ],
    ),
    "a duration": (
        "keep:\n  unknown: 3 fortnights\n",
        [
            f"keep.unknown in FILE, line 2, is '3 fortnights', but must be {DURATION}"
        ],
    ),
    "a negative duration": (
        "visits: {gap: -1}\n",
        [
            f"visits.gap in FILE, line 1, is '-1', but must be {DURATION}"
        ],
    ),
    "a duration of nothing": (
        "cameras: {door: {url: 0, silence: 0}}\n",
        ["cameras.door.silence in FILE, line 1, is '0', but must be a number above 0"],
    ),
    "a size": (
        "keep: {disk: two elephants}\n",
        ["keep.disk in FILE, line 1, is 'two elephants', but must be a size, such as \"500 MB\" or \"2 GB\""],
    ),
    "hours": (
        "cameras:\n  door:\n    url: 0\n    hours: [07:00-22:00, 25:00-26:00]\n",
        [
            "cameras.door.hours[1] in FILE, line 4, is '25:00-26:00', but must be hours from and to, such as "
            '"07:00-22:00" or over midnight "22:00-06:00"'
        ],
    ),
    "a time of day": (
        "alerts: {daily: noon}\n",
        ["alerts.daily in FILE, line 1, is 'noon', but must be a time of day, such as \"21:00\""],
    ),
    "a day": (
        "cameras: {door: {url: 0, days: [mon, fry]}}\n",
        [
            "cameras.door.days[1] in FILE, line 1, is 'fry', but must be one of mon, tue, wed, thu, fri, sat, sun"
        ],
    ),
    "a polygon of two points": (
        "cameras:\n  door:\n    url: 0\n    zones:\n      porch: [[0, 0], [1, 1]]\n",
        [f"cameras.door.zones.porch in FILE, line 5, is [['0', '0'], ['1', '1']], but must be {POLYGON}"],
    ),
    "a polygon in pixels": (
        "cameras:\n  door:\n    url: 0\n    masks: [[[0, 0], [9, 0], [9, 7]]]\n",
        [f"cameras.door.masks[0] in FILE, line 4, is [['0', '0'], ['9', '0'], ['9', '7']], but must be {POLYGON}"],
    ),
    "a polygon whose sides cross": (
        "cameras:\n  door:\n    url: 0\n    masks: [[[0, 0], [1, 0], [0, 1], [1, 1]]]\n",
        [
            "cameras.door.masks[0] in FILE, line 4, is [['0', '0'], ['1', '0'], ['0', '1'], ['1', '1']], but must be a "
            "polygon whose sides do not cross: name its corners one after the other, all around it"
        ],
    ),
    "a zone that is not there": (
        "cameras:\n  door:\n    url: 0\n    zones: {porch: [[0, 0], [1, 0], [1, 1]]}\n    only: [poarch]\n",
        ["cameras.door.only in FILE, line 5, names the zone 'poarch', which does not exist; did you mean porch?"],
    ),
    "two cameras of one address": (
        "cameras:\n  door: {url: rtsp://anna:geheim@cam/1}\n  gate: {url: rtsp://CAM/1}\n  yard: {url: rtsp://cam/2}\n",
        ["cameras.gate.url in FILE, line 3, is also the address of door; leave one out"],
    ),
    "a name that leaves its folder": (
        "cameras: {../door: {url: 0}}\n",
        [f"cameras.../door in FILE, line 1, is '../door', but must be {NAME}"],
    ),
    "a number": (
        "cameras: {door: {url: 0, min_face: large}}\n",
        ["cameras.door.min_face in FILE, line 1, is 'large', but must be a whole number"],
    ),
    "a number that is none": (
        "cameras: {door: {url: 0, seconds: .nan}}\n",
        ["cameras.door.seconds in FILE, line 1, is '.nan', but must be a number"],
    ),
    "a number that is too small": (
        "cameras: {door: {url: 0, seconds: -1}}\n",
        ["cameras.door.seconds in FILE, line 1, is '-1', but must be a number of at least 0"],
    ),
    "a port": (
        "web: {listen: 127.0.0.1:70000}\n",
        [
            "web.listen in FILE, line 1, is '127.0.0.1:70000', but must be an address and a port, such as "
            '"127.0.0.1:8470" or "[::1]:8470", or off'
        ],
    ),
    "a password of the page in the open": (
        "web: {password: geheim}\n",
        [
            "web.password in FILE, line 1, is a value that is not shown, but must be the hash of a password, which "
            "face-classifier password makes of one"
        ],
    ),
    "a certificate without its key": (
        "web: {cert: page.pem}\n",
        ["web in FILE, line 1, names cert without key; name both, or none"],
    ),
    "a proxy that is no address": (
        "web: {proxy: [nginx]}\n",
        [
            "web.proxy in FILE, line 1, is ['nginx'], but must be addresses or networks, such as "
            '["127.0.0.1", "10.0.0.0/24"]'
        ],
    ),
    "a name with a port": (
        "web: {hosts: ['cctv:80']}\n",
        ["web.hosts in FILE, line 1, is ['cctv:80'], but must be names without a port, such as [\"cctv.example\"]"],
    ),
    "a former key": (
        "health: {host: 127.0.0.1, port: 8470}\n",
        [
            "health in FILE, line 1, is a former key; the page is called web now: write web: {listen: 127.0.0.1:8470}, "
            "or web: {listen: off} for none"
        ],
    ),
    "yes or no": (
        "cameras: {door: {url: 0, known_only: perhaps}}\n",
        ["cameras.door.known_only in FILE, line 1, is 'perhaps', but must be true or false"],
    ),
    "how lines look": ("log: jsonl\n", ["log in FILE, line 1, is 'jsonl', but must be one of text, json"]),
    "one of two words": (
        "cameras: {door: {url: 0, pixelate: everybody}}\n",
        ["cameras.door.pixelate in FILE, line 1, is 'everybody', but must be one of nobody, strangers"],
    ),
    "snapshots of a stream": (
        "cameras: {door: {url: rtsp://cam/, snapshot: 2}}\n",
        [
            "cameras.door in FILE, line 1, has snapshot, but its url is not an http:// or https:// address; leave "
            "snapshot "
            "out"
        ],
    ),
    "the speed of a stream": (
        "cameras: {door: {url: rtsp://cam/, speed: 2}}\n",
        ["cameras.door in FILE, line 1, has speed or repeat, but its url is not a file; leave them out"],
    ),
    "a kind of channel": (
        "channels: {phone: {type: sms}}\n",
        [
            "channels.phone.type in FILE, line 1, is 'sms', but must be one of print, file, mqtt, webhook, apprise, "
            "telegram"
        ],
    ),
    "a channel without a kind": (
        "channels:\n  phone: {}\n",
        ["channels.phone in FILE, line 2, has no type; give one of print, file, mqtt, webhook, apprise, telegram"],
    ),
    "a word for a channel": (
        "channels:\n  phone: apprise\n",
        ["channels.phone in FILE, line 2, is 'apprise', but must be a mapping, lines of `key: value`"],
    ),
    "a webhook elsewhere": (
        "channels: {hook: {type: webhook, url: ftp://example.org}}\n",
        ["channels.hook.url in FILE, line 1, is 'ftp://example.org', but must be an address http:// or https://"],
    ),
    "a webhook at a port that is none": (
        "channels: {hook: {type: webhook, url: 'http://cam:99999/'}}\n",
        ["channels.hook.url in FILE, line 1, is 'http://cam:99999/', but must be an address http:// or https://"],
    ),
    "a webhook at a host that is none": (
        "channels: {hook: {type: webhook, url: 'http://[::1'}}\n",
        ["channels.hook.url in FILE, line 1, is 'http://[::1', but must be an address http:// or https://"],
    ),
    "nobody to chat with": (
        "channels: {bot: {type: telegram, token_env: T, chats: []}}\n",
        ["channels.bot.chats in FILE, line 1, is [], but must be a list of at least one"],
    ),
    "a mapping of rules": (
        "alerts:\n  rules:\n    name: a\n    on: [person]\n",
        ["alerts.rules in FILE, line 2, is a mapping, but must be a list, each part after `- `"],
    ),
    "an event": (
        "channels: {a: {type: print}}\nalerts:\n  rules:\n    - {name: a, on: [persons], channels: [a]}\n",
        [f"alerts.rules[0].on[0] in FILE, line 4, is 'persons', but must be one of {KINDS}"],
    ),
    "a rule without channels": (
        "alerts:\n  rules:\n    - name: a\n      on: [person]\n",
        ["alerts.rules[0] in FILE, line 3, has no channels: names of the channels that are told"],
    ),
    "what a rule names": (
        "cameras: {door: {url: 0}}\nchannels: {phone: {type: print}}\nalerts:\n  rules:\n    - name: a\n"
        "      on: [person]\n      cameras: [dor]\n      zones: [porch]\n      channels: [phones, x]\n",
        [
            "alerts.rules[0].cameras in FILE, line 7, names the camera 'dor', which does not exist; did you mean door?",
            "alerts.rules[0].zones in FILE, line 8, names the zone 'porch', which does not exist; name one in zones "
            "first",
            "alerts.rules[0].channels in FILE, line 9, names the channel 'phones', which does not exist; did you mean "
            "phone?",
            "alerts.rules[0].channels in FILE, line 9, names the channel 'x', which does not exist; there are phone",
        ],
    ),
    "two rules of one name": (
        "channels: {a: {type: print}}\nalerts:\n  rules:\n    - {name: a, on: [person], channels: [a]}\n"
        "    - {name: a, on: [unknown], channels: [a]}\n",
        ["alerts.rules[1].name in FILE, line 5, is 'a', the name of an earlier rule; give it another name"],
    ),
    "a key that stands twice": (
        "cameras:\n  door:\n    url: 0\n    url: 1\n",
        ["'cameras.door.url' stands twice in FILE, on lines 3 and 4; leave one out"],
    ),
    "a tab": ("cameras:\n\tdoor:\n", ["FILE, line 2, has a tab before a key; indent by spaces"]),
    "an indentation": (
        "cameras:\n  door:\n    url: 0\n   main: 1\n",
        [
            "FILE, line 4, is indented differently from line 2, where its mapping or list begins; indent both alike"
        ],
    ),
    "a colon that is missing": (
        "result: here\ncameras\n",
        ["FILE, line 2, is not `key: value`; write a colon and a space after the key"],
    ),
    "a colon too much": (
        "cameras:\n  door\n    url: 0\n",
        [
            "FILE, line 3, has a colon where none is expected; indent the keys of one mapping alike, end the line "
            "above with a colon if these are its keys, and put a value with a colon and a space into quotes"
        ],
    ),
    "a quote without an end": (
        'result: "here\nmode: group\n',
        ["FILE, line 1, opens a quote that does not end; end it in the same line"],
    ),
    "a bracket without an end": (
        "cameras:\n  door: {url: 0\nmode: group\n",
        ["FILE, line 2, opens a bracket that is not closed well; check its commas and its end"],
    ),
    "a dash behind a key": (
        "cameras: - door\n",
        ["FILE, line 1, has a `- ` after something; begin each part of a list in a new line"],
    ),
    "a sign of another kind": (
        "result: here\nmode: \a\n",
        ["FILE, line 2, has the character U+0007, which no text has; leave it out"],
    ),
    "a sign that YAML keeps for itself": (
        "result: @home\n",
        ["FILE, line 1, has a value that begins with '@'; put it into quotes"],
    ),
    "several faults": (
        "seconds: often\nmoed: group\ncameras:\n  door: {url: 0, min_face: x}\nkeep: {unknown: x}\n",
        [
            "seconds in FILE, line 1, is 'often', but must be a number of at least 0, such as 0.44",
            "FILE, line 2, has the unknown key 'moed'; did you mean mode?",
            "cameras.door.min_face in FILE, line 4, is 'x', but must be a whole number",
            f"keep.unknown in FILE, line 5, is 'x', but must be {DURATION}",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_configuration_is_told_in_sentences(tmp_path: Path, name: str):
    content, told = BROKEN[name]
    config = tmp_path / "c.yaml"
    config.write_text(content)
    _, faults, _, _ = examine({}, str(config), {})
    assert [fault.sentence.replace(str(config), "FILE") for fault in faults] == told
    with pytest.raises(UserError) as error:
        load({}, str(config), {})
    assert str(error.value) == faults[0].sentence
    assert "geheim" not in "".join(fault.sentence for fault in faults)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        (
            {"CAMERAS__DOOR__ULR": "0"},
            "FACE_CLASSIFIER_CAMERAS__DOOR__ULR has the unknown key 'cameras.door.ulr'; did you mean url?",
        ),
        (
            {"CAMERAS__DOOR__URL": "rtmp://anna:geheim@cam/"},
            f"FACE_CLASSIFIER_CAMERAS__DOOR__URL is 'rtmp://cam/', but must be {ADDRESS}",
        ),
        ({"CAMERA__DOOR__URL": "0"}, "the variable 'FACE_CLASSIFIER_CAMERA__DOOR__URL' is unknown; did you mean "
         "FACE_CLASSIFIER_CAMERAS?"),
        (
            {"WEB__LISTEN": "many"},
            "FACE_CLASSIFIER_WEB__LISTEN is 'many', but must be an address and a port, such as \"127.0.0.1:8470\" or "
            '"[::1]:8470", or off',
        ),
        (
            {"HEALTH__PORT": "0"},
            "the variable 'FACE_CLASSIFIER_HEALTH__PORT' is from an earlier version; the page is called web now: "
            "write web: {listen: 127.0.0.1:8470}, or web: {listen: off} for none",
        ),
        (
            {"ALERTS__RULES": '[{"name": "a", "on": ["person"]}]'},
            "alerts.rules[0] of FACE_CLASSIFIER_ALERTS__RULES has no channels: names of the channels that are told",
        ),
        (
            {"ALERTS__RULES": "[{"},
            "FACE_CLASSIFIER_ALERTS__RULES begins like JSON, but is not JSON; give a value, words with commas, or JSON",
        ),
        (
            {"ALERTS__RULES": "[" * 100_000},
            "FACE_CLASSIFIER_ALERTS__RULES begins like JSON, but is not JSON; give a value, words with commas, or JSON",
        ),
        ({"KEEP__DISK__MOST": "1", "KEEP__DISK": "2 GB"}, "FACE_CLASSIFIER_KEEP__DISK__MOST is for a key within "
         "keep.disk, which is not a mapping; leave it out"),
        ({"LOG": "loud"}, "FACE_CLASSIFIER_LOG is 'loud', but must be one of text, json"),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_told_by_its_name(environ: dict[str, str], told: str):
    _, faults, _, _ = examine({}, None, {"FACE_CLASSIFIER_" + name: text for name, text in environ.items()})
    assert [fault.sentence for fault in faults] == [told]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("cameras: &a {door: {url: 0}}\nchannels: *a\n", "'channels' in FILE, line 2, is an alias; write the value"),
        ("cameras: {a: &a [x], b: [*a, *a]}\n", "'cameras.b[0]' in FILE, line 1, is an alias"),
        ("cameras: {<<: {url: 0}}\n", "cameras.<< in FILE, line 1, is '<<', but must be a name"),
        ("cameras: !!python/object/apply:os.system [ls]\n", "'cameras' in FILE, line 1, has a tag"),
        ("cameras: {door: {url: !!python/name:os.system x}}\n", "'cameras.door.url' in FILE, line 1, has a tag"),
        ("cameras: " + "[" * 200_000, "lies deeper than 8 levels"),
        ("cameras: " + "{a: " * 50_000, "lies deeper than 8 levels"),
        ("cameras: [" + "x, " * 100_000 + "]", "is one value too many; give at most 20,000"),
        ("cameras: {? [a] : b}", "FILE, line 1, has a key that is not a word"),
        ("cameras: {}\n---\ncameras: {}", "FILE, line 2, begins a second document"),
        ("cameras: {door: {url: 0, min_face: " + "9" * 5000 + "}}", "cameras.door.min_face in FILE, line 1, is '9999"),
        ("cameras: {door: {url: 0, " + "k" * 900 + ": 1}}", "has the unknown key"),
    ],
)  # fmt: skip
def test_no_nested_file_costs_more_than_a_sentence(tmp_path: Path, content: str, told: str):
    config = tmp_path / "c.yaml"
    config.write_text(content)
    with pytest.raises(UserError) as error:
        load({}, str(config), {})
    sentence = str(error.value).replace(str(config), "FILE")
    assert told in sentence
    assert len(sentence) < 600
    assert "\n" not in sentence


def test_keys_with_nothing_behind_them_are_the_defaults(tmp_path: Path):
    config = tmp_path / "c.yaml"
    config.write_text("cameras:\nalerts:\n  rules:\n  per_minute:\nkeep:\n")
    assert load({}, str(config), {}) == load({}, None, {})
