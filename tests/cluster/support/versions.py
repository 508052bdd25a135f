"""A process of ours as another version of it would be: other protocol numbers, and fields that this one does not know.

`python -m tests.cluster.support.versions PROTOCOL OLDEST MODULE ARGUMENT…` runs a module so. Every message that it
sends has a field more than the definitions say, as a later version's would; an OLDEST of 0 is left out, as an earlier
one's.
"""

import runpy
import sys
from collections.abc import Callable
from typing import Any

import grpc

from agents.sidecar.feeds.call import Call
from meshcore.wire import version

NEW = b"\xa2\x38\x03new"  # field 900, three bytes


def of_sidecar() -> None:
    """Have a sidecar's messages bear the new field."""
    write = Call.write

    async def written(self: Call[Any], message: bytes, *, end: bool = False) -> None:
        await write(self, message + NEW, end=end)

    Call.write = written  # type: ignore[method-assign]


def of_control_plane() -> None:
    """Have a control plane's answers bear it, to sidecars and to other replicas."""
    for kind in ("unary_unary", "unary_stream", "stream_stream"):
        name = f"{kind}_rpc_method_handler"
        setattr(grpc, name, _adding(getattr(grpc, name)))


def _adding(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(behaviour: Any, request_deserializer: Any = None, response_serializer: Any = None) -> Any:
        return make(behaviour, request_deserializer, lambda message: response_serializer(message) + NEW)

    return made


def main(protocol: str, oldest: str, module: str, *arguments: str) -> None:
    version.PROTOCOL, version.OLDEST = int(protocol), int(oldest)
    version.VERSION = f"0.{protocol}.0"
    if module != "meshtui":  # which only asks
        (of_sidecar if module == "agents" else of_control_plane)()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
