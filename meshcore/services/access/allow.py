"""Whether somebody may ask something of the mesh, as RBAC has it: a SubjectAccessReview, remembered for seconds.

serve.py asks it for every namespace that a question touches. That the API server cannot be asked is no verdict: nobody
is told that they may not, and nobody is let through.
"""

import grpc

from meshcore.kube.act import Act
from meshcore.kube.failure import KubeError
from meshcore.kube.objects import OBSERVE_GROUP
from meshcore.kube.review import Reviews, User
from meshcore.services.access.form import Refusal


class Rbac:
    """Says why a person may not ask something; `again` is what to do where that cannot be found out for now."""

    def __init__(self, reviews: Reviews, again: str) -> None:
        self._reviews = reviews
        self._again = again

    async def allowed(self, user: User, verb: str, resource: str, namespace: str) -> str:
        """Return why somebody may not ask something; empty: they may. Raises Refusal where nobody knows."""
        act = Act(verb, OBSERVE_GROUP, resource, namespace)
        try:
            verdict = await self._reviews.access(user, act)
        except KubeError as error:
            raise Refusal(
                grpc.StatusCode.UNAVAILABLE,
                f"whether {user.name} may {act} cannot be found out now: {error}",
                self._again if error.lost else error.hint,
            ) from None
        return "" if verdict.allowed else verdict.reason or "no role allows it"
