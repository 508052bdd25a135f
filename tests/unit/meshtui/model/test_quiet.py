"""What is said where there are no requests to see."""

from meshcore.wire.common_pb2 import Resource
from meshcore.wire.stats_pb2 import HttpStats, StatRow, TcpStats
from meshtui.model.quiet import opaque


def row(name: str, *, http: int = 0, read: float = 0.0, written: float = 0.0, connections: int = 0) -> StatRow:
    return StatRow(
        resource=Resource(kind="deployment", namespace="shop", name=name),
        http=HttpStats(success=http) if http else None,
        tcp=TcpStats(open=connections, read_bps=read, write_bps=written),
    )


def test_bytes_without_http_are_told() -> None:
    assert opaque([row("redis", read=12.0, written=3000.0, connections=2)]) == (
        "no HTTP reaches deployment/redis, but bytes: 12B/s read and 2.9KiB/s written lately, 2 connections open"
    )


def test_several_are_added_up_and_few_are_named() -> None:
    rows = [row(name, read=1.0, connections=0 if name == "a" else 1) for name in "abcd"] + [row("idle")]
    said = opaque(rows)
    assert "reaches deployment/a, deployment/b, deployment/c and 1 more, " in said
    assert said.endswith("4B/s read and 0B/s written lately, 3 connections open")
    assert opaque(rows[1:2]).endswith("1 connection open")


def test_connections_that_carry_nothing_explain_nothing() -> None:
    assert opaque([]) == ""
    assert opaque([row("redis", connections=3)]) == "", "an idle one may well speak HTTP"


def test_where_there_are_requests_they_are_to_be_seen() -> None:
    assert opaque([row("redis", read=5.0, connections=1), row("web", http=1, read=5.0)]) == ""
