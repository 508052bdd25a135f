"""What the gRPC services see of a question that came over HTTP: just the two calls that they make to refuse one."""

from collections.abc import Sequence
from typing import NoReturn

import grpc

from meshcore.client.failure import HINT
from meshcore.services.access.form import Refusal


class Context:
    """Stands for grpc.aio.ServicerContext."""

    def __init__(self) -> None:
        self._hint = ""

    def set_trailing_metadata(self, metadata: Sequence[tuple[str, str | bytes]]) -> None:
        for key, value in metadata:
            if key == HINT:
                self._hint = value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: object = ()) -> NoReturn:
        raise Refusal(code, details, self._hint)
