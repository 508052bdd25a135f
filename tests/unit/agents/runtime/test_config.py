"""The sidecar's configuration: what is refused, and that the line names the field."""

import io
import json
import sys
from types import SimpleNamespace

import pytest

from agents.runtime.config import ConfigError, Listen, load, parse_listen, read

GOOD = {
    "namespace": "emojivoto",
    "name": "web",
    "pod": "web-0",
    "trust_domain": "local",
    "identity_address": "127.0.0.1:1",
    "control_address": "127.0.0.1:2",
    "anchors_pem": "-----BEGIN CERTIFICATE-----\n",
    "token": "s3cret",
    "admin": {"listen": "127.0.0.1:4191"},
    "inbound": [{"name": "http", "port": 8080, "listen": "fd:3"}],
    "outbound": [{"target": "voting.emojivoto:8080", "listen": "127.0.0.1:5000"}],
    "proxy": {"listen": "[::1]:5001"},
}


TRANSPARENT = {"inbound": ["0.0.0.0:4143"], "outbound": ["127.0.0.1:4140"], "addresses": ["10.0.0.7"]}


def refusal(**changes):
    document = GOOD | changes
    with pytest.raises(ConfigError) as caught:
        read(json.dumps({key: value for key, value in document.items() if value is not ...}).encode())
    line = str(caught.value)
    assert "\n" not in line
    assert "s3cret" not in line
    return line


def test_a_good_one_has_defaults_and_an_identity():
    config = read(json.dumps(GOOD).encode())
    assert config.identity == "spiffe://local/ns/emojivoto/sa/web"
    assert (config.kind, config.detect_timeout_s, config.inbound[0].host) == ("deployment", 10.0, "")
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pod": ...}, ["missing field", "pod"]),
        ({"potato": 1}, ["unknown field", "potato"]),
        ({"inbound": [{"name": "http", "port": 70000, "listen": "fd:3"}]}, ["inbound[0].port", "65535"]),
        ({"inbound": [{"name": "http", "port": "80", "listen": "fd:3"}]}, ["inbound[0].port", "a string"]),
        ({"inbound": [{"name": "http", "port": 80, "listen": "fd:3", "x": 1}]}, ["inbound[0]", "unknown field"]),
        (
            {"inbound": [{"name": "http", "port": 80, "listen": "fd:3", "protocol": "smtp"}]},
            ["inbound[0].protocol", "smtp"],
        ),
        ({"outbound": [{"target": "a.b", "listen": "nowhere"}]}, ["outbound[0].listen", "nowhere"]),
        ({"outbound": [{"target": "", "listen": "fd:9"}]}, ["outbound[0].target", "empty"]),
        ({"outbound": [{"target": "a.b", "listen": "fd:3"}]}, ["outbound[0].listen", "inbound[0].listen"]),
        ({"inbound": [{"name": "http", "port": 80}]}, ["inbound[0].listen", "neither"]),
        ({"transparent": TRANSPARENT | {"addresses": ["here"]}}, ["transparent.addresses[0]", "here"]),
        ({"transparent": TRANSPARENT | {"skip_inbound": "x"}}, ["transparent.skip_inbound", "'x'"]),
        ({"transparent": TRANSPARENT | {"outbound": []}}, ["transparent.outbound", "empty"]),
        ({"transparent": TRANSPARENT | {"outbound": ["0.0.0.0:4143"]}}, ["transparent.outbound[0]", "inbound[0]"]),
        ({"admin": {"listen": "127.0.0.1:99999"}}, ["admin.listen", "65535"]),
        ({"namespace": "Not A Label"}, ["namespace", "DNS label"]),
        ({"log_level": "loud"}, ["log_level", "debug"]),
        ({"anchors_pem": ""}, ["anchors_pem", "PEM"]),
        ({"control_address": "nowhere"}, ["control_address", "HOST:PORT"]),
        ({"drain_s": -1}, ["drain_s"]),
        ({"workers": 0}, ["workers", "between 1 and 64"]),
        ({"workers": 65}, ["workers", "between 1 and 64"]),
        ({"detect_timeout_s": 0}, ["detect_timeout_s"]),
    ],
    ids=str,
)
def test_a_refusal_names_the_field(changes, words):
    line = refusal(**changes)
    assert all(word in line for word in words), line


def test_transparent_ports_need_no_listener_of_their_own():
    config = read(json.dumps(GOOD | {"transparent": TRANSPARENT, "inbound": [{"name": "http", "port": 80}]}).encode())
    assert config.transparent.addresses == ("10.0.0.7",)
    assert config.inbound[0].listen == ""


def test_what_is_not_json_is_told_so():
    with pytest.raises(ConfigError, match="not JSON"):
        read(b"{")


def test_it_is_read_from_stdin_or_a_file(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(GOOD).encode())))
    assert load("-").pod == "web-0"
    with pytest.raises(ConfigError, match="No such file"):
        load(str(tmp_path / "missing.json"))


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("127.0.0.1:80", Listen("127.0.0.1", 80, None)),
        ("[::1]:0", Listen("::1", 0, None)),
        ("fd:12", Listen("", 0, 12)),
    ],
)
def test_listen_addresses(text, listen):
    assert parse_listen(text) == listen


@pytest.mark.parametrize("text", ["", "80", ":80", "localhost:80", "fd:", "fd:-1", "1.2.3.4:", "::1:80"])
def test_listen_addresses_that_are_none(text):
    with pytest.raises(ValueError, match="neither"):
        parse_listen(text)


def test_port_zero_may_be_asked_for_twice():
    twice = [{"target": "a.b", "listen": "127.0.0.1:0"}, {"target": "c.d", "listen": "127.0.0.1:0"}]
    assert len(read(json.dumps(GOOD | {"outbound": twice}).encode()).outbound) == 2


def test_in_a_pod_it_is_a_variable_and_the_token_a_file(monkeypatch, tmp_path):
    token = tmp_path / "token"
    token.write_text("fresh\n")
    document = {**GOOD, "token_file": str(token), "transparent": {**TRANSPARENT, "addresses": ["10.0.0.7,fd00::7"]}}
    del document["token"]
    monkeypatch.setenv("MESHTUI_CONFIG", json.dumps(document))
    config = load("env:MESHTUI_CONFIG")
    assert config.transparent.addresses == ("10.0.0.7", "fd00::7")
    assert config.read_token() == "fresh"
    token.write_text("fresher\n")
    assert config.read_token() == "fresher"
    with pytest.raises(ConfigError, match="no variable NOTHING"):
        load("env:NOTHING")


def test_one_kind_of_token_is_given():
    assert refusal(token=...) == "token: give either token or token_file"
    assert refusal(token_file="/t") == "token: give either token or token_file"
