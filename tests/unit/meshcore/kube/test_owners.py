"""A pod is known by the workload that a person made."""

from typing import Any

import pytest

from meshcore.kube.owners import Owner, owner_of, workload_of


def made(name: str, kind: str = "", owner: str = "", **metadata: Any) -> dict[str, Any]:
    references = [{"kind": kind, "name": owner, "controller": True}] if kind else []
    return {"metadata": {"name": name, "ownerReferences": [{"kind": "X", "name": "no"}, *references], **metadata}}


@pytest.mark.parametrize(
    ("pod", "owner"),
    [
        (
            made("web-5d8f-x", "ReplicaSet", "web-5d8f", labels={"pod-template-hash": "5d8f"}),
            Owner("Deployment", "web"),
        ),
        (
            made("a-b-5d8f-x", "ReplicaSet", "a-b-5d8f", labels={"pod-template-hash": "5d8f"}),
            Owner("Deployment", "a-b"),
        ),
        (made("solo-x", "ReplicaSet", "solo"), Owner("ReplicaSet", "solo")),
        (made("db-0", "StatefulSet", "db"), Owner("StatefulSet", "db")),
        (made("node-x", "DaemonSet", "node"), Owner("DaemonSet", "node")),
        (made("backup-29000000-x", "Job", "backup-29000000"), Owner("CronJob", "backup")),
        (made("migrate-7-x", "Job", "migrate-7"), Owner("Job", "migrate-7")),
        (made("alone"), Owner("Pod", "alone")),
        ({"metadata": {"generateName": "web-"}}, Owner("Pod", "web")),
    ],
)
def test_names_lead_to_the_workload(pod: dict[str, Any], owner: Owner) -> None:
    assert workload_of(pod) == owner


def test_what_is_known_goes_before_what_names_suggest() -> None:
    known = {
        ("ReplicaSet", "web-1"): made("web-1", "Rollout", "web"),
        ("ReplicaSet", "bare-1"): made("bare-1"),
        ("Job", "nightly-29000000"): made("nightly-29000000"),
    }

    def lookup(kind: str, name: str) -> dict[str, Any] | None:
        return known.get((kind, name))

    hashed = {"pod-template-hash": "1"}
    assert workload_of(made("p", "ReplicaSet", "web-1", labels=hashed), lookup) == Owner("Rollout", "web")
    assert workload_of(made("p", "ReplicaSet", "bare-1", labels=hashed), lookup) == Owner("ReplicaSet", "bare-1")
    assert workload_of(made("p", "ReplicaSet", "new-1", labels=hashed), lookup) == Owner("Deployment", "new")
    assert workload_of(made("p", "Job", "nightly-29000000"), lookup) == Owner("Job", "nightly-29000000")


def test_only_the_controller_owns() -> None:
    assert owner_of(made("p")) is None
