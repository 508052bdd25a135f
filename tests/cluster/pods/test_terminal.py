"""The full-screen terminal on a cluster, by real keys, as a user who may look at one namespace and nothing else."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.installed import EMOJI
from tests.support.shell import Shell, eventually
from tests.support.terminal import Terminal

WITHIN = 60.0


@pytest.fixture
def terminal(demo: Cluster, ann: Path, tmp_path: Path) -> Iterator[Terminal]:
    shell = Shell(tmp_path)
    shell.environment.pop("NO_COLOR")
    terminal = Terminal(tmp_path, {**shell.environment, "KUBECONFIG": str(ann)})
    try:
        yield terminal
    finally:
        terminal.close()


def shows(terminal: Terminal, *words: str) -> None:
    assert terminal.shows(*words, within=WITHIN), terminal.screen


def command(terminal: Terminal, words: str) -> None:
    terminal.type(":")
    terminal.line(words)


def test_one_namespace_is_looked_at_and_what_may_not_be_seen_is_said(terminal: Terminal) -> None:
    terminal.line(f"{sys.executable} -m meshtui")
    shows(terminal, "meshtui test  ns emojivoto", "web", "emoji", "voting", "vote-bot", "5/5 proxies")
    shows(terminal, "100.00%")
    assert "0 all" not in terminal.screen
    walk = (("po", "pods", "voting-"), ("graph", "graph", "🔒"), ("edges", "edges", "SECURED"))
    for words, crumb, word in (*walk, ("tap", "tap", "VotingService"), ("top", "top", "/api/")):
        command(terminal, words)
        shows(terminal, f"› {crumb}", word)
    command(terminal, "deploy")
    shows(terminal, "› deployments", f"deployments {EMOJI} [4]", "voting")
    terminal.press("l")
    shows(terminal, "› logs", "not allowed", "an administrator can allow it")  # figures are granted, logs are not
    terminal.press("Escape")
    # Escape and a key at once would be that key with alt.
    assert eventually(lambda: "› logs" not in terminal.screen, WITHIN), terminal.screen
    terminal.press("0")
    shows(terminal, f"only {EMOJI} may be looked at")
    command(terminal, "ns")
    shows(terminal, "› namespaces", "namespaces [1]", EMOJI)
    command(terminal, "check")
    shows(terminal, "› check", "not seen: needs", "an administrator of the cluster sees it")
    terminal.press("q")
    assert eventually(lambda: terminal.screen.split()[-1:] == ["$"], WITHIN), terminal.screen
