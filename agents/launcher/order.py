"""Who waits for whom when a mesh starts: an application starts once those it calls are ready.

Pure. It spares a fresh mesh the failures of the first second; it is no promise, since an upstream may end at any time.
Workloads that call each other in a circle do not wait for each other.
"""

from collections.abc import Iterable

from agents.launcher.plan import Instance

Service = tuple[str, str]  # namespace and name


def upstreams(instances: Iterable[Instance]) -> dict[Service, set[Service]]:
    """Return the services of this mesh that each workload waits for."""
    instances = list(instances)
    offered = {(instance.namespace, instance.name) for instance in instances}
    calls: dict[Service, set[Service]] = {service: set() for service in offered}
    for instance in instances:
        for out in instance.outbound:
            target = (out.target.namespace, out.target.name)
            if target in offered:
                calls[instance.namespace, instance.name].add(target)
    return {service: {up for up in ups if service not in _reach(up, calls)} for service, ups in calls.items()}


def _reach(start: Service, calls: dict[Service, set[Service]]) -> set[Service]:
    """Return a service and all that it calls, directly or not."""
    seen = {start}
    ahead = [start]
    while ahead:
        for service in calls[ahead.pop()] - seen:
            seen.add(service)
            ahead.append(service)
    return seen
