"""What a workload of a cluster is told: of its own ports by those of the application, of others by the Service's."""

from collections.abc import Iterable

from meshcore.services.policy.attach import Attachments
from meshcore.services.policy.cluster import ClusterPolicy, Served
from tests.unit.meshcore.services.policy.test_attach import WEB, prefix, profile, route, take

SERVED = [Served(WEB, frozenset({"http", "80"}), 8080), Served(WEB, frozenset({"db", "5432"}), 15432)]


def ports(service: tuple[str, str]) -> Iterable[tuple[str, int]]:
    return [("http", 80), ("db", 5432)] if service == WEB else []


def behind(namespace: str, pod: str) -> Iterable[Served]:
    return SERVED if pod == "web-0" else []


def test_a_pod_gets_routes_for_the_ports_that_services_lead_to() -> None:
    attachments = Attachments()
    take(attachments, profile())
    take(attachments, route("old", prefix("/old"), port=80))
    found = ClusterPolicy(attachments, ports, behind).compose("shop", "web", "web-0")
    assert [(one.port, one.opaque, [each.name for each in one.routes]) for one in found.inbound] == [
        (8080, False, ["list", "other", "old"]),
        (15432, True, ["list", "other"]),
    ]


def test_callers_get_the_routes_of_every_service_by_port_where_they_differ() -> None:
    attachments = Attachments()
    take(attachments, profile())
    take(attachments, route("old", prefix("/old"), port=80))
    found = ClusterPolicy(attachments, ports, behind).compose("bank", "teller", "teller-0")
    assert [(one.name, one.port, [each.name for each in one.routes]) for one in found.outbound] == [
        ("web", 80, ["list", "other", "old"]),
        ("web", 0, ["list", "other"]),
    ]
    assert list(found.inbound) == []


def test_what_was_kept_is_forgotten_when_told() -> None:
    attachments = Attachments()
    policy = ClusterPolicy(attachments, ports, behind)
    assert list(policy.compose("shop", "web", "web-0").outbound) == []
    take(attachments, profile())
    policy.renew()
    assert len(policy.compose("shop", "web", "web-0").outbound) == 1
