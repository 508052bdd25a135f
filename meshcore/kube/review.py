"""Asking the API server who somebody is, and what they may do: TokenReview and SubjectAccessReview.

The identity service asks the first for each sidecar's token, the aggregated API the second for each person's request;
`check` asks what its own user may. Answers are remembered for seconds; tokens only as their hash.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshcore.kube.act import Act
from meshcore.kube.memo import Memo
from meshcore.kube.objects import ACCESS_REVIEWS, SELF_ACCESS_REVIEWS, TOKEN_REVIEWS, Object
from meshcore.kube.session import Session

ALLOWED_S = 10.0
DENIED_S = 3.0  # a person who was just given a right tries again
KNOWN_S = 10.0
UNKNOWN_S = 1.0

Extra = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody, as the API server knows them."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Extra = ()

    @property
    def service_account(self) -> tuple[str, str] | None:
        """Return the namespace and name of a service account; None for people and nodes."""
        parts = self.name.split(":")
        return (parts[2], parts[3]) if len(parts) == 4 and parts[:2] == ["system", "serviceaccount"] else None

    def said(self, name: str) -> str:
        """Return the first value of an extra, such as authentication.kubernetes.io/pod-name."""
        return next((values[0] for key, values in self.extra if key == name and values), "")


@dataclass(frozen=True, slots=True)
class Identified:
    """What a token turned out to be: somebody's, for these audiences; or nobody's, and why."""

    user: User | None
    audiences: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is allowed, and what the authorizer said about it."""

    allowed: bool
    reason: str = ""


@dataclass(slots=True)
class Reviews:
    """The reviews of one session, with their memory."""

    session: Session
    now: Callable[[], float] = time.monotonic
    _tokens: Memo[Identified] = field(init=False)
    _acts: Memo[Verdict] = field(init=False)

    def __post_init__(self) -> None:
        self._tokens = Memo(lambda found: KNOWN_S if found.user else UNKNOWN_S, now=self.now)
        self._acts = Memo(lambda verdict: ALLOWED_S if verdict.allowed else DENIED_S, now=self.now)

    async def token(self, token: str, audiences: Sequence[str]) -> Identified:
        """Return whose token this is, if it was made for one of the audiences; raises KubeError."""
        wanted = tuple(audiences)
        question = (hashlib.sha256(token.encode()).digest(), wanted)

        async def ask() -> Identified:
            spec = {"token": token, "audiences": list(wanted)}
            return identified(await self.session.create(TOKEN_REVIEWS.path(), review(TOKEN_REVIEWS, spec)), wanted)

        return await self._tokens.get(question, ask)

    async def access(self, user: User, act: Act) -> Verdict:
        """Return whether somebody may do something; raises KubeError."""

        async def ask() -> Verdict:
            spec: dict[str, Any] = {
                "user": user.name,
                "groups": list(user.groups),
                "resourceAttributes": attributes(act),
            }
            if user.uid:
                spec["uid"] = user.uid
            if user.extra:
                spec["extra"] = {name: list(values) for name, values in user.extra}
            return verdict(await self.session.create(ACCESS_REVIEWS.path(), review(ACCESS_REVIEWS, spec)))

        return await self._acts.get((user, act), ask)

    async def mine(self, act: Act) -> Verdict:
        """Return whether the session's own user may do something; raises KubeError."""

        async def ask() -> Verdict:
            spec = {"resourceAttributes": attributes(act)}
            return verdict(await self.session.create(SELF_ACCESS_REVIEWS.path(), review(SELF_ACCESS_REVIEWS, spec)))

        return await self._acts.get(act, ask)

    async def all_mine(self, acts: Sequence[Act]) -> dict[Act, Verdict]:
        """Return the same for many acts, a few at a time; raises KubeError."""
        few = asyncio.Semaphore(16)

        async def one(act: Act) -> Verdict:
            async with few:
                return await self.mine(act)

        return dict(zip(acts, await asyncio.gather(*map(one, acts)), strict=True))


def review(kind: Any, spec: Mapping[str, Any]) -> Object:
    """Return a review to be posted: it has no name and is kept nowhere."""
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {}, "spec": spec}


def attributes(act: Act) -> dict[str, str]:
    """Return an act as reviews name it."""
    said = {
        "verb": act.verb,
        "group": act.group,
        "resource": act.resource,
        "subresource": act.sub,
        "namespace": act.namespace,
        "name": act.name,
    }
    return {name: value for name, value in said.items() if value}


def identified(reviewed: Mapping[str, Any], wanted: Sequence[str]) -> Identified:
    """Return what a TokenReview says. A server that does not know audiences vouches for none of ours."""
    status = reviewed.get("status") or {}
    if not status.get("authenticated"):
        return Identified(None, reason=" ".join(str(status.get("error") or "the token is not valid").split()))
    audiences = tuple(status.get("audiences") or ())
    if wanted and not set(wanted) & set(audiences):
        return Identified(None, audiences, f"the token is not for {' or '.join(wanted)}")
    said = status.get("user") or {}
    extra = tuple(sorted((name, tuple(values)) for name, values in (said.get("extra") or {}).items()))
    user = User(said.get("username") or "", said.get("uid") or "", tuple(said.get("groups") or ()), extra)
    return Identified(user if user.name else None, audiences, "" if user.name else "the token names nobody")


def verdict(reviewed: Mapping[str, Any]) -> Verdict:
    """Return what an access review says; `denied` beats `allowed`, and an error in between is part of the reason."""
    status = reviewed.get("status") or {}
    allowed = status.get("allowed") is True and not status.get("denied")
    reason = " ".join(str(status.get(name)) for name in ("reason", "evaluationError") if status.get(name))
    return Verdict(allowed, " ".join(reason.split()))
