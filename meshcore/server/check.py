"""What only the control plane can find wrong: its checks by category, each failure with what to do about it.

Pure: plane.py gathers the facts, Control.Check sends the answer, `meshtui check` prints it beside its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from meshcore.inject.names import COMPONENT, CONTROLLER
from meshcore.wire.control_pb2 import (
    CHECK_ERROR,
    CHECK_SUCCESS,
    CHECK_WARNING,
    CheckCategory,
    CheckItem,
    CheckResponse,
    CheckResult,
)
from meshcore.wire.discovery_pb2 import FAILING, SUCCEEDED, Pod
from meshcore.wire.version import VERSION

ANCHOR_LEFT = timedelta(days=60)
STALE_MS = 5_000
AHEAD_MS = 2_000
_ROTATE = "set the clock, or replace the anchor: `meshtui identity rotate` prints the steps"
_LOG = "`kubectl logs POD -c meshtui-proxy` says why"
NAMED = 5  # so many culprits are named, the rest counted


@dataclass(frozen=True, slots=True)
class Span:
    """How long a certificate is valid."""

    start: datetime
    end: datetime

    def holds(self, now: datetime) -> bool:
        return self.start <= now < self.end


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the checks look at."""

    now: datetime
    anchors: Sequence[Span]
    issuer: Span
    serving: Span
    authority_problem: str  # why the authority's files are not in force
    pods: Sequence[Pod]
    policy_file: str
    policy_problem: str
    cluster: bool = False
    silent: str = ""  # which replicas of the control plane do not answer

    def hint(self, here: str, there: str) -> str:
        """Return the next step on a machine, or the one in a cluster."""
        return there if self.cluster else here


def check(facts: Facts) -> CheckResponse:
    """Return every category."""
    rooms = (
        ("meshtui-identity", _identity),
        ("meshtui-discovery", _discovery),
        ("meshtui-policy", _policy),
        ("meshtui-stats", _stats),
        ("meshtui-tap", _tap),
    )
    return CheckResponse(categories=[CheckCategory(name=name, checks=room(facts)) for name, room in rooms])


def _identity(facts: Facts) -> Iterator[CheckItem]:
    now = facts.now
    bad = [span for span in facts.anchors if not span.holds(now)]
    yield _item(
        "trust anchors are within their validity period",
        f"{len(bad)} of {len(facts.anchors)} are not valid at {now:%Y-%m-%d %H:%M} UTC" if bad else "",
        facts.hint("set the clock, or start the mesh again: `meshtui down`, `meshtui up`", _ROTATE),
    )
    latest = max((span.end for span in facts.anchors), default=now)
    yield _item(
        "trust anchors are valid for at least 60 days",
        f"the last one ends on {latest:%Y-%m-%d}" if latest - now < ANCHOR_LEFT else "",
        facts.hint("start the mesh again to get a new anchor: `meshtui down`, `meshtui up`", _ROTATE),
        CHECK_WARNING,
    )
    yield _item(
        "issuer certificate is within its validity period",
        "" if facts.issuer.holds(now) else f"it is valid from {facts.issuer.start} to {facts.issuer.end}",
        facts.hint(
            "put a valid issuer.pem and issuer.key into the mesh's ca folder; they are taken up at once",
            "put a valid issuer into Secret meshtui-identity-issuer; it is taken up at once",
        ),
    )
    yield _item(
        "issuer and anchors on disk are in force",
        facts.authority_problem,
        facts.hint(
            "correct the files in the mesh's ca folder; what was good before goes on until then",
            "correct Secret meshtui-identity-issuer or ConfigMap meshtui-trust-anchors; what was good goes on",
        ),
    )
    yield _item(
        "control plane's own certificate is valid",
        "" if facts.serving.holds(now) else f"it ended at {facts.serving.end}",
        "look for errors in the control plane's log",
    )
    ended = [
        _name(pod) for pod in facts.pods if pod.uplink and 0 < pod.proxy.cert_not_after_ms < now.timestamp() * 1000
    ]
    yield _item(
        "sidecars' certificates are valid",
        f"expired: {_some(ended)}" if ended else "",
        facts.hint("see the sidecar's log for why it cannot renew: `meshtui logs NAME --proxy`", _LOG),
    )
    ahead = [_name(pod) for pod in facts.pods if pod.proxy.time_ms > now.timestamp() * 1000 + AHEAD_MS]
    yield _item(
        "clocks of the sidecars agree with the control plane's",
        f"ahead of it by more than {AHEAD_MS // 1000} s: {_some(ahead)}" if ahead else "",
        "synchronise the clocks (NTP)",
    )


