"""A mesh that says what it is told: the demo's topology as messages of the wire, one answer per turn.

Screens under test ask it instead of a control plane. `turn` lets every source answer once more, `lose` and
`recover` act a control plane that dies and comes back. The clock stands still.
"""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from meshcore.wire import control_pb2, discovery_pb2, stats_pb2, tap_pb2
from meshcore.wire.common_pb2 import Class, Direction, Peer, Protocol, Resource, Tls
from meshtui.model.scope import Scope, Trouble

NOW_MS = 1_795_000_000_000
NS = "emojivoto"
OWNERS = {"web": 1, "emoji": 1, "voting": 2, "vote-bot": 1}
BOOKS = {"webapp": 3, "authors": 1, "books": 2, "traffic": 1}
RATES = {
    "web": 98.6,
    "emoji": 50.4,
    "voting": 48.2,
    "vote-bot": 0.0,
    "webapp": 21.3,
    "authors": 9.1,
    "books": 14.8,
    "traffic": 0.0,
}
FAILURES = {"web": 0.041, "voting": 0.085, "books": 0.118}
LATENCY = {
    "web": (6.2, 14.8, 31.0),
    "emoji": (0.8, 1.9, 3.6),
    "voting": (1.1, 2.7, 6.4),
    "webapp": (12, 44, 131),
    "authors": (5.5, 18, 40),
    "books": (7.1, 19, 96),
}


class FakeMesh:
    """Implements `meshtui.sources.mesh.Mesh` from canned answers."""

    name = "demo"
    local = True
    only = ""

    def __init__(self, *, rows: int = 0) -> None:
        self.extra = rows
        self.turns = 0
        self.lost = False
        self.there = True
        self.asked: list[tuple[str, Scope]] = []
        self.running = 0
        self._turned = asyncio.Condition()

    async def turn(self) -> None:
        """Let every source answer once more."""
        async with self._turned:
            self.turns += 1
            self._turned.notify_all()

    async def lose(self) -> None:
        self.lost = True
        await self.turn()

    async def recover(self) -> None:
        self.lost = False
        await self.turn()

    def alive(self) -> bool:
        return self.there

    async def close(self) -> None:
        """Nothing to close."""

    async def _each_turn(self, answer: Callable[[], Any]) -> AsyncIterator[Any]:
        said = False
        self.running += 1
        try:
            while True:
                seen = self.turns
                if not self.lost:
                    said = False
                    yield answer()
                elif not said:
                    said = True
                    yield Trouble("the control plane at /run/demo/control.sock does not answer", "", lost=True)
                async with self._turned:
                    await self._turned.wait_for(lambda seen=seen: self.turns > seen)
        finally:
            self.running -= 1

    def status(self) -> AsyncIterator[Any]:
        return self._each_turn(status)

    def stat(self, scope: Scope) -> AsyncIterator[Any]:
        self.asked.append(("stat", scope))
        return self._each_turn(lambda: stat(scope, self.turns, self.extra))

    def edges(self, scope: Scope) -> AsyncIterator[Any]:
        self.asked.append(("edges", scope))
        return self._each_turn(lambda: edges(scope))

    def pods(self, scope: Scope) -> AsyncIterator[Any]:
        self.asked.append(("pods", scope))
        return self._each_turn(lambda: pods(scope))

    def observe(self, scope: Scope, match: Any = None) -> AsyncIterator[Any]:
        self.asked.append(("observe", scope))
        return self._each_turn(lambda: observe(self.turns))

    def top(self, scope: Scope, *, by_route: bool = False, hide_sources: bool = False) -> AsyncIterator[Any]:
        self.asked.append(("top", scope))
        return self._each_turn(lambda: top(by_route=by_route, hide_sources=hide_sources))

    def check(self) -> AsyncIterator[Any]:
        return self._each_turn(check)

    def log(self, scope: Scope, *, proxy: bool = False) -> AsyncIterator[Any]:
        return self._each_turn(
            lambda: [
                f'{{"level":"info","msg":"vote cast","emoji":"doughnut","n":{i},"proxy":{str(proxy).lower()}}}'
                for i in range(30)
            ]
        )


def status() -> control_pb2.StatusResponse:
    return control_pb2.StatusResponse(
        time_ms=NOW_MS,
        mesh="demo",
        home="local",
        version="0.1.0",
        started_ms=NOW_MS - 3_600_000,
        uplinks=12,
        expected=12,
        rps=242.4,
        success=0.957,
        namespaces=["booksapp", NS],
        default_namespace=NS,
    )


