"""A mesh made of reports: sidecars that say what a test lets them have seen, and the inventory beside them.

For tests of stats, and of whatever asks stats.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from meshcore.services.stats.edges import edges
from meshcore.services.stats.intake import Intake, Uplink
from meshcore.services.stats.query import stat
from meshcore.services.stats.ring import Ring
from meshcore.services.stats.rollup import Rollup
from meshcore.services.stats.roster import Roster
from meshcore.wire import buckets, common_pb2, discovery_pb2, stats_pb2

NOW = 1_700_000_000
END = NOW + 400  # of what a busy mesh has seen
NAMESPACE = "emojivoto"


def peer(pod: str, *, meshed: bool = True, kind: str = "deployment", namespace: str = NAMESPACE) -> common_pb2.Peer:
    """Return the end called `<workload>-<number>`."""
    name = pod.rpartition("-")[0]
    identity = f"spiffe://local/ns/{namespace}/sa/{name}" if meshed else ""
    return common_pb2.Peer(
        namespace=namespace, kind=kind, name=name, pod=pod, service_account=name if meshed else "", identity=identity
    )


def pod(
    name: str,
    *,
    meshed: bool = True,
    phase: discovery_pb2.Phase.ValueType = discovery_pb2.RUNNING,
    namespace: str = NAMESPACE,
) -> discovery_pb2.Pod:
    """Return the inventory's row of an instance."""
    end = peer(name, meshed=meshed, namespace=namespace)
    status = discovery_pb2.InstanceStatus(
        namespace=namespace, kind="deployment", name=end.name, pod=name, phase=phase, ready=True, meshed=meshed
    )
    return discovery_pb2.Pod(status=status, meshed=meshed, identity=end.identity, uplink=meshed)


@dataclass(slots=True)
class Sidecar:
    """One sidecar that reports."""

    uplink: Uplink
    seq: int = 0
    ids: dict[object, int] = field(default_factory=dict)


class Mesh:
    """Sidecars by pod, made when they first report."""

    def __init__(self) -> None:
        self.intake = Intake(Rollup(Ring()))
        self.sidecars: dict[str, Sidecar] = {}

    @property
    def rollup(self) -> Rollup:
        return self.intake.rollup

    def sidecar(self, pod: str) -> Sidecar:
        if pod not in self.sidecars:
            hello = stats_pb2.StatsHello(self=peer(pod), boot_id=f"boot of {pod}")
            self.sidecars[pod] = Sidecar(self.intake.open(hello, NOW))
        return self.sidecars[pod]

    def tell(
        self,
        pod: str,
        far: common_pb2.Peer,
        *,
        outbound: bool,
        second: int,
        count: int = 0,
        failure: bool = False,
        latency_ms: float = 7.0,
        status: int = 200,
        grpc_status: int | None = None,
        route: str = "",
        protocol: common_pb2.Protocol.ValueType = common_pb2.HTTP1,
        tls: common_pb2.Tls.ValueType = common_pb2.TLS_MUTUAL,
        reason: str = "",
        service: str | None = None,
        opened: int = 0,
        open_now: int = 0,
        bytes_each_way: int = 0,
    ) -> None:
        """Let a pod's sidecar report what it saw with another end in one second."""
        sidecar = self.sidecar(pod)
        sidecar.seq += 1
        report = stats_pb2.StatsReport(seq=sidecar.seq, time_ms=(second + 1) * 1000)
        service = far.name if service is None and outbound else service or ""
        direction = common_pb2.OUTBOUND if outbound else common_pb2.INBOUND
        edge = (direction, far.SerializeToString(), service, tls, reason)
        if edge not in sidecar.ids:
            sidecar.ids[edge] = len(sidecar.ids) + 1
            report.edges.add(
                id=sidecar.ids[edge],
                direction=direction,
                peer=far,
                service_namespace=(far.namespace or NAMESPACE) if service else "",
                service_name=service,
                port=8080,
                tls=tls,
                no_tls_reason=reason,
            )
        if count:
            classification = common_pb2.FAILURE if failure else common_pb2.SUCCESS
            key = (edge, route, protocol, status, grpc_status, classification)
            if key not in sidecar.ids:
                sidecar.ids[key] = len(sidecar.ids) + 1
                report.http_keys.add(
                    id=sidecar.ids[key],
                    edge=sidecar.ids[edge],
                    route=route,
                    protocol=protocol,
                    status=status,
                    grpc_status=grpc_status,
                    classification=classification,
                )
            index = buckets.index(latency_ms)
            report.http.add(key=sidecar.ids[key], count=count, bucket=[index], bucket_count=[count])
        if opened or open_now or bytes_each_way:
            report.tcp.add(
                edge=sidecar.ids[edge],
                opened=opened,
                open=open_now,
                read_bytes=bytes_each_way,
                written_bytes=bytes_each_way,
            )
        sidecar.uplink.take(report, second + 1)

    def talk(self, client: str, server: str, seconds: Iterable[int], *, count: int = 1, **how: object) -> None:
        """Let both sidecars report the same requests."""
        for second in seconds:
            self.tell(client, peer(server), outbound=True, second=second, count=count, **how)  # type: ignore[arg-type]
            self.tell(server, peer(client), outbound=False, second=second, count=count, **how)  # type: ignore[arg-type]


def busy() -> Mesh:
    """Return a mesh with calls, failures and connections in every third second from NOW to END."""
    mesh = Mesh()
    for second in range(NOW, END, 3):
        mesh.talk("web-0", "voting-0", [second], count=2, latency_ms=second % 900, grpc_status=second % 2)
        mesh.tell("web-0", peer("db-0", meshed=False), outbound=True, second=second, opened=1, open_now=second % 5)
    return mesh


def answers(intake: Intake, length_ms: int = 390_000) -> tuple[bytes, bytes]:
    """Return what is said of the window that ends at END, to the byte: figures and edges."""
    window = stats_pb2.Window(length_ms=length_ms)
    targets = [common_pb2.Resource(kind="deployment"), common_pb2.Resource(kind="service")]
    request = stats_pb2.StatRequest(targets=targets, window=window, points=30, step_ms=10_000)
    rows = stat(intake.rollup, Roster([]), request, END, 0)
    pairs = edges(intake.rollup, Roster([]), stats_pb2.EdgesRequest(kind="pod", window=window), END, 0)
    return rows.SerializeToString(deterministic=True), pairs.SerializeToString(deterministic=True)
