"""A refusal names the command that would allow what was asked for, and no more than that."""

import pytest

from meshcore.kube.grant import grant


@pytest.mark.parametrize(
    ("sentence", "command"),
    [
        (
            'stats.observe.meshtui.dev is forbidden: User "jane@x.org" cannot get resource "stats" '
            'in API group "observe.meshtui.dev" in the namespace "shop"',
            "kubectl create rolebinding jane-x-org-meshtui-view --clusterrole=meshtui-view --user=jane@x.org -n shop",
        ),
        (
            'taps is forbidden: User "jane" cannot watch resource "taps" '
            'in API group "observe.meshtui.dev" in the namespace "shop"',
            "kubectl create rolebinding jane-meshtui-tap --clusterrole=meshtui-tap --user=jane -n shop",
        ),
        (
            'pods is forbidden: User "system:serviceaccount:ci:bot" cannot list resource "pods" in API group "" '
            "at the cluster scope",
            "kubectl create clusterrolebinding ci-bot-view --clusterrole=view --serviceaccount=ci:bot",
        ),
        (
            'secrets is forbidden: User "jane" cannot create resource "secrets" in API group "" in the namespace "a"',
            "kubectl create rolebinding jane-admin --clusterrole=admin --user=jane -n a",
        ),
        (
            'pods is forbidden: User "Jane $(Doe)" cannot list resource "pods" in API group "" in the namespace "a"',
            "kubectl create rolebinding jane-doe-view --clusterrole=view --user='Jane $(Doe)' -n a",
        ),
    ],
)
def test_a_refusal_names_who_could_allow_it_and_how(sentence: str, command: str) -> None:
    said, _, allowing = grant(sentence).partition("an administrator can allow it: ")
    assert allowing == command
    assert bool(said) == ("observe.meshtui.dev" in sentence)  # of the mesh, another namespace may have been meant


def test_nobody_is_told_to_give_rights_to_everybody() -> None:
    hint = grant('pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group ""')
    assert "log in" in hint
    assert "clusterrole" not in hint


def test_a_refusal_in_other_words() -> None:
    assert "kubectl auth can-i --list" in grant("no")
