"""The data plane: pods with a sidecar, as the control plane knows them; pure."""

from collections.abc import Iterator

from meshcore.inject.names import ENABLED, INJECT
from meshcore.wire.control_pb2 import CheckItem
from meshcore.wire.discovery_pb2 import SUCCEEDED, Pod
from meshtui.model.check import bad, good, judge, some, warn, weak
from meshtui.sources.checks.facts import Facts, unseen


def workloads(facts: Facts) -> Iterator[CheckItem]:
    """Yield the category; without a pod there is nothing more to say."""
    where = f"namespace {facts.namespace}" if facts.namespace else "the cluster"
    what = f"pods of {where} have sidecars"
    if facts.pods.value is None:
        yield unseen(what, facts.pods) or bad(what, "the control plane does not say", "`meshtui check` looks at it")
        return
    pods = [pod for pod in facts.pods.value if pod.meshed and pod.status.phase != SUCCEEDED]
    if not pods:
        space = facts.namespace or "NAME"
        hint = (
            f"`kubectl annotate namespace {space} {INJECT}={ENABLED}`, then `kubectl rollout restart deploy -n {space}`"
        )
        yield weak(what, "none has", hint)
        return
    yield good(f"{what} ({len(pods)})")
    idle = [f"{name(pod)}{pod.status.message and f' ({pod.status.message})'}" for pod in pods if not pod.status.ready]
    yield judge(
        "they are ready",
        f"not ready: {some(idle)}" if idle else "",
        "`kubectl describe pod NAME` says what it waits for",
    )
    log = "`kubectl logs POD -c meshtui-proxy` says why"
    lost = [name(pod) for pod in pods if pod.status.ready and not pod.uplink]
    yield judge("their sidecars are connected", f"no uplink from {some(lost)}" if lost else "", log)
    now_ms = facts.now.timestamp() * 1000
    ended = [name(pod) for pod in pods if pod.uplink and 0 < pod.proxy.cert_not_after_ms < now_ms]
    yield judge("their certificates are valid", f"expired: {some(ended)}" if ended else "", log)
    version = facts.hello.value.version if facts.hello.value is not None else ""
    other = [f"{name(pod)} ({pod.proxy_version})" for pod in pods if pod.uplink and pod.proxy_version != version]
    yield warn(
        "their sidecars are of the control plane's version",
        f"not {version}: {some(other)}" if other else "",
        "`kubectl rollout restart deploy -n NAMESPACE` gives them the new one",
    )


def name(pod: Pod) -> str:
    return f"{pod.status.namespace}/{pod.status.pod}"
