"""Two replicas of the control plane: either answers for all sidecars, and the loss of one loses nobody's figures."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from meshcore.wire.version import OLDEST, PROTOCOL, VERSION
from tests.cluster.api.test_mesh import ROOT, pods_of
from tests.cluster.api.test_plane import deployment
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import NAMESPACE, Mesh
from tests.cluster.support.people import meshtui
from tests.cluster.support.replicas import Replicas
from tests.cluster.support.replicas import replicas as running
from tests.cluster.support.sidecar import Sidecar, workload
from tests.cluster.support.wait import until
from tests.cluster.tools.find import need_program

WAIT_S = 60


@pytest.fixture(scope="module")
def replicas(
    cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicas]:
    with (
        kept_if_failed(request.session, tmp_path_factory.mktemp("replicas")) as folder,
        running(cluster, folder) as found,
    ):
        yield found


class Shop:
    """Two workloads, `web` at the first replica and `api` at the second, and what was asked of them."""

    def __init__(self, replicas: Replicas, namespace: str, web: Sidecar, api: Sidecar) -> None:
        self.replicas = replicas
        self.namespace = namespace
        self.sidecars = {"web": web, "api": api}
        self.sent = {"web": 0, "api": 0}

    def call(self, name: str, path: str = "/", times: int = 1) -> None:
        for _ in range(times):
            assert self.sidecars[name].call(path) == 200
            self.sent[name] += 1

    def ask(self, resource: str, query: str = "") -> dict[str, Any]:
        path = f"{ROOT}/namespaces/{self.namespace}/{resource}{query}"
        found: dict[str, Any] = json.loads(self.replicas.cluster.kubectl("get", "--raw", path))
        return found

    def counts(self) -> dict[str, int]:
        rows = self.ask("stats", "?kind=deployment&window=10m")["rows"]
        return {row["resource"]["name"]: int((row.get("http") or {}).get("success", 0)) for row in rows}

    def counted(self, mesh: Mesh) -> dict[str, int]:
        """Return what a replica says once it has counted everything that was sent."""
        self.replicas.ask(mesh)
        found: dict[str, int] = {}

        def whole() -> bool:
            nonlocal found
            found = self.counts()
            return found == self.sent

        until(whole, WAIT_S, f"{self.sent} at {mesh.pod}")
        return found


@pytest.fixture
def shop(cluster: Cluster, replicas: Replicas, namespace: str) -> Iterator[Shop]:
    cluster.apply(deployment("web"), deployment("api"), namespace=namespace)
    names = {
        each["metadata"]["name"].split("-")[0]: each["metadata"]["name"] for each in pods_of(cluster, namespace, 2)
    }
    with (
        workload(replicas.first, namespace, "web", names["web"]) as web,
        workload(replicas.second, namespace, "api", names["api"]) as api,
    ):
        yield Shop(replicas, namespace, web, api)
    replicas.ask(replicas.first)


def test_either_replica_answers_for_the_sidecars_of_both(cluster: Cluster, replicas: Replicas, shop: Shop) -> None:
    shop.call("web", times=8)
    shop.call("api", times=5)
    for mesh in replicas.meshes:
        assert shop.counted(mesh) == {"web": 8, "api": 5}
        pods = {one["status"]["name"]: one for one in shop.ask("meshedpods")["pods"]}
        assert {name: pod["uplink"] for name, pod in pods.items()} == {"web": True, "api": True}
        assert all(pod["proxy"]["rssBytes"] != "0" for pod in pods.values())
        edges = shop.ask("edges", "?kind=deployment&window=10m")["edges"]
        assert {edge["dst"]["name"] for edge in edges} == {"web", "api"}
        status = shop.ask("meshstatus")
        assert (status["uplinks"], status["replicas"], status["note"]) == (2, 2, "")
    # What one writer has to do is the Lease's holder's.
    lease = cluster.get(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/meshtui-control-plane")
    assert lease["spec"]["holderIdentity"] in {mesh.pod for mesh in replicas.meshes}


class Tap:
    """A person's tap through the API server."""

    def __init__(self, shop: Shop, name: str) -> None:
        path = f"{ROOT}/watch/namespaces/{shop.namespace}/taps?kind=deployment&name={name}&maxRps=1000"
        admin = str(shop.replicas.cluster.plane.admin)
        self.answers: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [need_program("kubectl"), "--kubeconfig", admin, "get", "--raw", path], stdout=subprocess.PIPE, text=True
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip():
                self.answers.append(json.loads(line))

    @property
    def sidecars(self) -> int:
        return int(self.answers[-1]["sidecars"]) if self.answers else 0

    def saw(self, path: str) -> int:
        events = [event for answer in list(self.answers) for event in answer.get("events") or ()]
        return sum((event.get("requestInit") or {}).get("path") == path for event in events)

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=60)


