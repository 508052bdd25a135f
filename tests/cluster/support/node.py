"""A node that runs real pods: containerd, kubelet and kube-proxy within a boundary, beside their control plane.

One per machine, for its addresses are fixed: who comes second waits. Pods and services are reached from the test by
their IPs. Pods resolve the cluster's names and no other. There is no registry: images are imported from files.
"""

import fcntl
import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.support.boundary import THERE, Boundary
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.control import POD_RANGE, ControlPlane
from tests.cluster.support.wait import until
from tests.cluster.tools.find import need_program
from tests.cluster.tools.images import PAUSE

NAME = "node1"
DOMAIN = "cluster.local"
DNS_READY = 8181
CGROUP = "/meshtui-test"
CGROUPS = Path("/sys/fs/cgroup")
CNI = "/usr/lib/cni"
TURN_S = 600
NODE_RANGE = "10.244.0.0/24"


@contextmanager
def its_turn() -> Iterator[None]:
    """Wait until no other test run of this machine has a node."""
    path = Path(tempfile.gettempdir(), "meshtui-test-node.lock")
    with path.open("a") as lock:
        end = time.monotonic() + TURN_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise AssertionError(f"another test run has had the node of this machine for {TURN_S} s") from None
                time.sleep(0.5)
        yield


class Node:
    """The node of a cluster and what it is made of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "containerd/containerd.sock"
        self.boundary = Boundary(folder / "boundary", need_program("pause"))
        self.plane: ControlPlane
        self.cluster: Cluster

    def start(self, images: Iterable[Path]) -> None:
        """Start the control plane and the node, and wait until it is Ready."""
        remove_cgroups()  # of a run that was killed
        make_cgroups()
        self.boundary.__enter__()
        self.plane = ControlPlane(self.folder, THERE, self.boundary.inside)
        self.plane.start()
        self.cluster = Cluster(self.plane)
        self._start_dns()
        self._start_containerd()
        for image in images:
            self.import_image(image)
        self._start_kubelet()
        self._start_proxy()
        try:
            self.plane.processes.wait("kubelet", self._is_ready, 60)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.cluster.kubectl('describe', 'nodes')}") from None
        until(lambda: self.cluster.has_account("default", "default"), 30, "the first account")

    def import_image(self, path: Path) -> None:
        """Take in a docker-archive; its tag is not `latest`, or the kubelet would look for a newer one elsewhere."""
        self.boundary.run("ctr", "--address", str(self.socket), "--namespace", "k8s.io", "images", "import", str(path))

    def tag(self, image: str, name: str) -> None:
        """Give an image that is there another name."""
        how = ("--address", str(self.socket), "--namespace", "k8s.io")
        self.boundary.run("ctr", *how, "images", "tag", "--force", f"docker.io/{image}", f"docker.io/{name}")

    def images(self) -> dict[str, str]:
        """Return the size of each image that is there, as containerd says it."""
        listed = self.boundary.run("ctr", "--address", str(self.socket), "--namespace", "k8s.io", "images", "list")
        rows = [line.split() for line in listed.splitlines()[1:]]
        return {row[0]: " ".join(row[3:5]) for row in rows}

    def close(self) -> None:
        """End everything; the processes go with the boundary."""
        self.boundary.close()
        if hasattr(self, "plane"):
            self.plane.close()
        remove_cgroups()

    def _is_ready(self) -> bool:
        nodes = self.cluster.core.list_node().items
        return any(each.type == "Ready" and each.status == "True" for node in nodes for each in node.status.conditions)

    def _start_dns(self) -> None:
        path = self.folder / "Corefile"
        path.write_text(f""".:53 {{
    bind {THERE}
    errors
    ready {THERE}:{DNS_READY}
    kubernetes {DOMAIN} {{
        kubeconfig {self.plane.admin}
    }}
}}
""")
        self.plane.processes.start("coredns", [need_program("coredns"), "-conf", str(path)])
        self.plane.processes.wait("coredns", _answers, 30)

    def _start_containerd(self) -> None:
        home = self.folder / "containerd"
        home.mkdir()
        networks = self.folder / "cni"
        networks.mkdir()
        # ptp and not bridge: routed, so that rules for services see every packet.
        routed = {
            "type": "ptp",
            "mtu": 1500,
            "ipam": {
                "type": "host-local",
                "dataDir": str(self.folder / "addresses"),
                "ranges": [[{"subnet": NODE_RANGE}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
        ports = {"type": "portmap", "capabilities": {"portMappings": True}}
        network = {"cniVersion": "0.4.0", "name": "test", "plugins": [routed, ports]}
        (networks / "10-test.conflist").write_text(json.dumps(network))
        (home / "config.toml").write_text(f"""version = 2
