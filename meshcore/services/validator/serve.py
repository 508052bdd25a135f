"""The validator over HTTP: the API server asks of every change of our kinds.

The server puts `Validator().validate` on the webhooks' port. What is decided is review.py's. A failure here lets the
object pass with a warning: a policy that is not checked is better than one that cannot be changed.
"""

import json
import logging

from aiohttp import web

from meshcore.services.validator.review import ReviewError, Verdict, request_of, review

log = logging.getLogger("meshcore.validator")

PATH = "/validate"
FAILED = "it was not checked: the validator failed; its log says more"


class Validator:
    """Answers the validating webhook."""

    def __init__(self) -> None:
        self.requests = 0
        self.refused = 0

    async def validate(self, request: web.Request) -> web.Response:
        """Answer an AdmissionReview."""
        self.requests += 1
        try:
            asked = request_of(json.loads(await request.read()))
        except (ValueError, RecursionError, ReviewError) as error:
            log.warning("an admission request cannot be read", extra={"fields": {"reason": str(error)}})
            return web.json_response({"message": str(error)}, status=400)
        try:
            verdict = review(asked)
        except Exception:
            log.exception("an object went on without a verdict")
            verdict = Verdict(str(asked["uid"]), "it", warning=FAILED)
        self.refused += bool(verdict.faults)
        return web.json_response(verdict.response())