def http(name: str, share: float = 1.0) -> stats_pb2.HttpStats | None:
    rps = RATES.get(name, 0.0) * share
    if not rps:
        return None
    total = round(rps * 60)
    failed = round(total * FAILURES.get(name, 0.0))
    p50, p95, p99 = LATENCY[name]
    return stats_pb2.HttpStats(
        statuses=[
            stats_pb2.StatusCount(status=200, classification=Class.SUCCESS, count=total - failed),
            *([stats_pb2.StatusCount(status=500, classification=Class.FAILURE, count=failed)] if failed else []),
        ],
        success=total - failed,
        failure=failed,
        rps=rps,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        samples=total,
    )


def series(name: str, turn: int, share: float = 1.0) -> stats_pb2.Series:
    chance = random.Random(name)
    rps, success, p50, p95, p99 = [], [], [], [], []
    base = LATENCY.get(name, (1, 2, 3))
    for i in range(60 + turn):
        wave = 1 + 0.25 * math.sin(i / 7 + len(name)) + chance.uniform(-0.12, 0.12)
        late = i > 38 and name == "voting"
        rps.append(RATES.get(name, 0.0) * share * wave)
        success.append(1 - FAILURES.get(name, 0.0) * (2.2 if late else 0.6) * chance.uniform(0.5, 1.3))
        p50.append(base[0] * chance.uniform(0.85, 1.2))
        p95.append(base[1] * chance.uniform(0.8, 1.25) * (1.9 if i > 35 and name == "webapp" else 1))
        p99.append(base[2] * chance.uniform(0.7, 1.4))
    cut = slice(turn, None)
    return stats_pb2.Series(
        start_ms=NOW_MS - 60_000,
        step_ms=1000,
        rps=rps[cut],
        success=success[cut],
        p50_ms=p50[cut],
        p95_ms=p95[cut],
        p99_ms=p99[cut],
    )


def workloads() -> list[tuple[str, str, int]]:
    return [("booksapp", n, c) for n, c in sorted(BOOKS.items())] + [(NS, n, c) for n, c in sorted(OWNERS.items())]


def stat(scope: Scope, turn: int, extra: int = 0) -> stats_pb2.StatResponse:
    answer = stats_pb2.StatResponse(time_ms=NOW_MS, covered_ms=60_000)
    for i in range(extra):
        answer.rows.append(_row("deployment", f"team-{i % 40}", f"service-{i:05d}", 1, 1, list(LATENCY)[i % 6], 0))
    for namespace, name, count in [] if extra else workloads():
        if scope.namespace not in ("", namespace) and scope.kind != "namespace":
            continue
        if scope.kind == "pod":
            if scope.owner in ("", name):
                for i in range(count):
                    row = _row("pod", namespace, f"{name}-{i}", 1, 1, name, turn, 1 / count)
                    row.status = "Running"
                    answer.rows.append(row)
        elif scope.kind != "namespace" and scope.name in ("", name):
            answer.rows.append(_row(scope.kind or "deployment", namespace, name, count, count, name, turn))
    if scope.kind == "namespace":
        answer.rows.append(_row("namespace", "", "booksapp", 7, 7, "webapp", turn))
        answer.rows.append(_row("namespace", "", NS, 5, 5, "web", turn))
    return answer


def _row(
    kind: str, namespace: str, name: str, meshed: int, running: int, like: str, turn: int, share: float = 1.0
) -> stats_pb2.StatRow:
    row = stats_pb2.StatRow(
        resource=Resource(namespace=namespace, kind=kind, name=name),
        meshed=meshed,
        running=running,
        has_mesh=kind != "service",
        series=series(like, turn, share),
        tcp=stats_pb2.TcpStats(open=2 * meshed, read_bps=2100, write_bps=38_000),
    )
    figures = http(like, share)
    if figures is not None:
        row.http.CopyFrom(figures)
    return row


def peer(name: str, index: int = 0, namespace: str = NS, *, meshed: bool = True) -> Peer:
    return Peer(
        namespace=namespace,
        kind="deployment",
        name=name,
        pod=f"{name}-{index}",
        service_account=name,
        identity=f"spiffe://local/ns/{namespace}/sa/{name}" if meshed else "",
        address=f"127.0.0.1:{41000 + len(name)}",
    )


PAIRS = (("vote-bot", "web", 98.6), ("web", "emoji", 50.4), ("web", "voting", 48.2))


