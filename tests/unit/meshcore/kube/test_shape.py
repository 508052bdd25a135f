"""A kubeconfig of the wrong shape is told by its field and line, as kubectl would refuse it."""

from pathlib import Path

import pytest
import yaml

from meshcore.kube.failure import KubeError
from meshcore.kube.shape import read

GOOD = """\
apiVersion: v1
kind: Config
current-context: home
preferences: {colors: true}
clusters:
- name: c
  cluster:
    server: https://api:6443
    insecure-skip-tls-verify: false
    extensions: [{name: client.authentication.k8s.io/exec, extension: {any: [1]}}]
contexts:
- name: home
  context: {cluster: c, user: u, namespace: null}
users:
- name: u
  user:
    as-groups: [dev]
    as-user-extra: {scopes: [a]}
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: login
      args: null
      env: [{name: A, value: b}]
- name: nobody
"""


def told(text: str) -> str:
    with pytest.raises(KubeError) as caught:
        read(text, Path("config"))
    assert "kubectl config view --kubeconfig=config" in caught.value.hint
    return str(caught.value).removeprefix("config is no kubeconfig: ")


def test_what_kubectl_takes_is_taken() -> None:
    assert read(GOOD, Path("config")) == yaml.safe_load(GOOD)
    assert read("clusters: null", Path("config")) == {"clusters": None}
    assert read("# nothing yet", Path("config")) is None


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (
            "server: https://api:6443",
            "server: 6443",
            "line 8, clusters[0].cluster.server: expected str | null, got int",
        ),
        ("[dev]", "dev", "line 17, users[0].user.as-groups: expected array | null, got str"),
        ("args: null", "args: [1]", "line 22, users[0].user.exec.args[0]: expected str, got int"),
        ("value: b", "v: b", "line 23, users[0].user.exec.env[0]: object missing required field value"),
        ("verify: false", "verify: 'no'", "line 9, clusters[0].cluster.insecure-skip-tls-verify: expected bool | null"),
        ("namespace: null", "namespace: [a]", "line 13, contexts[0].context.namespace: expected str | null, got array"),
        ("name: nobody", "name: u", "line 24, users[1].name: 'u' is there twice"),
        ("- name: c\n  cluster", "- cluster", "line 6, clusters[0]: object missing required field name"),
        ("scopes: [a]", "scopes: a", "line 18, users[0].user.as-user-extra"),
    ],
)
def test_a_field_is_told_with_its_line(before: str, after: str, why: str) -> None:
    assert before in GOOD
    assert told(GOOD.replace(before, after, 1)).startswith(why)


@pytest.mark.parametrize("text", ["- a", "words", "contexts: home", "users: [a]", "1: 2\nclusters: {}"])
def test_what_is_something_else_altogether(text: str) -> None:
    assert "expected" in told(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: b\n\ttoken: s3cret\n", "line 2: found character '\\t' that cannot start any token"),
        ("users:\n- name: u\n user: {token: s3cret\n", "line 3: expected <block end>, but found"),
        ("a: 1\n---\ntoken: s3cret\n", "line 2: but found another document"),
        ("a: 2026-13-45\n", "month must be in 1..12"),
        ("a: \x00s3cret", "special characters are not allowed"),
    ],
)
def test_what_is_no_yaml_is_told_without_a_word_of_the_line(text: str, why: str) -> None:
    said = told(text)
    assert why in said
    assert "s3cret" not in said
