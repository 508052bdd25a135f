"""A cluster of a thousand pods, played by kwok."""

import pytest

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.kwok import Kwok
from tests.cluster.support.wait import until

PODS, DEPLOYMENTS = 1000, 20


@pytest.mark.timeout(300)
def test_a_thousand_pods_have_addresses_and_endpoints(cluster: Cluster, kwok: Kwok, namespace: str) -> None:
    kwok.run(namespace, PODS, DEPLOYMENTS)
    pods = cluster.get(f"/api/v1/namespaces/{namespace}/pods?resourceVersion=0")["items"]
    assert len({pod["status"]["podIP"] for pod in pods}) == PODS

    def addresses() -> int:
        slices = cluster.get(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")["items"]
        return sum(len(each["endpoints"] or []) for each in slices)

    until(lambda: addresses() == PODS, 60, f"{PODS} endpoints", every=0.5)