def edges(scope: Scope) -> stats_pb2.EdgesResponse:
    answer = stats_pb2.EdgesResponse(time_ms=NOW_MS, covered_ms=60_000)
    pairs = [(NS, *pair) for pair in PAIRS]
    pairs += [
        ("booksapp", "traffic", "webapp", 21.3),
        ("booksapp", "webapp", "authors", 9.1),
        ("booksapp", "webapp", "books", 14.8),
        ("booksapp", "authors", "books", 3.2),
    ]
    for namespace, src, dst, rps in pairs:
        if scope.namespace not in ("", namespace) or (scope.name and scope.name not in (src, dst)):
            continue
        figures = http(dst)
        assert figures is not None
        figures.rps = rps
        answer.edges.append(
            stats_pb2.Edge(
                src=peer(src, 0, namespace),
                dst=peer(dst, 0, namespace),
                sent=figures,
                received=figures,
                secured=1.0,
                tls=Tls.TLS_MUTUAL,
                src_meshed=True,
                dst_meshed=True,
                protocols=[Protocol.GRPC if dst in ("emoji", "voting") else Protocol.HTTP1],
            )
        )
    if scope.namespace in ("", "booksapp") and scope.name in ("", "books", "ledger"):
        answer.edges.append(
            stats_pb2.Edge(
                src=peer("books", 0, "booksapp"),
                dst=Peer(address="10.0.3.17:5432"),
                tls=Tls.TLS_NONE,
                no_tls_reasons=["not_provided_by_service_discovery"],
                src_meshed=True,
                tcp=stats_pb2.TcpStats(open=4),
                protocols=[Protocol.TCP],
            )
        )
    return answer


def pods(scope: Scope) -> discovery_pb2.PodsResponse:
    answer = discovery_pb2.PodsResponse(time_ms=NOW_MS)
    for number, (namespace, name, count) in enumerate(workloads()):
        if scope.namespace not in ("", namespace) or scope.owner not in ("", name):
            continue
        for i in range(count):
            meshed = name != "traffic"
            status = discovery_pb2.InstanceStatus(
                namespace=namespace,
                kind="deployment",
                name=name,
                pod=f"{name}-{i}",
                phase=discovery_pb2.Phase.RUNNING,
                ready=True,
                pid=4000 + number,
                proxy_pid=5000 + number,
                meshed=meshed,
                started_ms=NOW_MS - 3_600_000,
            )
            pod = discovery_pb2.Pod(
                labels={"app": name}, status=status, meshed=meshed, uplink=meshed, uplink_since_ms=NOW_MS - 3_590_000
            )
            if name == "books" and i == 1:
                status.phase, status.ready, status.restarts = discovery_pb2.Phase.FAILING, False, 4
                status.message = "exit status 3, again in 4 s"
                pod.uplink = False
                pod.status.CopyFrom(status)
            if meshed:
                pod.identity = f"spiffe://local/ns/{namespace}/sa/{name}"
                pod.proxy_version = "0.1.0"
                pod.address = f"127.0.0.1:{43000 + number}"
                pod.proxy.CopyFrom(
                    discovery_pb2.ProxyStatus(
                        time_ms=NOW_MS,
                        cpu_us=12_000_000,
                        rss_bytes=24_900_000 + number * 310_000,
                        cpu_percent=1.3 + number * 0.4,
                        cert_not_before_ms=NOW_MS - 3_600_000,
                        cert_not_after_ms=NOW_MS + 82_800_000,
                        connections=6,
                        inflight=number % 3,
                        endpoints=[
                            discovery_pb2.EndpointStatus(
                                service=f"{dst}.{namespace}:8080",
                                pod=f"{dst}-{j}",
                                address=f"127.0.0.1:{42000 + j}",
                                ewma_ms=1.2 + j,
                                inflight=j,
                                connections=2,
                                weight=1,
                                state="ready",
                                identity=f"spiffe://local/ns/{namespace}/sa/{dst}",
                            )
                            for src, dst, _ in PAIRS
                            if src == name
                            for j in range(OWNERS.get(dst, 1))
                        ],
                    )
                )
            answer.pods.append(pod)
    return answer


CALLS = (
    ("vote-bot", "web", "GET", "/api/list", Protocol.HTTP1, 200, None, 7.2),
    ("web", "emoji", "POST", "/emojivoto.v1.EmojiService/ListAll", Protocol.GRPC, 200, 0, 1.1),
    ("vote-bot", "web", "GET", "/api/vote?choice=:doughnut:", Protocol.HTTP1, 500, None, 9.6),
    ("web", "emoji", "POST", "/emojivoto.v1.EmojiService/FindByShortcode", Protocol.GRPC, 200, 0, 0.8),
    ("web", "voting", "POST", "/emojivoto.v1.VotingService/VoteDoughnut", Protocol.GRPC, 200, 2, 1.9),
    ("vote-bot", "web", "GET", "/api/vote?choice=:tada:", Protocol.HTTP1, 200, None, 6.6),
    ("web", "voting", "POST", "/emojivoto.v1.VotingService/VoteTada", Protocol.GRPC, 200, 0, 1.3),
)