def _discovery(facts: Facts) -> Iterator[CheckItem]:
    lost = [_name(pod) for pod in facts.pods if pod.meshed and not pod.uplink and pod.status.phase != SUCCEEDED]
    yield _item(
        "every sidecar is connected",
        f"no uplink from {_some(lost)}" if lost else "",
        facts.hint("see why in its log: `meshtui logs NAME --proxy`; `meshtui ps` shows restarts", _LOG),
    )
    other = [f"{_name(pod)} ({pod.proxy_version})" for pod in facts.pods if pod.uplink and pod.proxy_version != VERSION]
    yield _item(
        "sidecars run the control plane's version",
        f"not {VERSION}: {_some(other)}" if other else "",
        facts.hint(
            "restart the workloads: `meshtui down`, `meshtui up`",
            "restart the workloads: `kubectl rollout restart deploy -n NAMESPACE`",
        ),
        CHECK_WARNING,
    )
    failing = [f"{_name(pod)} ({pod.status.message or 'failing'})" for pod in facts.pods if pod.status.phase == FAILING]
    yield _item(
        "no workload is failing",
        _some(failing),
        facts.hint("see its last lines: `meshtui logs NAME`", "`kubectl describe pod NAME` says what it lacks"),
    )


def _policy(facts: Facts) -> Iterator[CheckItem]:
    what = f"policy file {facts.policy_file} is valid" if facts.policy_file else "policy file is valid (none given)"
    yield _item(what, facts.policy_problem, "correct the line; the last good policy stays in force until then")


def _stats(facts: Facts) -> Iterator[CheckItem]:
    now_ms = facts.now.timestamp() * 1000
    # One that has just connected may not have had its first second yet.
    due = [pod for pod in facts.pods if pod.uplink and now_ms - pod.uplink_since_ms > STALE_MS]
    stale = [_name(pod) for pod in due if now_ms - pod.proxy.time_ms > STALE_MS]
    yield _item(
        "every connected sidecar reports its counters",
        f"nothing for {STALE_MS // 1000} s from {_some(stale)}" if stale else "",
        facts.hint("see the sidecar's log: `meshtui logs NAME --proxy`", _LOG),
    )
    if facts.cluster:
        yield _item(
            "all replicas of the control plane answer each other",
            facts.silent,
            f"`kubectl get pods -A -l {COMPONENT}={CONTROLLER}` and their logs say why",
            CHECK_WARNING,
        )


def _tap(facts: Facts) -> Iterator[CheckItem]:
    dropped = [f"{_name(pod)} ({pod.proxy.tap_dropped})" for pod in facts.pods if pod.proxy.tap_dropped]
    yield _item(
        "no tap events were dropped",
        f"dropped by {_some(dropped)}" if dropped else "",
        "narrow the tap by --method, --path or --status, or raise --max-rps",
        CHECK_WARNING,
    )


def _item(description: str, error: str, hint: str, worst: CheckResult.ValueType = CHECK_ERROR) -> CheckItem:
    if not error:
        return CheckItem(description=description, result=CHECK_SUCCESS)
    return CheckItem(description=description, result=worst, error=error, hint=hint)


def _name(pod: Pod) -> str:
    return f"{pod.status.namespace}/{pod.status.pod}"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
