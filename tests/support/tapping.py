"""Tap events for tests: the three events of a request, as a sidecar would send them."""

from meshcore.wire.common_pb2 import Class, Direction, Peer, Protocol, Tls
from meshcore.wire.tap_pb2 import Header, RequestInit, ResponseEnd, ResponseInit, TapEvent

START_US = 1_790_000_000_000_000


def peer(name: str, namespace: str = "emojivoto") -> Peer:
    """Return a meshed peer named as local mode names its pods."""
    return Peer(
        namespace=namespace,
        kind="deployment",
        name=name,
        pod=f"{name}-0",
        service_account=name,
        identity=f"spiffe://local/ns/{namespace}/sa/{name}",
        address="127.0.0.1:4000",
    )


def request(
    id: str,
    *,
    source: str = "web",
    destination: str = "voting",
    direction: "Direction.ValueType" = Direction.OUTBOUND,
    method: str = "POST",
    path: str = "/emojivoto.v1.VotingService/VoteDoughnut",
    status: int = 200,
    grpc: int | None = None,
    failed: bool = False,
    at_us: int = START_US,
    reply_us: int = 900,
    end_us: int = 1000,
    trace: str = "",
    error: str = "",
) -> list[TapEvent]:
    """Return init, response and end of one request."""

    def event(after: int) -> TapEvent:
        return TapEvent(
            request_id=id,
            time_us=at_us + after,
            direction=direction,
            source=peer(source),
            destination=peer(destination),
            proxy=peer(source if direction == Direction.OUTBOUND else destination),
            tls=Tls.TLS_MUTUAL,
            protocol=Protocol.HTTP1 if grpc is None else Protocol.GRPC,
            service_namespace="emojivoto",
            service_name=destination,
            port=8080,
            attempt=1,
            trace_id=trace,
        )

    head, reply, end = event(0), event(reply_us), event(end_us)
    head.request_init.CopyFrom(
        RequestInit(
            method=method,
            scheme="http",
            authority=f"{destination}:8080",
            path=path,
            headers=[Header(name="content-type", value=b"application/grpc"), Header(name="te", value=b"trailers")],
        )
    )
    reply.response_init.CopyFrom(
        ResponseInit(
            since_request_init_us=reply_us,
            http_status=status,
            headers=[Header(name="content-type", value=b"application/grpc")],
        )
    )
    end.response_end.CopyFrom(
        ResponseEnd(
            since_request_init_us=end_us,
            since_response_init_us=end_us - reply_us,
            request_bytes=12,
            response_bytes=5,
            grpc_status=grpc,
            grpc_message="doughnuts always fail" if failed and grpc is not None else "",
            classification=Class.FAILURE if failed else Class.SUCCESS,
            http_status=status,
            error=error,
            trailers=[] if grpc is None else [Header(name="grpc-status", value=str(grpc).encode())],
        )
    )
    return [head, reply, end]
