"""A cluster's control plane: etcd, the API server, its controllers and the scheduler, as processes of this machine.

No root, no containers: pods stay Pending unless a node is added (node.py) or kwok plays some (kwok.py).
"""

import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.support.authority import Authority, token_keys
from tests.cluster.support.kubeconfig import Kubeconfigs
from tests.cluster.support.processes import Processes
from tests.cluster.tools.find import need_program

POD_RANGE, SERVICE_RANGE, API_SERVICE = "10.244.0.0/16", "10.96.0.0/16", "10.96.0.1"
HOSTS = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
FRONT_PROXY = "front-proxy-client"
ISSUER = "https://kubernetes.default.svc.cluster.local"
START_S = 90.0
# What the mesh's own control plane asks of it, to be counted; nothing is said of anybody else.
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [
        {
            "level": "Metadata",
            "users": ["system:serviceaccount:meshtui:meshtui-controller"],
            "verbs": ["list", "watch"],
            "omitStages": ["RequestReceived"],
        },
        {  # of whom it asks what they may do, in full
            "level": "Request",
            "users": ["system:serviceaccount:meshtui:meshtui-controller"],
            "resources": [{"group": "authorization.k8s.io", "resources": ["subjectaccessreviews"]}],
            "omitStages": ["RequestReceived"],
        },
        {"level": "None"},
    ],
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


class ControlPlane:
    """Four processes and their certificates; `address` is where the API server is dialled."""

    def __init__(self, folder: Path, address: str = "127.0.0.1", inside: Sequence[str] = ()) -> None:
        self.folder, self.address = folder, address
        self.processes = Processes(folder / "logs", inside)
        self.loopback = address == "127.0.0.1"
        self.port = free_port() if self.loopback else 6443
        self.etcd_port = free_port() if self.loopback else 2379
        self.url = f"https://{address}:{self.port}"
        self.pki = folder / "pki"
        self.pki.mkdir(mode=0o700)
        self.authority = Authority(self.pki, "ca")
        self.front = Authority(self.pki, "front-ca")
        self.audit = folder / "audit.log"  # audit.py reads it
        self._policy = folder / "audit.json"
        self.kubeconfigs = Kubeconfigs(folder / "kubeconfigs", self.url, self.authority)
        self.admin = self.kubeconfigs.for_certificate("admin", ["system:masters"])

    def start(self) -> None:
        """Start all, each when it can."""
        self._start_etcd()
        self.start_api_server()
        # readyz includes the roles; the controller-manager exits "forbidden" when it comes before them.
        self._start_controllers()
        self._start_scheduler()

    def start_api_server(self) -> None:
        """Start the API server; also after a test ended it."""
        self.processes.start("kube-apiserver", [need_program("kube-apiserver"), *self._api_server_flags()])
        self.processes.wait("kube-apiserver", self.is_ready, START_S)

    def end_api_server(self, *, kill: bool = True) -> None:
        self.processes.end("kube-apiserver", kill=kill)

    def is_ready(self) -> bool:
        """Whether the API server says so of itself (anonymous may ask)."""
        context = ssl.create_default_context(cadata=self.authority.pem.decode())
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", context=context, timeout=30) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):  # not yet; who waits has a limit and shows the log
            return False

    def close(self) -> None:
        self.processes.close()

    def _start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{free_port()}"
        flags = {
            "data-dir": self.folder / "etcd",
            "log-level": "warn",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "quota-backend-bytes": 4 << 30,
        }
        # A store to throw away: without fsync, writes are several times faster on slow disks.
        self.processes.start("etcd", [need_program("etcd"), "--unsafe-no-fsync", *_flags(flags)])

    def _api_server_flags(self) -> list[str]:
        self._policy.write_text(json.dumps(AUDIT))
        served = {"addresses": ["127.0.0.1", "::1", API_SERVICE, *({self.address} - {"127.0.0.1"})], "hosts": HOSTS}
        if not (self.pki / "tokens.key").exists():
            self.authority.sign("apiserver", "kube-apiserver", **served)
            self.authority.sign("kubelet-client", "kube-apiserver-kubelet-client", ["system:masters"])
            self.front.sign("front-proxy", FRONT_PROXY)
            token_keys(self.pki)
        flags = {
            "etcd-servers": f"http://127.0.0.1:{self.etcd_port}",
            "bind-address": "127.0.0.1" if self.loopback else "0.0.0.0",
            "secure-port": self.port,
            "tls-cert-file": self.pki / "apiserver.crt",
            "tls-private-key-file": self.pki / "apiserver.key",
            "client-ca-file": self.authority.path,
            "service-account-key-file": self.pki / "tokens.pub",
            "service-account-signing-key-file": self.pki / "tokens.key",
            "service-account-issuer": ISSUER,
            "service-cluster-ip-range": SERVICE_RANGE,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": "true",
            "profiling": "false",
            "audit-policy-file": self._policy,
            "audit-log-path": self.audit,
            "kubelet-client-certificate": self.pki / "kubelet-client.crt",
            "kubelet-client-key": self.pki / "kubelet-client.key",
            "kubelet-preferred-address-types": "InternalIP,Hostname",
            # For aggregated APIs: how it authenticates to them, and the headers that name the user.
            "requestheader-client-ca-file": self.front.path,
            "requestheader-allowed-names": FRONT_PROXY,
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-username-headers": "X-Remote-User",
            "proxy-client-cert-file": self.pki / "front-proxy.crt",
            "proxy-client-key-file": self.pki / "front-proxy.key",
        }
        # A loopback address may not stand in Endpoints.
        only_here = {"endpoint-reconciler-type": "none"} if self.loopback else {"advertise-address": self.address}
        return _flags({**flags, **only_here})

    def _start_controllers(self) -> None:
        name = "kube-controller-manager"
        flags = {
            **self._client_flags(name),
            "use-service-account-credentials": "true",
            "service-account-private-key-file": self.pki / "tokens.key",
            "root-ca-file": self.authority.path,
            "cluster-signing-cert-file": self.authority.path,
            "cluster-signing-key-file": self.authority.key_path,
            "allocate-node-cidrs": "true",
            "cluster-cidr": POD_RANGE,
            "service-cluster-ip-range": SERVICE_RANGE,
            "concurrent-deployment-syncs": 20,
            "concurrent-replicaset-syncs": 20,
        }
        self.processes.start(name, [need_program(name), *_flags(flags)])

    def _start_scheduler(self) -> None:
        name = "kube-scheduler"
        self.processes.start(name, [need_program(name), *_flags(self._client_flags(name))])

    def _client_flags(self, name: str) -> dict[str, object]:
        kubeconfig = self.kubeconfigs.for_certificate(f"system:{name}")
        return {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "secure-port": 0,  # nobody asks them anything
            "leader-elect": "false",
            "kube-api-qps": 300,
            "kube-api-burst": 600,
        }


def _flags(values: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items()]
