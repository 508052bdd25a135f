"""Where the other replicas are: the running pods of our own Deployment, at the port that it names."""

from pathlib import Path
from typing import Any

from meshcore.server.options import ClusterOptions
from meshcore.server.peers import places
from meshcore.services.discovery import records
from meshcore.services.peers.circle import Place


def pod(name: str, ip: str = "10.244.0.7", *, ready: bool = True, phase: str = "Running", **more: Any) -> records.Pod:
    port = {"name": "grpc-control", "containerPort": 9086}
    return records.pod(
        {
            "metadata": {"name": name, "namespace": "meshtui", **more},
            "spec": {"containers": [{"name": "controller", "ports": [{"containerPort": 1}, port]}]},
            "status": {
                "phase": phase,
                "podIPs": [{"ip": ip}] if ip else [],
                "conditions": [{"type": "Ready", "status": str(ready)}],
            },
        }
    )


def test_all_that_run_but_ourselves() -> None:
    pods = [
        pod("me"),
        pod("b"),
        pod("starting", "fd00::7", ready=False),
        pod("pending", "", phase="Pending"),
        pod("ended", phase="Succeeded"),
        pod("ending", deletionTimestamp="2026-01-01T00:00:00Z"),
    ]
    options = ClusterOptions(folder=Path("/nowhere"), pod="me")
    assert places({one.name: one for one in pods}, options) == {
        "b": Place("10.244.0.7:9086", ready=True),
        "starting": Place("[fd00::7]:9086", ready=False),
    }
