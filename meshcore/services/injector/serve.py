"""The injector over HTTP: the API server asks of every new pod, and is answered in time whatever happens here.

The server puts `Injector(...).mutate` on the webhooks' port. What a pod is given is decided by the pure files beside
this one and by meshcore.inject; what was decided is counted and told as an event on the pod's owner.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from meshcore.inject.settings import Settings
from meshcore.services.injector.review import ReviewError, Verdict, request_of, review

log = logging.getLogger("meshcore.injector")

PATH = "/mutate"
NAMESPACE_S = 3.0  # a namespace that was made a moment ago is asked for; the pod goes on without it after this
BODY_LIMIT = 8 << 20

Told = Callable[[Verdict], None]


class Injector:
    """Answers the mutating webhook.

    `settings()` is None as long as there are none that can be used, `anchors()` the trust anchors as PEM,
    `namespace(name)` a namespace's annotations, `told` hears every verdict, `sleeps` is review's.
    """

    def __init__(
        self,
        *,
        settings: Callable[[], Settings | None],
        anchors: Callable[[], str],
        namespace: Callable[[str], Awaitable[Mapping[str, str]]],
        told: Told,
        sleeps: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._anchors = anchors
        self._namespace = namespace
        self._told = told
        self._sleeps = sleeps
        self.requests = 0
        self.verdicts: Counter[str] = Counter()  # by event

    async def mutate(self, request: web.Request) -> web.Response:
        """Answer an AdmissionReview."""
        self.requests += 1
        try:
            asked = request_of(json.loads(await request.read()))
        except (ValueError, ReviewError) as error:
            log.warning("an admission request cannot be read", extra={"fields": {"reason": str(error)}})
            return web.json_response({"message": str(error)}, status=400)
        try:
            verdict = await self._decide(asked)
        except Exception:
            log.exception("a pod went on without a verdict")
            pod = asked.get("object")
            verdict = Verdict(
                str(asked["uid"]),
                str(asked.get("namespace", "")),
                pod if isinstance(pod, dict) else {},
                [],
                "the injector failed; its log says more",
                True,
            )
        self.verdicts[verdict.event] += 1
        self._told(verdict)
        return web.json_response(verdict.response())

    async def _decide(self, asked: Mapping[str, object]) -> Verdict:
        settings = self._settings()
        if settings is None:
            pod = asked.get("object")
            found = pod if isinstance(pod, dict) else {}
            reason = "the injector has no settings it can use; see ConfigMap meshtui-config"
            return Verdict(str(asked["uid"]), str(asked.get("namespace", "")), found, [], reason, True)
        async with asyncio.timeout(NAMESPACE_S):
            namespace = await self._namespace(str(asked.get("namespace", "")))
        return review(asked, namespace, settings, self._anchors(), sleeps=self._sleeps())
