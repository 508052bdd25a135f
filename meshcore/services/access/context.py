"""What the gRPC services see of a question that came over HTTP: just the two calls that they make to refuse one."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import grpc

from meshcore.client.failure import HINT, HINT_ELSEWHERE
from meshcore.services.access.form import Refusal


class Context:
    """Stands for grpc.aio.ServicerContext. `everywhere()` tells whether who asks may ask it of all namespaces."""

    def __init__(self, everywhere: Callable[[], Awaitable[bool]]) -> None:
        self._everywhere = everywhere
        self._hint = ""
        self._elsewhere = False

    def set_trailing_metadata(self, metadata: Sequence[tuple[str, str | bytes]]) -> None:
        for key, value in metadata:
            if key in (HINT, HINT_ELSEWHERE):
                self._elsewhere = key == HINT_ELSEWHERE
                self._hint = value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: object = ()) -> NoReturn:
        """Refuse; who may not ask everywhere is not told what other namespaces hold."""
        if self._elsewhere and not await self._everywhere():
            raise Refusal(code, details)
        raise Refusal(code, details, self._hint)
