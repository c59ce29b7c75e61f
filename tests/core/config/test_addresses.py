from __future__ import annotations

import pytest

from face_classifier.core.config.addresses import has_password, kind_of, place_of, with_login, without_login


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("rtsp://cam/sub", "stream"), ("RTSPS://cam:322/", "stream"), ("http://[::1]:8080/video", "stream"),
        ("https://anna:geheim@cam/snapshot.jpg?size=1", "stream"), ("0", "device"), ("12", "device"),
        ("/dev/video3", "device"), ("clip.mp4", "file"), ("./a:b.mp4", "file"),
        ("/videos/a b.mkv", "file"), (r"C:\videos\clip.mp4", "file"),
        ("2024-05-01.mp4", "file"), ("한국.mp4", "file"),
    ],
)  # fmt: skip
def test_streams_webcams_and_files_are_taken(address: str, kind: str):
    assert kind_of(address) == kind


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd", "FILE:/etc/passwd", "concat:a|b", "concatf:list", "pipe:0", "rtmp://cam/", "udp://@:1234",
        "data:text/plain,x",
        "subfile,,start,0,end,9,,:/etc/passwd",
        "crypto:x", "tcp://cam:1", "ftp://cam/x", "srt://cam",
        "gopher://cam", "async:rtsp://cam", "lavfi:testsrc", "|ls", "-i", "/dev/sda", "/dev/video",
        "/proc/self/environ",
        "v4l2src ! videoconvert ! appsink", "rtsp://", "http:///x", "rtsp:/cam", "http://cam:port/", "http://cam:99999/",
        "rtsp//cam/", "http:/cam", "https://camrtsp://b/", "rtsp://cam:/", "rtsp://an'na:x@cam/",
        "rtsp://cam/a b", "rtsp://cam/\nx", "", "a\0b", "-1", "\ud800",
    ],
)  # fmt: skip
def test_what_may_run_programs_or_read_files_is_refused(address: str):
    with pytest.raises(ValueError, match="rtsp://, rtsps://, http:// or https://"):
        kind_of(address)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://anna:geheim@cam/sub", "rtsp://cam/sub"),
        ("rtsp://anna:ge/he@im@cam:554/sub", "rtsp://cam:554/sub"),
        ("rtsp://anna:ge?he#im@cam/sub", "rtsp://cam/sub"),
        ("rtsp://anna:12/34@cam/sub", "rtsp://cam/sub"),
        ("rtsp://geheim@cam/sub", "rtsp://cam/sub"),
        ("https://cam/snapshot?token=geheim&x=1", "https://cam/snapshot"),
        ("lost rtsp://anna:geheim@cam/sub, and https://cam/x?token=geheim.", "lost rtsp://cam/sub, and https://cam/x"),
        ("https://example.org/@anna/video", "https://example.org/@anna/video"),
        ("https://example.org:8080/@anna", "https://example.org:8080/@anna"),
        ("http://[::1]:8080/@anna", "http://[::1]:8080/@anna"),
        ("https://camrtsp://anna:geheim@b/", "https://camrtsp://b/"),
        ("it is 12:30 at anna@example.org", "it is 12:30 at anna@example.org"),
    ],
)
def test_no_address_is_shown_with_who_logs_in(text: str, shown: str):
    assert without_login(text) == shown


def test_a_login_is_put_into_an_address_escaped():
    assert with_login("rtsp://cam:554/sub?x=1", "anna", "a/b@c:d") == "rtsp://anna:a%2Fb%40c%3Ad@cam:554/sub?x=1"
    assert with_login("rtsp://old@cam/", None, "new") == "rtsp://old:new@cam/"
    assert with_login("rtsp://old:word@cam/", "anna", None) == "rtsp://anna:word@cam/"
    assert with_login("rtsp://cam/", None, None) == "rtsp://cam/"
    assert with_login("clip.mp4", "anna", "geheim") == "clip.mp4"


def test_two_logins_at_one_place_are_one_camera():
    assert place_of("rtsp://anna:geheim@CAM/1?channel=2") == place_of("rtsp://cam/1?channel=2")
    assert place_of("rtsp://cam/1?channel=2") != place_of("rtsp://cam/1?channel=3")
    addresses = "rtsp://anna:x@cam/", "rtsp://anna@cam/", "rtsp://cam:554/", "0"
    assert [has_password(address) for address in addresses] == [
        True, False, False, False,
    ]  # fmt: skip
