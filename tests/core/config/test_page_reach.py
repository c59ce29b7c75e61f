"""Where the page listens, whom that reaches, and what is wrong with its files on this machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trustme
from pydantic import ValidationError

from face_classifier.core.config import reach, tokens
from face_classifier.core.config.cross import advice, unreadable
from face_classifier.core.config.load import examine, load
from face_classifier.core.config.parts.page import Web
from face_classifier.core.errors import UserError, WrongUseError

HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$2q4DzrZEUrFFd9D7LZeJcA"


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("127.0.0.1:8470", "127.0.0.1", 8470),
        ("[::1]:1", "::1", 1),
        ("LocalHost:80", "localhost", 80),
        ("127.0.0.1:0", "", 0),
        ("off", "", 0),
        ("OFF", "", 0),
    ],
)
def test_where_it_listens_is_an_address_and_a_port(listen: str, host: str, port: int):
    web = Web(listen=listen)
    assert (web.host, web.port, bool(web)) == (host, port, bool(port))


@pytest.mark.parametrize(
    "listen", ["8470", "127.0.0.1", "::1:80", "[::1]", "a b:80", "http://a:80", "me@a:80", "a:80/x", ":80"]
)
def test_what_is_no_address_and_port_is_refused(listen: str):
    with pytest.raises(ValidationError):
        Web(listen=listen)


@pytest.mark.parametrize("listen", ["0.0.0.0:8470", "[::]:8470", "192.168.0.7:8470", "[2001:db8::1]:8470"])
def test_beyond_this_machine_the_page_needs_a_password_or_a_proxy(listen: str):
    with pytest.raises(WrongUseError, match=r"web.listen is .*, which others can reach, so the page needs a password"):
        reach.check(Web(listen=listen))
    reach.check(Web(listen=listen, password=HASH))
    reach.check(Web(listen=listen, proxy=("192.168.0.1",)))


@pytest.mark.parametrize("listen", ["127.0.0.1:8470", "127.8.9.1:8470", "[::1]:8470", "localhost:8470", "off"])
def test_on_this_machine_alone_it_needs_none(listen: str):
    reach.check(Web(listen=listen))


@pytest.mark.parametrize(
    ("addresses", "is_own"),
    [(["127.0.0.1", "::1"], True), (["127.0.0.1", "192.0.2.7"], False), (["fe80::1%eth0"], False)],
)
def test_a_name_counts_as_where_it_leads(addresses: list[str], is_own: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [(0, 0, 0, "", (one, 0)) for one in addresses])
    assert reach.is_own("house") is is_own


def test_the_check_of_a_configuration_tells_it_too(tmp_path: Path):
    path = tmp_path / "c.yaml"
    path.write_text("web:\n  listen: 0.0.0.0:8470\n")
    _, faults, parts, tree = examine({}, str(path), {})
    (fault,) = unreadable(parts, tree)
    assert not faults
    assert fault.line == 2
    assert fault.sentence.startswith(f"web.listen in {path}, line 2, is 0.0.0.0:8470, which others can reach")


def test_a_password_that_goes_over_a_network_in_the_open_is_advised_against(tmp_path: Path):
    path = tmp_path / "c.yaml"
    path.write_text(f"web:\n  listen: 0.0.0.0:8470\n  password: {HASH}\n")
    _, _, parts, tree = examine({}, str(path), {})
    assert "so its password crosses the network in plain text" in next(advice(parts, tree))
    path.write_text(f"web:\n  listen: 0.0.0.0:8470\n  password: {HASH}\n  cert: c\n  key: k\n")
    _, _, parts, tree = examine({}, str(path), {})
    assert not list(advice(parts, tree))


def test_a_password_of_the_environment_is_a_hash_and_is_never_shown():
    web = load({}, None, {"FACE_CLASSIFIER_WEB__PASSWORD": HASH}).web
    assert web.password == HASH
    assert HASH not in f"{web} {web!r}"
    with pytest.raises(UserError) as raised:
        load({}, None, {"FACE_CLASSIFIER_WEB__PASSWORD": "geheim"})
    assert "geheim" not in str(raised.value)
    assert "face-classifier password makes" in str(raised.value)


def test_a_certificate_and_a_key_that_belong_together_are_taken(tmp_path: Path):
    one, other = (trustme.CA().issue_cert("localhost") for _ in range(2))
    cert, key, wrong = (str(tmp_path / name) for name in ("cert.pem", "key.pem", "wrong.pem"))
    one.cert_chain_pems[0].write_to_path(cert)
    one.private_key_pem.write_to_path(key)
    other.private_key_pem.write_to_path(wrong)
    reach.check(Web(cert=cert, key=key))
    with pytest.raises(WrongUseError, match=r"web.cert is .*cert.pem, which does not fit the key .*wrong.pem"):
        reach.check(Web(cert=cert, key=wrong))
    with pytest.raises(WrongUseError, match="does not fit the key"):
        reach.check(Web(cert=key, key=key))
    with pytest.raises(WrongUseError, match=r"web.key is .*none.pem, which cannot be read \(No such file"):
        reach.check(Web(cert=cert, key=str(tmp_path / "none.pem")))


def test_a_token_is_kept_as_a_hash_in_a_file_of_ones_own(tmp_path: Path):
    path = str(tmp_path / "tokens")
    word = tokens.add(path, "home-assistant", ["live", "read"])
    other = tokens.add(path, "script", ["write"])
    assert word not in Path(path).read_text()
    assert Path(path).stat().st_mode & 0o777 == 0o600
    first, second = tokens.read(path)
    assert (first.name, first.scopes, second.scopes) == ("home-assistant", {"read", "live"}, {"write"})
    assert first.is_of(word)
    assert second.is_of(other)
    assert not first.is_of(other)
    with pytest.raises(UserError, match="already has a token script"):
        tokens.add(path, "script", ["read"])
    reach.check(Web(tokens_file=path))


def test_tokens_that_others_may_read_are_not_taken(tmp_path: Path):
    path = tmp_path / "tokens"
    tokens.add(str(path), "a", ["read"])
    path.chmod(0o640)
    with pytest.raises(UserError, match=f"others may read; run: chmod 600 {path}"):
        tokens.read(str(path))
    with pytest.raises(WrongUseError, match=r"web.tokens_file cannot be used: "):
        reach.check(Web(tokens_file=str(path)))


@pytest.mark.parametrize(
    "line", ["geheim", "a read", "a fly " + "0" * 64, "a/b read " + "0" * 64, "a read " + "0" * 63]
)
def test_a_line_that_is_no_token_is_told_by_its_number_alone(line: str, tmp_path: Path):
    path = tmp_path / "tokens"
    path.touch(0o600)
    path.write_text(f"# mine\n\n{line}\n")
    with pytest.raises(UserError, match=r"tokens, line 3, is no token: NAME, scopes of read, write, live") as raised:
        tokens.read(str(path))
    assert "geheim" not in str(raised.value)


def test_a_name_that_can_be_none_makes_no_file(tmp_path: Path):
    with pytest.raises(UserError, match="the new line is no token"):
        tokens.add(str(tmp_path / "tokens"), "a b", ["read"])
    assert not (tmp_path / "tokens").exists()
