"""The categories that come first: whether the API server answers, to whom, and whether it is recent enough; pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from meshcore.kube.objects import metadata_of
from meshcore.kube.version import version_of
from meshcore.wire.control_pb2 import CheckItem
from meshtui.model.check import bad, good, judge, weak
from meshtui.sources.checks.facts import Facts, unseen

OLDEST = (1, 29)  # the first whose native sidecars are on by default
SKEW = timedelta(seconds=20)  # so far ahead of its issuer a certificate may seem


def reached(facts: Facts) -> Iterator[CheckItem]:
    """The API server answers, and knows who asks."""
    what = "the API server can be asked"
    for seen in (facts.me, facts.version):
        if seen.failure is not None:
            yield bad(what, seen.failure.message, seen.failure.hint)
            return
    yield good(f"{what} ({facts.where})")
    user = (((facts.me.value or {}).get("status") or {}).get("userInfo") or {}).get("username")
    if user:
        yield good(f"it knows who asks ({user})")


def recent(facts: Facts) -> Iterator[CheckItem]:
    """The API server's version."""
    wanted = ".".join(map(str, OLDEST))
    what = f"Kubernetes is {wanted} or newer"
    item = unseen(what, facts.version)
    if item is not None:
        yield item
        return
    found = facts.version.value or {}
    said, version = str(found.get("gitVersion") or ""), version_of(found)
    if version is None:
        yield weak(what, f"it calls itself {said or 'nothing'}", "`kubectl version` shows what it is")
        return
    old = version < OLDEST
    error = f"it is {said}: sidecars start before the containers they serve from {wanted} on" if old else ""
    hint = "upgrade the cluster, or install with --set proxy.nativeSidecar=false, where jobs do not end by themselves"
    yield judge(what if old else f"{what} ({said})", error, hint)


def clock(facts: Facts) -> Iterator[CheckItem]:
    """This machine's clock against the API server's, which stamps what it is asked."""
    stamp = metadata_of(facts.me.value or {}).get("creationTimestamp")
    if not stamp:
        return
    there = datetime.strptime(str(stamp), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    apart = abs(facts.now - there) - timedelta(seconds=1)  # it says whole seconds
    error = f"they are {apart.total_seconds():.0f} s apart" if apart > SKEW else ""
    yield judge(
        "the clocks here and there agree", error, "synchronise them (NTP): certificates made here would not hold there"
    )
