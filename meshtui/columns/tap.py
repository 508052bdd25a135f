"""Tap events as lines and as JSON, in the words of `linkerd viz tap` with what it lacks added."""

import base64
from datetime import UTC, datetime
from typing import Any

from meshcore.wire.common_pb2 import Direction
from meshcore.wire.tap_pb2 import Header, TapEvent
from meshtui.columns import peers
from meshtui.columns.stat import CLASSES

GRPC_STATUSES = (
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
)


def grpc_status(code: int) -> str:
    """Return the name of a gRPC status code (grpc.io, statuscodes); unknown codes as numbers."""
    return GRPC_STATUSES[code] if code < len(GRPC_STATUSES) else str(code)


def line(event: TapEvent, *, wide: bool = False) -> str:
    """Return an event as one line: time, kind, id, direction, peers, then what that kind knows."""
    kind = event.WhichOneof("event") or ""
    parts = [
        _time(event).strftime("%H:%M:%S.%f")[:-3],
        {"request_init": "req", "response_init": "rsp", "response_end": "end"}.get(kind, "???"),
        f"id={event.request_id}",
        "proxy=in " if event.direction == Direction.INBOUND else "proxy=out",
        f"src={peers.name(event.source, pod=True)}",
        f"dst={peers.name(event.destination, pod=True)}",
        f"tls={peers.TLS_WORDS.get(event.tls, 'unknown')}",
    ]
    if kind == "request_init":
        init = event.request_init
        parts += [f":method={init.method}", f":authority={init.authority}", f":path={init.path}"]
    elif kind == "response_init":
        parts += [
            f":status={event.response_init.http_status}",
            f"latency={event.response_init.since_request_init_us}µs",
        ]
    elif kind == "response_end":
        parts += _end(event)
    if wide:
        parts += _wide(event)
    return " ".join(parts)


def record(event: TapEvent) -> dict[str, Any]:
    """Return an event for JSON; field names are those of `linkerd viz tap -o json` where it has them."""
    base: dict[str, Any] = {
        "time": _time(event).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "id": event.request_id,
        "source": _end_point(event, "source"),
        "destination": _end_point(event, "destination"),
        "routeMeta": {"route": event.route} if event.route else None,
        "proxyDirection": peers.DIRECTIONS.get(event.direction, "UNKNOWN"),
        "proxy": peers.record(event.proxy),
        "service": _service(event),
        "protocol": peers.PROTOCOLS.get(event.protocol, "unknown"),
        "tls": peers.TLS_WORDS.get(event.tls, "unknown"),
        "noTlsReason": event.no_tls_reason or None,
        "attempt": event.attempt,
        "traceId": event.trace_id or None,
    }
    kind = event.WhichOneof("event")
    if kind == "request_init":
        init = event.request_init
        base["requestInitEvent"] = {
            "method": init.method,
            "scheme": init.scheme,
            "authority": init.authority,
            "path": init.path,
            "headers": [_header(each) for each in init.headers],
        }
    elif kind == "response_init":
        response = event.response_init
        base["responseInitEvent"] = {
            "sinceRequestInitUs": response.since_request_init_us,
            "httpStatus": response.http_status,
            "headers": [_header(each) for each in response.headers],
        }
    elif kind == "response_end":
        end = event.response_end
        base["responseEndEvent"] = {
            "sinceRequestInitUs": end.since_request_init_us,
            "sinceResponseInitUs": end.since_response_init_us,
            "requestBytes": end.request_bytes,
            "responseBytes": end.response_bytes,
            "httpStatus": end.http_status,
            "grpcStatusCode": end.grpc_status if end.HasField("grpc_status") else None,
            "grpcStatus": grpc_status(end.grpc_status) if end.HasField("grpc_status") else None,
            "grpcMessage": end.grpc_message or None,
            "resetErrorCode": end.reset_code if end.HasField("reset_code") else None,
            "class": CLASSES.get(end.classification, "unknown"),
            "error": end.error or None,
            "trailers": [_header(each) for each in end.trailers],
        }
    return base


def _time(event: TapEvent) -> datetime:
    return datetime.fromtimestamp(event.time_us / 1e6, UTC)


def _end(event: TapEvent) -> list[str]:
    end = event.response_end
    parts = [f":status={end.http_status}"] if end.http_status else []
    if end.HasField("grpc_status"):
        parts.append(f"grpc-status={grpc_status(end.grpc_status)}")
    if end.HasField("reset_code"):
        parts.append(f"reset-error={end.reset_code}")
    parts.append(f"class={CLASSES.get(end.classification, 'unknown')}")
    if end.error:
        parts.append(f"error={end.error}")
    return [*parts, f"duration={end.since_request_init_us}µs", f"response-length={end.response_bytes}B"]


def _wide(event: TapEvent) -> list[str]:
    found = []
    for side, peer in (("src", event.source), ("dst", event.destination)):
        found += [f"{side}_{key}={value}" for key, value in peers.record(peer).items()]
    if event.route:
        found.append(f"rt_route={event.route}")
    if event.trace_id:
        found.append(f"trace={event.trace_id}")
    return found


def _end_point(event: TapEvent, side: str) -> dict[str, Any]:
    peer = event.source if side == "source" else event.destination
    ip, _, port = peer.address.rpartition(":")
    metadata = {key: value for key, value in peers.record(peer).items() if key != "address"}
    return {"ip": ip or None, "port": int(port) if port.isdigit() else None, "metadata": metadata}


def _service(event: TapEvent) -> dict[str, Any] | None:
    if not event.service_name:
        return None
    return {"namespace": event.service_namespace, "name": event.service_name, "port": event.port or None}


def _header(header: Header) -> dict[str, str]:
    try:
        return {"name": header.name, "valueStr": header.value.decode()}
    except UnicodeDecodeError:
        return {"name": header.name, "valueBin": base64.b64encode(header.value).decode()}
