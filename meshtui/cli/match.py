"""Flags that say which requests tap and top look at, and the TapMatch they make. Pure."""

import re
from typing import Annotated, TypeVar

import typer

from meshcore.wire.common_pb2 import Class, Direction
from meshcore.wire.tap_pb2 import Header, StatusRange, TapMatch
from meshtui.cli.duration import parse_duration
from meshtui.cli.fault import USAGE, Fault, unknown

Method = Annotated[
    list[str] | None, typer.Option("--method", help="Only this method; may be repeated.", metavar="METHOD")
]
Path = Annotated[str, typer.Option("--path", help="Only paths that begin so.", metavar="PREFIX")]
Authority = Annotated[str, typer.Option("--authority", help="Only this authority (host).", metavar="HOST")]
Status = Annotated[
    list[str] | None,
    typer.Option("--status", help="Only this status: 500, 5xx or 400-499; may be repeated.", metavar="STATUS"),
]
ClassOf = Annotated[str, typer.Option("--class", help="Only success or failure.", metavar="CLASS")]
DirectionOf = Annotated[str, typer.Option("--direction", help="Only inbound or outbound.", metavar="DIRECTION")]
MinLatency = Annotated[
    str, typer.Option("--min-latency", help="Only requests that took at least this long.", metavar="DURATION")
]
Route = Annotated[str, typer.Option("--route", help="Only this route.", metavar="NAME")]
HeaderOf = Annotated[
    str, typer.Option("--header", help="Only requests with this header: NAME or NAME=VALUE.", metavar="HEADER")
]
MaxRps = Annotated[float, typer.Option("--max-rps", help="Look at no more requests per second.", min=0.1)]

Value = TypeVar("Value")

_CLASSES = {"success": Class.SUCCESS, "failure": Class.FAILURE}
_DIRECTIONS = {"inbound": Direction.INBOUND, "outbound": Direction.OUTBOUND}
_STATUS = re.compile(r"(\d{3})(?:-(\d{3}))?|([1-5])xx", re.IGNORECASE)


def build(
    *,
    methods: list[str],
    path: str,
    authority: str,
    statuses: list[str],
    classification: str,
    direction: str,
    min_latency: str,
    route: str,
    header: str,
) -> TapMatch:
    """Return the match that flags mean, other ends aside (aim.py); raises Fault that names the flag."""
    match = TapMatch(
        methods=[method.upper() for method in methods],
        path_prefix=path,
        authority=authority,
        statuses=[_status(each) for each in statuses],
        route=route,
    )
    if classification:
        match.classification = _word("--class", classification, _CLASSES)
    if direction:
        match.direction = _word("--direction", direction, _DIRECTIONS)
    if min_latency:
        match.min_latency_ms = parse_duration(min_latency, "--min-latency")
    if header:
        name, _, value = header.partition("=")
        match.header.CopyFrom(Header(name=name.lower(), value=value.encode()))
    return match


def _word(flag: str, word: str, known: dict[str, Value]) -> Value:
    try:
        return known[word.lower()]
    except KeyError:
        raise unknown(f"value of {flag}", word, known) from None


def _status(text: str) -> StatusRange:
    found = _STATUS.fullmatch(text)
    if found is None:
        raise Fault(f"--status {text!r} is no status", "write 500, 5xx or 400-499", status=USAGE)
    if found[3]:
        return StatusRange(min=int(found[3]) * 100, max=int(found[3]) * 100 + 99)
    return StatusRange(min=int(found[1]), max=int(found[2] or found[1]))
