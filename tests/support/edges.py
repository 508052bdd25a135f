"""Answers about edges for tests: a graph in a few words."""

from meshcore.wire.common_pb2 import Peer, Protocol, Tls
from meshcore.wire.stats_pb2 import Edge, EdgesResponse, HttpStats

EMOJIVOTO = "vote-bot>web:2:92.5 web>emoji:3:100 web>voting:1:84"


def answer(text: str, *, namespace: str = "emojivoto") -> EdgesResponse:
    """Return the answer of `caller>callee:rps:success …`; names may be `name.namespace`, `!` means plain text."""
    return EdgesResponse(edges=[_edge(word, namespace) for word in text.split()])


def _edge(word: str, namespace: str) -> Edge:
    ends, _, figures = word.rstrip("!").partition(":")
    rps, _, success = figures.partition(":")
    caller, _, callee = ends.partition(">")
    total = 1000
    good = round(float(success or 100) * total / 100)
    http = HttpStats(
        success=good, failure=total - good, rps=float(rps or 1), p50_ms=2, p95_ms=10, p99_ms=40, samples=total
    )
    plain = word.endswith("!")
    return Edge(
        src=_peer(caller, namespace),
        dst=_peer(callee, namespace),
        sent=http,
        received=http,
        tls=Tls.TLS_NONE if plain else Tls.TLS_MUTUAL,
        secured=0.0 if plain else 1.0,
        protocols=[Protocol.HTTP1],
        src_meshed=True,
        dst_meshed=not plain,
    )


def _peer(word: str, namespace: str) -> Peer:
    name, _, other = word.partition(".")
    return Peer(namespace=other or namespace, kind="deployment", name=name)