root = "{home}/root"
state = "{home}/state"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  stream_server_address = "127.0.0.1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI}"
    conf_dir = "{networks}"
""")
        self.plane.processes.start("containerd", ["containerd", "--config", str(home / "config.toml")])
        self.plane.processes.wait("containerd", self.socket.exists, 30)

    def _start_kubelet(self) -> None:
        pki = self.plane.pki
        self.plane.authority.sign("kubelet", f"system:node:{NAME}", ["system:nodes"], addresses=[THERE], hosts=[NAME])
        (self.folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        nothing = {f"{what}.available": "0%" for what in ("memory", "nodefs", "imagefs")}
        settings = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": CGROUP,
            "failSwapOn": False,
            "protectKernelDefaults": False,
            "localStorageCapacityIsolation": False,
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "podLogsDir": str(self.folder / "podlogs"),
            "volumePluginDir": str(self.folder / "plugins"),
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.plane.authority.path)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(pki / "kubelet.crt"),
            "tlsPrivateKeyFile": str(pki / "kubelet.key"),
            "clusterDNS": [THERE],
            "clusterDomain": DOMAIN,
            "resolvConf": str(self.folder / "resolv.conf"),
            "enforceNodeAllocatable": ["pods"],
            "evictionHard": {**nothing, "nodefs.inodesFree": "0%"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "maxPods": 200,
            "registryPullQPS": 0,
            "kubeAPIQPS": 200,
            "kubeAPIBurst": 400,
            "nodeStatusUpdateFrequency": "5s",
        }
        user = self.plane.kubeconfigs.for_certificate(f"system:node:{NAME}", ["system:nodes"])
        flags = {
            "config": _written(self.folder / "kubelet.yaml", settings),
            "kubeconfig": user,
            "hostname-override": NAME,
            "node-ip": THERE,
            "root-dir": self.folder / "kubelet",
            "cert-dir": self.folder / "kubelet/pki",
        }
        words = [f"--{name}={value}" for name, value in flags.items()]
        self.plane.processes.start("kubelet", [need_program("kubelet"), *words])

    def _start_proxy(self) -> None:
        settings = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clientConnection": {"kubeconfig": str(self.plane.kubeconfigs.for_certificate("system:kube-proxy"))},
            "clusterCIDR": POD_RANGE,
            "hostnameOverride": NAME,
            "conntrack": {"maxPerCore": 0, "min": 0},  # these belong to the machine
            "healthzBindAddress": "127.0.0.1:10256",
            "metricsBindAddress": "127.0.0.1:10249",
        }
        # It follows this file and ends when it is written: once, before it starts.
        path = _written(self.folder / "proxy.yaml", settings)
        self.plane.processes.start("kube-proxy", [need_program("kube-proxy"), f"--config={path}"])


def cgroup_roots() -> list[Path]:
    """Return where cgroups may be made: each controller's tree, or the one tree of version 2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [path for path in CGROUPS.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink()]


def make_cgroups() -> None:
    for root in cgroup_roots():
        (root / CGROUP.strip("/")).mkdir()


def remove_cgroups() -> None:
    """Remove the pods' cgroups, the innermost first; a process that has just ended may hold one for a moment."""
    for root in cgroup_roots():
        top = root / CGROUP.strip("/")
        if top.exists():
            for each in [*sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True), top]:
                until(lambda each=each: _removed(each), 10, f"{each} to be empty")


def _removed(path: Path) -> bool:
    try:
        path.rmdir()
    except OSError:
        return not path.exists()
    return True


def _answers() -> bool:
    """Whether the cluster's DNS says that it knows the Services."""
    try:
        with urllib.request.urlopen(f"http://{THERE}:{DNS_READY}/ready", timeout=30) as answer:
            return bool(answer.status == 200)
    except OSError:  # not yet; who waits has a limit and shows the log
        return False


def _written(path: Path, settings: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(settings))
    return path


def need_containers() -> list[str]:
    """Return the programs of Debian that a node needs and that are missing here."""
    programs = ("containerd", "ctr", "runc", "iptables", "conntrack", "nsenter", "unshare", "ip")
    return [name for name in programs if shutil.which(name) is None] + [f"{CNI}/ptp"] * (not Path(CNI, "ptp").exists())
