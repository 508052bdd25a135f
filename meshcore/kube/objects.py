"""Kinds of Kubernetes objects as their paths, and what every object says of itself; pure.

Everything that asks an API server names a Kind from here, so that a path is spelled once. Owners, which lead from a
pod to its workload, are `owners`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

Object = dict[str, Any]  # one object as its JSON says it
Key = tuple[str, str]  # namespace ("" without) and name

MESH_GROUP = "mesh.meshtui.dev"
OBSERVE_GROUP = "observe.meshtui.dev"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as the API server knows it: group ("" is core), version, plural and kind."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Return the path of the group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None = None, name: str | None = None, sub: str | None = None) -> str:
        """Return the path of a collection (of all namespaces when none is named), an object or its subresource."""
        parts = [self.root]
        if namespace and self.namespaced:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name is not None:
            if self.namespaced and not namespace:
                raise ValueError(f"{self.kind} {name}: which namespace?")
            parts.append(quote(name, safe=""))
            if sub is not None:
                parts.append(sub)
        return "/".join(parts)

    def new(self, name: str, namespace: str | None = None, **fields: Any) -> Object:
        """Return an object of this kind to be written, with its metadata and the fields given."""
        metadata = {"name": name, "namespace": namespace} if namespace and self.namespaced else {"name": name}
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, **fields}


NAMESPACES = Kind("", "v1", "namespaces", "Namespace", namespaced=False)
NODES = Kind("", "v1", "nodes", "Node", namespaced=False)
PODS = Kind("", "v1", "pods", "Pod")
SERVICES = Kind("", "v1", "services", "Service")
SERVICE_ACCOUNTS = Kind("", "v1", "serviceaccounts", "ServiceAccount")
SECRETS = Kind("", "v1", "secrets", "Secret")
CONFIG_MAPS = Kind("", "v1", "configmaps", "ConfigMap")
ENDPOINT_SLICES = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment")
REPLICA_SETS = Kind("apps", "v1", "replicasets", "ReplicaSet")
STATEFUL_SETS = Kind("apps", "v1", "statefulsets", "StatefulSet")
DAEMON_SETS = Kind("apps", "v1", "daemonsets", "DaemonSet")
JOBS = Kind("batch", "v1", "jobs", "Job")
CRON_JOBS = Kind("batch", "v1", "cronjobs", "CronJob")
LEASES = Kind("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS = Kind("events.k8s.io", "v1", "events", "Event")
API_SERVICES = Kind("apiregistration.k8s.io", "v1", "apiservices", "APIService", namespaced=False)
CUSTOM_RESOURCES = Kind(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
MUTATING_WEBHOOKS = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
VALIDATING_WEBHOOKS = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
ROLES = Kind("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDINGS = Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
CLUSTER_ROLES = Kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS = Kind(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
TOKEN_REVIEWS = Kind("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
ACCESS_REVIEWS = Kind("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False)
SELF_ACCESS_REVIEWS = Kind(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
HTTP_ROUTES = Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
GRPC_ROUTES = Kind("gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute")

SERVICE_PROFILES = Kind(MESH_GROUP, "v1alpha1", "serviceprofiles", "ServiceProfile")
AUTHORIZATION_POLICIES = Kind(MESH_GROUP, "v1alpha1", "authorizationpolicies", "AuthorizationPolicy")
RATE_LIMITS = Kind(MESH_GROUP, "v1alpha1", "ratelimits", "RateLimit")
BACKEND_POLICIES = Kind(MESH_GROUP, "v1alpha1", "backendpolicies", "BackendPolicy")
EXTERNAL_SERVICES = Kind(MESH_GROUP, "v1alpha1", "externalservices", "ExternalService")
FAULT_INJECTIONS = Kind(MESH_GROUP, "v1alpha1", "faultinjections", "FaultInjection")
MESH_KINDS = (
    SERVICE_PROFILES,
    AUTHORIZATION_POLICIES,
    RATE_LIMITS,
    BACKEND_POLICIES,
    EXTERNAL_SERVICES,
    FAULT_INJECTIONS,
)


def metadata_of(each: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object's metadata; of none, nothing."""
    found = each.get("metadata")
    return found if isinstance(found, dict) else {}


def key_of(each: Mapping[str, Any]) -> Key:
    """Return an object's namespace and name."""
    metadata = metadata_of(each)
    return metadata.get("namespace") or "", metadata.get("name") or ""


def version_of(each: Mapping[str, Any]) -> str:
    """Return an object's, or a list's, resourceVersion: opaque, only good for being handed back."""
    return metadata_of(each).get("resourceVersion") or ""


def labels_of(each: Mapping[str, Any]) -> Mapping[str, str]:
    return metadata_of(each).get("labels") or {}


def annotations_of(each: Mapping[str, Any]) -> Mapping[str, str]:
    return metadata_of(each).get("annotations") or {}


def lean(each: Object) -> Object:
    """Return an object without its record of who wrote which field, which is often half of it."""
    metadata = {name: value for name, value in metadata_of(each).items() if name != "managedFields"}
    return {**each, "metadata": metadata}


def micro(seconds: float) -> str:
    """Return a time as Kubernetes' MicroTime."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