def test_one_is_killed_and_counts_do_not_fall_and_the_tap_goes_on(
    cluster: Cluster, replicas: Replicas, shop: Shop
) -> None:
    shop.call("web", times=3)
    shop.call("api", times=4)
    shop.counted(replicas.second)
    before = shop.counted(replicas.first)
    tap = Tap(shop, "api")
    try:
        until(lambda: tap.sidecars == 1, WAIT_S, "a tap at the other replica")
        shop.call("api", "/before")
        until(lambda: tap.saw("/before") == 1, WAIT_S, "a tapped request")
        replicas.second.end(kill=True)

        def seen() -> bool:
            """Go on asking and looking; what was counted stays counted."""
            nonlocal before
            shop.call("api", "/after")
            shop.call("web")
            now = shop.counts()
            assert all(now[name] >= before[name] for name in before), (before, now)
            before = now
            return tap.saw("/after") > 0

        until(seen, WAIT_S, "the tap at the sidecar's new replica")
        note = "1 of 2 replicas did not answer"
        until(lambda: shop.ask("stats")["note"] == note, WAIT_S, "a note")
        assert shop.counted(replicas.first) == shop.sent
        assert tap.answers[-1]["note"] in ("", note)
        replicas.vanish(replicas.second)
        until(lambda: shop.ask("meshstatus")["note"] == "", WAIT_S, "no note")
        assert shop.ask("meshstatus")["uplinks"] == 2
    finally:
        tap.close()
    # A new replica knows what was counted before it began, also of sidecars that it never held.
    replicas.appear(replicas.second)
    replicas.second.start()
    assert shop.counted(replicas.second) == shop.sent


def test_a_replica_that_hangs_holds_up_nobody(replicas: Replicas, shop: Shop) -> None:
    shop.call("web", times=2)
    shop.call("api", times=2)
    shop.counted(replicas.first)
    with replicas.second.hung():
        note = "1 of 2 replicas did not answer"
        until(lambda: shop.ask("stats")["note"] == note, WAIT_S, "a note")
        for resource in ("stats", "edges", "meshedpods", "meshstatus"):
            began = time.monotonic()
            assert replicas.cluster.get(f"{ROOT}/namespaces/{shop.namespace}/{resource}")["note"] == note
            assert time.monotonic() - began < 10
        done = meshtui("stat", "deploy", "-n", shop.namespace, kubeconfig=replicas.cluster.plane.admin)
        assert "web" in done.stdout
        assert done.stderr == f"{note}: what their sidecars told last may be missing\n"
        check = next(
            item
            for category in replicas.cluster.get(f"{ROOT}/checks")["categories"]
            for item in category["checks"]
            if item["description"] == "all replicas of the control plane answer each other"
        )
        assert (check["result"], check["error"]) == ("CHECK_WARNING", note)
        replicas.lead(past=replicas.second)
        shop.call("api")
        shop.counted(replicas.first)  # its sidecar has noticed, too, and come over
    replicas.lead()
    until(lambda: shop.ask("stats")["note"] == "", WAIT_S, "no note")
    shop.call("api")
    shop.counted(replicas.second)


NOW, NEXT, LAST = (PROTOCOL, OLDEST), (PROTOCOL + 1, PROTOCOL), (PROTOCOL, 0)
FAR = (PROTOCOL + 2, PROTOCOL + 2)


def test_a_rolling_upgrade_has_sidecars_one_version_apart_on_either_side(
    cluster: Cluster, replicas: Replicas, namespace: str
) -> None:
    replicas.second.end()
    replicas.second.speaks = NEXT
    replicas.second.start()
    cluster.apply(deployment("web"), deployment("api"), namespace=namespace)
    names = {
        each["metadata"]["name"].split("-")[0]: each["metadata"]["name"] for each in pods_of(cluster, namespace, 2)
    }
    with (
        workload(replicas.second, namespace, "web", names["web"], speaks=LAST) as web,  # older than its control plane
        workload(replicas.first, namespace, "api", names["api"], speaks=NEXT) as api,  # newer
        workload(replicas.first, namespace, "far", "far-0", speaks=FAR, ready=False) as far,
    ):
        shop = Shop(replicas, namespace, web, api)
        shop.call("web", times=4)
        shop.call("api", times=6)
        for mesh in replicas.meshes:
            shop.counted(mesh)
            status = shop.ask("meshstatus")
            assert (status["uplinks"], status["replicas"]) == (2, 2)
        line = (
            f"this control plane ({VERSION}) speaks wire protocol {OLDEST} to {PROTOCOL}, the sidecar "
            f"(0.{FAR[0]}.0) {FAR[0]}; upgrade one version at a time"
        )
        until(lambda: line in far.log.read_text(), WAIT_S, "a line of the sidecar that is too far ahead")
        # The replica that is replaced last takes its sidecars' figures nowhere.
        replicas.first.end()
        replicas.ask(replicas.second)
        shop.call("api")
        assert shop.counted(replicas.second) == {"web": 4, "api": 7}
        assert far.log.read_text().count(line) == 1
    replicas.first.start()
