"""FaultInjection: a share of requests that is delayed or answered with an error on purpose, to see who bears it."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from meshcore.kinds.fault import Fault
from meshcore.kinds.shape import Duration, Share, Struct, TargetRef, described


class Delay(Struct, frozen=True, kw_only=True):
    """Hold a request back."""

    fixed: Annotated[Duration, described("So long.")]
    jitter: Annotated[Duration, described("And up to so long more, at random.")] | None = None
    share: Annotated[Share, described("Of so many requests; default: that of the whole.")] | None = None


class Abort(Struct, frozen=True, kw_only=True):
    """Answer a request with an error, without asking the server."""

    http_status: Annotated[Annotated[int, Meta(ge=200, le=599)], described("With this HTTP status.")] | None = None
    grpc_status: (
        Annotated[Annotated[int, Meta(ge=0, le=16)], described("With this gRPC status, where the request is gRPC.")]
        | None
    ) = None
    share: Annotated[Share, described("Of so many requests; default: that of the whole.")] | None = None

    def faults(self) -> Iterator[Fault]:
        if self.http_status is None and self.grpc_status is None:
            yield Fault((), "says not with what", "give httpStatus, grpcStatus or both")


class FaultInjection(Struct, frozen=True, kw_only=True):
    """Requests that are delayed or answered with an error on purpose."""

    target_ref: Annotated[TargetRef, described("Whose requests, and which.")]
    delay: Annotated[Delay, described("Hold them back.")] | None = None
    abort: Annotated[Abort, described("Answer them with an error.")] | None = None
    share: Annotated[Share, described("Of so many requests, at random, 0 to 1; default: 1, all.")] = 1.0

    def faults(self) -> Iterator[Fault]:
        if self.delay is None and self.abort is None:
            yield Fault((), "injects nothing", "give delay, abort or both")
