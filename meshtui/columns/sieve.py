"""The filter of the tap list: words like `method=GET status=5xx path=^/api !peer=vote-bot` become one test.

Screens parse what was typed after `/`; a word without a key is a regular expression over everything that shows.
"""

import re
from collections.abc import Callable
from difflib import get_close_matches

from meshcore.wire.common_pb2 import Class, Direction
from meshtui.columns import peers
from meshtui.columns.exchange import outcome
from meshtui.columns.tap import GRPC_STATUSES, grpc_status
from meshtui.model.exchange import Exchange
from meshtui.model.filter import FilterError

Test = Callable[[Exchange], bool]
KEYS = ("method", "path", "authority", "status", "grpc", "class", "peer", "source", "destination", "route", "latency")
_ALIASES = {"src": "source", "dst": "destination", "host": "authority", "from": "source", "to": "destination"}
_PARTS = re.compile(r"([a-z]+)(>=|<=|=|>|<)(.*)")
_UNITS = {"us": 0.001, "µs": 0.001, "ms": 1.0, "s": 1000.0, "": 1.0}


def parse(text: str) -> Test:
    """Return the test for what was typed; all words must hold. Raises FilterError with one line on what is wrong."""
    tests = [_word(word) for word in text.split()]
    return lambda x: all(test(x) for test in tests)


def _word(word: str) -> Test:
    inverse, body = word.startswith("!"), word.removeprefix("!")
    parts = _PARTS.fullmatch(body)
    key, sign, value = parts.groups() if parts else ("", "", "")
    key = _ALIASES.get(key, key)
    if not parts or (sign != "=" and key != "latency"):
        test = _anything(body)
    elif key not in KEYS:
        near = get_close_matches(key, [*KEYS, *_ALIASES], 1)
        hint = f"; did you mean {near[0]}=" if near else f"; there are {', '.join(KEYS)}"
        raise FilterError(f"no filter named {key}={hint}")
    else:
        test = _key(key, sign, value)
    return (lambda x: not test(x)) if inverse else test


def _key(key: str, sign: str, value: str) -> Test:
    match key:
        case "method":
            wanted = {each.upper() for each in value.split(",")}
            return lambda x: x.method.upper() in wanted
        case "status":
            return _status(value)
        case "grpc":
            return _grpc(value)
        case "class":
            classes = {"success": Class.SUCCESS, "failure": Class.FAILURE}
            found = next((code for name, code in classes.items() if value and name.startswith(value.lower())), None)
            if found is None:
                raise FilterError(f"class={value}: write class=success or class=failure")
            return lambda x: x.classification == found
        case "latency":
            return _latency(sign, value)
        case _:
            pattern = _pattern(value)
            return lambda x: any(pattern.search(text) for text in _texts(x, key))


def _texts(x: Exchange, key: str) -> list[str]:
    match key:
        case "path" | "authority" | "route":
            return [str(getattr(x, key))]
        case "source" | "destination":
            peer = getattr(x, key)
            return [peers.name(peer, pod=True), peer.name, peer.address]
        case _:
            return _texts(x, "source") + _texts(x, "destination")


def _anything(body: str) -> Test:
    pattern = _pattern(body)

    def test(x: Exchange) -> bool:
        direction = "in" if x.direction == Direction.INBOUND else "out"
        ends = (peers.name(x.source, pod=True), peers.name(x.destination, pod=True))
        words = (*ends, direction, x.method, x.authority, x.path, x.route, outcome(x))
        return pattern.search(" ".join(words)) is not None

    return test


def _status(value: str) -> Test:
    if re.fullmatch(r"[1-5]xx", value):
        low = int(value[0]) * 100
        return lambda x: low <= x.status < low + 100
    span = re.fullmatch(r"(\d{3})(?:-(\d{3}))?", value)
    if not span:
        raise FilterError(f"status={value}: write a number, 5xx or 500-503")
    first, last = int(span[1]), int(span[2] or span[1])
    return lambda x: first <= x.status <= last


def _grpc(value: str) -> Test:
    names = {name.lower(): code for code, name in enumerate(GRPC_STATUSES)}
    code = int(value) if value.isdigit() else names.get(value.lower().replace("_", ""))
    if code is None:
        near = get_close_matches(value.lower(), names, 1)
        hint = f"; did you mean {grpc_status(names[near[0]])}" if near else ""
        raise FilterError(f"grpc={value} is no gRPC status{hint}")
    return lambda x: x.grpc_status == code


def _latency(sign: str, value: str) -> Test:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(us|µs|ms|s|)", value)
    if not found or sign == "=":
        raise FilterError(f"latency{sign}{value}: write latency>100ms or latency<2s")
    limit = float(found[1]) * _UNITS[found[2]]
    below = sign.startswith("<")
    return lambda x: x.latency_ms is not None and (x.latency_ms <= limit if below else x.latency_ms >= limit)


def _pattern(body: str) -> re.Pattern[str]:
    try:
        return re.compile(body, re.IGNORECASE)
    except re.error as error:
        raise FilterError(f"{body!r} is not a regular expression: {error}") from None
