"""What would allow what was forbidden: the command an administrator runs, from the API server's own sentence; pure."""

import re
import shlex

from meshcore.kube.objects import OBSERVE_GROUP

_DENIED = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) (?:resource|path) "(?P<resource>[^"]*)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]*)")?'
)


def grant(message: str) -> str:
    """Return who must give what to whom, from the sentence with which an API server forbids."""
    match = _DENIED.search(message)
    if match is None:
        return "ask an administrator of the cluster; `kubectl auth can-i --list` shows what these credentials may"
    user, group, verb, resource = match["user"], match["group"] or "", match["verb"], match["resource"]
    if user == "system:anonymous":  # never to be given anything: that is everybody who reaches the API server
        return "the kubeconfig's user proves nothing about who asks: log in, then `kubectl auth whoami` must answer"
    role = _role(group, resource, verb)
    if user.startswith("system:serviceaccount:"):
        account = ":".join(user.split(":")[2:4])
        whom, name = f"--serviceaccount={account}", account.replace(":", "-")
    else:
        whom, name = f"--user={shlex.quote(user)}", re.sub(r"[^a-z0-9-]+", "-", user.lower()).strip("-")
    if match["namespace"]:
        command = f"kubectl create rolebinding {name}-{role} --clusterrole={role} {whom} -n {match['namespace']}"
    else:
        command = f"kubectl create clusterrolebinding {name}-{role} --clusterrole={role} {whom}"
    # The mesh is looked at by namespaces: perhaps another one was meant.
    other = "ask of a namespace of yours (-n NAME, on a screen `:ns NAME`), or " if group == OBSERVE_GROUP else ""
    return f"{other}an administrator can allow it: {command}"


def _role(group: str, resource: str, verb: str) -> str:
    """Return the least of the well-known ClusterRoles that allows it."""
    if group == OBSERVE_GROUP:
        return "meshtui-tap" if resource in ("taps", "tops") else "meshtui-view"
    if group.startswith("rbac.") or group.startswith("admissionregistration.") or group.startswith("apiextensions."):
        return "cluster-admin"
    reads = verb in ("get", "list", "watch")
    if resource in ("namespaces", "nodes", "apiservices") and not reads:
        return "cluster-admin"
    if resource == "secrets":
        return "admin"
    return "view" if reads else "edit"
