"""A running cluster as a test sees it: kubectl, a client without kubectl's limit, users, namespaces, and waiting.

cluster.kubectl("get", "pods", "-n", namespace)                      # as the administrator
cluster.kubectl("get", "pods", kubeconfig=cluster.account(namespace, "reader"))
cluster.core.list_namespaced_pod(namespace)                          # the `kubernetes` package, typed APIs
cluster.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/web") # any path, as JSON
"""

import itertools
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client as typed
from kubernetes import config

from tests.cluster.support.control import ControlPlane
from tests.cluster.support.wait import until
from tests.cluster.tools.find import need_program

_NUMBERS = itertools.count(1)
KUBECTL_S = 90


class Cluster:
    """One cluster; `plane` are its processes."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.api = self.client(plane.admin)
        self.core = typed.CoreV1Api(self.api)
        self.apps = typed.AppsV1Api(self.api)
        self.authentication = typed.AuthenticationV1Api(self.api)
        self.authorization = typed.AuthorizationV1Api(self.api)
        self.rbac = typed.RbacAuthorizationV1Api(self.api)

    def client(self, kubeconfig: Path) -> typed.ApiClient:
        """Return a client for the user of a kubeconfig; what it refuses raises `ApiException`."""
        return config.new_client_from_config(str(kubeconfig), persist_config=False)

    def get(self, path: str, api: typed.ApiClient | None = None) -> Any:
        """Return what any path of the API answers, as JSON."""
        return self.request("GET", path, api=api)

    def request(self, method: str, path: str, body: Any = None, api: typed.ApiClient | None = None) -> Any:
        """Ask anything of the API server; `path` may carry a query."""
        asked = api or self.api
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        serial = asked.param_serialize(method, path, header_params=headers, body=body, auth_settings=["BearerToken"])
        answer = asked.call_api(*serial)
        data = answer.read()
        if answer.status >= 400:
            raise typed.ApiException(http_resp=answer, body=data.decode(errors="replace"))
        return json.loads(data)

    def kubectl(
        self,
        *words: str,
        stdin: str | None = None,
        kubeconfig: Path | None = None,
        status: int | None = 0,
        seconds: float = KUBECTL_S,
    ) -> str:
        """Run kubectl and return stdout (stderr where a failure is expected); `status=None` expects any failure."""
        done = subprocess.run(
            [need_program("kubectl"), "--kubeconfig", str(kubeconfig or self.plane.admin), *words],
            input=stdin,
            env={**os.environ, "HOME": str(self.plane.folder)},  # where it keeps what it discovered
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        expected = done.returncode == status if status is not None else done.returncode != 0
        assert expected, f"kubectl {' '.join(words)}: exit status {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stderr if done.returncode else done.stdout

    def apply(self, *objects: dict[str, Any] | str, namespace: str = "default") -> None:
        """Apply objects, or YAML with some, as `kubectl apply --server-side` does."""
        texts = [each if isinstance(each, str) else yaml.safe_dump(each) for each in objects]
        self.kubectl("apply", "--server-side", "--namespace", namespace, "-f", "-", stdin="\n---\n".join(texts))

    @contextmanager
    def namespace(self, prefix: str = "test", labels: dict[str, str] | None = None) -> Iterator[str]:
        """A namespace with its default account; its end is asked for, not waited for."""
        name = f"{prefix}-{next(_NUMBERS)}"
        self.core.create_namespace({"metadata": {"name": name, "labels": labels or {}}})
        try:
            until(lambda: self.has_account(name, "default"), 30, f"the default account of {name}")
            yield name
        finally:
            self.core.delete_namespace(name, grace_period_seconds=0)

    def has_account(self, namespace: str, name: str) -> bool:
        accounts = self.core.list_namespaced_service_account(namespace).items
        return any(account.metadata.name == name for account in accounts)

    def account(self, namespace: str, name: str, **more: Any) -> Path:
        """Return a kubeconfig for a ServiceAccount, made if it is not there; without rights until it is given some."""
        return self.plane.kubeconfigs.for_token(name, self.token(namespace, name), namespace=namespace, **more)

    def token(self, namespace: str, name: str, audiences: Sequence[str] = (), seconds: int = 3600) -> str:
        """Return a token for a ServiceAccount, made if it is not there."""
        if not self.has_account(namespace, name):
            self.core.create_namespaced_service_account(namespace, {"metadata": {"name": name}})
        spec = {"audiences": list(audiences), "expirationSeconds": seconds}
        made = self.core.create_namespaced_service_account_token(name, namespace, {"spec": spec})
        token: str = made.status.token
        return token

    def user(self, name: str, groups: Sequence[str] = (), **more: Any) -> Path:
        """Return a kubeconfig for a user with a client certificate."""
        return self.plane.kubeconfigs.for_certificate(name, groups, **more)

    def bind(self, role: str, subject: str, namespace: str | None = None) -> None:
        """Give a cluster role to `user:NAME`, `group:NAME` or `account:NAMESPACE:NAME`, in one namespace or in all."""
        kind, _, name = subject.partition(":")
        flag = {"user": "--user", "group": "--group", "account": "--serviceaccount"}[kind]
        place = ["rolebinding", f"--namespace={namespace}"] if namespace else ["clusterrolebinding"]
        unique = f"test-{next(_NUMBERS)}"
        self.kubectl("create", place[0], unique, f"--clusterrole={role}", f"{flag}={name}", *place[1:])

    def ready_pods(self, namespace: str, selector: str, count: int, seconds: float = 60) -> list[Any]:
        """Wait until so many pods are Ready, and return them; fails with what the cluster says of them."""

        def ready() -> list[Any] | None:
            pods = self.core.list_namespaced_pod(namespace, label_selector=selector).items
            found = [pod for pod in pods if pod.metadata.deletion_timestamp is None and is_ready(pod)]
            return found if len(found) == count else None

        try:
            return until(ready, seconds, f"{count} Ready pods of {selector} in {namespace}")
        except AssertionError as error:
            said = self.kubectl("describe", "pods", "-n", namespace, "-l", selector)
            raise AssertionError(f"{error}\n{said[-3000:]}") from None


def is_ready(pod: Any) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or [])