def observe(turn: int) -> tap_pb2.ObserveResponse:
    answer = tap_pb2.ObserveResponse(sidecars=5)
    for i in range(12):
        number = turn * 12 + i
        src, dst, method, path, protocol, status, grpc, ms = CALLS[number % len(CALLS)]
        base = {
            "request_id": f"boot-{number // 40}-{number}",
            "source": peer(src),
            "destination": peer(dst, number % OWNERS.get(dst, 1)),
            "tls": Tls.TLS_MUTUAL,
            "direction": Direction.INBOUND,
            "protocol": protocol,
            "attempt": 1,
            "trace_id": f"{number:032x}",
            "proxy": peer(dst),
            "service_namespace": NS,
            "service_name": dst,
            "port": 8080,
        }
        start = NOW_MS * 1000 + number * 83_000
        good = status < 500 and not grpc
        answer.events.append(
            tap_pb2.TapEvent(
                time_us=start,
                **base,
                request_init=tap_pb2.RequestInit(
                    method=method,
                    scheme="http",
                    authority=f"{dst}.{NS}:8080",
                    path=path,
                    headers=[
                        tap_pb2.Header(name="user-agent", value=b"vote-bot/1.0"),
                        tap_pb2.Header(name="authorization", value=b"[redacted]"),
                    ],
                ),
            )
        )
        answer.events.append(
            tap_pb2.TapEvent(
                time_us=start + int(ms * 900),
                **base,
                response_init=tap_pb2.ResponseInit(
                    since_request_init_us=int(ms * 900),
                    http_status=status,
                    headers=[tap_pb2.Header(name="content-type", value=b"application/json")],
                ),
            )
        )
        end = tap_pb2.ResponseEnd(
            since_request_init_us=int(ms * 1000),
            since_response_init_us=int(ms * 100),
            request_bytes=120,
            response_bytes=2048,
            http_status=status,
            classification=Class.SUCCESS if good else Class.FAILURE,
            grpc_message="no doughnuts" if grpc else "",
        )
        if grpc is not None:
            end.grpc_status = grpc
            end.trailers.append(tap_pb2.Header(name="grpc-status", value=str(grpc).encode()))
        answer.events.append(tap_pb2.TapEvent(time_us=start + int(ms * 1000), **base, response_end=end))
    return answer


def top(*, by_route: bool = False, hide_sources: bool = False) -> tap_pb2.TopResponse:
    answer = tap_pb2.TopResponse(time_ms=NOW_MS, sidecars=5, covered_ms=60_000)
    for i, (src, dst, method, path, _, status, grpc, ms) in enumerate(CALLS):
        count = 2900 - i * 340
        answer.rows.append(
            tap_pb2.TopRow(
                source=Peer() if hide_sources else peer(src),
                destination=peer(dst),
                method=method,
                path=path.partition("?")[0],
                route="vote" if by_route and "vote" in path.lower() else "",
                count=count,
                best_ms=ms * 0.4,
                worst_ms=ms * 6,
                last_ms=ms,
                p95_ms=ms * 2.1,
                success=count if status < 500 and not grpc else 0,
                rps=count / 60,
                direction=Direction.INBOUND,
            )
        )
    return answer


def check() -> control_pb2.CheckResponse:
    good, warn, bad = control_pb2.CHECK_SUCCESS, control_pb2.CHECK_WARNING, control_pb2.CHECK_ERROR
    item = control_pb2.CheckItem
    return control_pb2.CheckResponse(
        categories=[
            control_pb2.CheckCategory(
                name="control plane",
                checks=[
                    item(description="answers on its socket", result=good),
                    item(description="speaks this wire protocol", result=good),
                ],
            ),
            control_pb2.CheckCategory(
                name="identity",
                checks=[
                    item(description="trust anchor is valid for 60 days", result=good),
                    item(
                        description="issuer certificate is valid",
                        result=warn,
                        error="it ends in 40 h",
                        hint="`meshtui up` again renews it",
                    ),
                ],
            ),
            control_pb2.CheckCategory(
                name="data plane",
                checks=[
                    item(
                        description="all proxies are connected",
                        result=bad,
                        error="books-1 in booksapp is not",
                        hint="`meshtui logs books-1 --proxy` shows why",
                    )
                ],
            ),
        ]
    )
