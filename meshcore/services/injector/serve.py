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
    `namespace(name)` what a namespace wants, `told` hears every verdict, `sleeps` is review's.
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
        except (ValueError, RecursionError, ReviewError) as error:
            log.warning("an admission request cannot be read", extra={"fields": {"reason": str(error)}})
            return web.json_response({"message": str(error)}, status=400)
        try:
            verdict = await self._decide(asked)
        except Exception:
            log.exception("a pod went on without a verdict")
            verdict = _without(asked, "the injector failed; its log says more")
        self.verdicts[verdict.event] += 1
        try:
            if not asked.get("dryRun"):  # which has no side effects, Events among them
                self._told(verdict)
        except Exception:
            log.exception("a verdict could not be told")
        return web.json_response(verdict.response())

    async def _decide(self, asked: Mapping[str, object]) -> Verdict:
        settings = self._settings()
        if settings is None:
            return _without(asked, "the injector has no settings it can use; see ConfigMap meshtui-config")
        where = str(asked.get("namespace", ""))
        try:
            async with asyncio.timeout(NAMESPACE_S):
                namespace = await self._namespace(where)
        except TimeoutError:
            return _without(asked, f"what namespace {where} asks for could not be read in time")
        return review(asked, namespace, settings, self._anchors(), sleeps=self._sleeps())


def _without(asked: Mapping[str, object], reason: str) -> Verdict:
    """Return the verdict on a pod that goes on as it came, and of which that is not known to be right."""
    pod = asked.get("object")
    found = pod if isinstance(pod, dict) else {}
    return Verdict(str(asked["uid"]), str(asked.get("namespace", "")), found, [], reason, True)
