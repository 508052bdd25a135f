"""The demo from start to end, as a new user meets it: every figure by the command line, every process real."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shell import Shell, eventually

NAMESPACE = "emojivoto"
RATE = 20
RECOVERY_S = 20.0
LAG_S = 3.0  # figures end at the last second that every sidecar has reported
DOUGHNUT = "/emojivoto.v1.VotingService/VoteDoughnut"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    shell = Shell(tmp_path_factory.mktemp("home"))
    shell.run("demo", "--detach", "--rate", str(RATE))
    try:
        assert eventually(lambda: (shell.deployments(NAMESPACE)["voting"]["requests"] or {}).get("failure", 0) > 3, 60)
        yield shell
    finally:
        shell.run("down")


def test_every_deployment_is_meshed_and_only_the_doughnut_fails(shell: Shell) -> None:
    rows = shell.deployments(NAMESPACE)
    assert set(rows) == {"web", "emoji", "voting", "vote-bot"}
    assert {name: row["meshed"] for name, row in rows.items()} == {
        "web": "1/1",
        "emoji": "1/1",
        "voting": "2/2",
        "vote-bot": "1/1",
    }
    assert rows["emoji"]["success"] == 1
    assert 0 < rows["voting"]["success"] < 1
    assert 0 < rows["web"]["success"] < 1
    for row in (rows["web"], rows["voting"], rows["emoji"]):
        assert row["latency_ms_p50"] <= row["latency_ms_p95"] <= row["latency_ms_p99"]
        assert row["tcp_open_connections"] >= 1
        assert row["requests"]["samples"] == row["requests"]["success"] + row["requests"]["failure"]
    failing = [each for each in rows["voting"]["requests"]["statuses"] if each["class"] == "failure"]
    assert [(each["status"], each["grpc_status"]) for each in failing] == [(200, 2)]


def test_what_was_sent_is_what_was_received_and_every_edge_is_secured(shell: Shell) -> None:
    edges = shell.ask("edges", "deploy", "-n", NAMESPACE)
    assert {(edge["src"], edge["dst"]) for edge in edges} == {("vote-bot", "web"), ("web", "emoji"), ("web", "voting")}
    for edge in edges:
        assert edge["secured"], edge
        assert edge["client_id"].endswith(f"/ns/{NAMESPACE}/sa/{edge['src']}"), edge
        assert edge["server_id"].endswith(f"/ns/{NAMESPACE}/sa/{edge['dst']}"), edge
        one_second = 1 + edge["sent"]["rps"]
        assert abs(edge["sent"]["requests"] - edge["received"]["requests"]) <= one_second, edge


def test_tap_shows_both_directions_and_why_the_vote_failed(shell: Shell) -> None:
    lines = shell.run("tap", "deploy/web", "-n", NAMESPACE, "--duration", "5s", "-o", "json").splitlines()
    events = [json.loads(line) for line in lines]
    assert {event["proxyDirection"] for event in events} == {"INBOUND", "OUTBOUND"}
    assert all(event["tls"] == "mutual" for event in events)
    paths = {event["id"]: event["requestInitEvent"]["path"] for event in events if "requestInitEvent" in event}
    heads = [event["requestInitEvent"] for event in events if "requestInitEvent" in event]
    # A port's number that nobody has chosen is not shown; who declared no port of an upstream means the only one.
    assert {head["authority"] for head in heads} == {"web.emojivoto:http", "emoji.emojivoto", "voting.emojivoto"}
    ends = [event for event in events if "responseEndEvent" in event and paths.get(event["id"]) == DOUGHNUT]
    assert ends, sorted(set(paths.values()))
    for event in ends:
        end = event["responseEndEvent"]
        assert (end["grpcStatusCode"], end["grpcStatus"], end["class"]) == (2, "Unknown", "failure")
        assert event["source"]["metadata"]["name"] == "web"
        assert event["destination"]["metadata"]["name"] == "voting"
        assert event["destination"]["metadata"]["identity"].endswith("/sa/voting")


def test_tap_matches_what_is_known_only_at_the_end(shell: Shell) -> None:
    lines = shell.run(
        "tap", "deploy/web", "-n", NAMESPACE, "--status", "5xx", "--limit", "2", "--duration", "20s", "-o", "json"
    ).splitlines()
    ends = [json.loads(line)["responseEndEvent"] for line in lines if "responseEndEvent" in json.loads(line)]
    assert [end["httpStatus"] for end in ends] == [500, 500]


def test_top_ranks_the_vote_and_the_calls_behind_it(shell: Shell) -> None:
    rows = shell.ask("top", "deploy/web", "-n", NAMESPACE, "--duration", "5s")
    paths = [row["path"] for row in rows]
    assert any(path.startswith("/api/vote") for path in paths)
    assert "/emojivoto.v1.EmojiService/FindByShortcode" in paths
    assert [row["count"] for row in rows] == sorted((row["count"] for row in rows), reverse=True)


def test_a_pipe_is_told_how_long_top_counts_and_routes_are_an_alias(shell: Shell) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "meshtui", "-n", NAMESPACE, "routes", "deploy/web", "--duration", "3s"],
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stderr is not None
        assert started.stdout is not None
        assert started.stderr.readline().startswith("Counting requests for 3 s")
        assert "ROUTE" in started.stdout.read()


def test_both_replicas_get_their_share(shell: Shell) -> None:
    def shares() -> list[int]:
        rows = {row["name"]: row for row in shell.ask("stat", "po", "-n", NAMESPACE)}
        return [(rows[name]["requests"] or {}).get("samples", 0) for name in ("voting-0", "voting-1")]

    # Who was slow as the demo began is asked less often for a while, and the figures are of a minute.
    assert eventually(lambda: min(shares()) > 0.2 * max(shares()), 180), shares()


def test_every_pod_has_its_own_identity_and_a_live_uplink(shell: Shell) -> None:
    for pod in shell.pods(NAMESPACE).values():
        assert pod["meshed"]
        assert pod["uplink"]["connected"]
        assert pod["identity"].endswith(f"/ns/{NAMESPACE}/sa/{pod['owner']['name']}")
        left = pod["proxy"]["certificate"]["not_after_ms"] / 1000 - time.time()
        assert 20 * 3600 < left <= 24 * 3600 + 60
        assert pod["proxy"]["rss_bytes"] > 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("stat", "deploy/webb", "-n", NAMESPACE), "did you mean web?"),
        (("stat", "deploy", "-n", "emojivot"), "did you mean emojivoto?"),
        (("tap", "deploy/nothing", "-n", NAMESPACE), "unknown deployment"),
        (("stat", "deploy", "--outptu", "json"), "--output"),
    ],
)
def test_a_wrong_word_is_one_line_and_status_2(shell: Shell, words: tuple[str, ...], line: str) -> None:
    complaint = shell.run(*words, status=2)
    assert line in complaint
    assert complaint.count("\n") == 1


def test_check_is_content(shell: Shell) -> None:
    answer = shell.ask("check")
    assert answer["success"], answer
    assert {"machine", "control-plane", "meshtui-identity"} <= {each["categoryName"] for each in answer["categories"]}


def test_a_second_demo_says_what_runs(shell: Shell) -> None:
    assert "already runs" in shell.run("demo", "--detach", status=1)


@pytest.mark.parametrize("victim", ["sidecar", "workload", "control plane"])
def test_a_killed_process_is_replaced_and_no_counter_runs_backwards(shell: Shell, victim: str) -> None:
    counts: list[int] = []

    def total() -> int:
        counts.append((shell.deployments(NAMESPACE, "5m")["web"]["requests"] or {"samples": 0})["samples"])
        return counts[-1]

    def recovered(least: int) -> bool:
        return total() >= least and shell.pods(NAMESPACE)["web-0"]["uplink"]["connected"]

    before = total()
    pods = shell.pods(NAMESPACE)
    if victim == "control plane":
        pid = control_plane(Path(shell.environment["XDG_RUNTIME_DIR"]) / "meshtui" / "demo")
    else:
        pid = pods["web-0"]["pid"] if victim == "workload" else pods["web-0"]["proxy"]["pid"]
    os.kill(pid, signal.SIGKILL)
    # A second of traffic that came after the kill has to show within the time to recover, plus the figures' own lag.
    assert eventually(lambda: recovered(before + RATE), RECOVERY_S + LAG_S), (before, counts)
    assert eventually(lambda: recovered(before + 3 * RATE), RECOVERY_S), (before, counts)
    assert counts == sorted(counts)


def control_plane(place: Path) -> int:
    """Return the pid of the control plane that serves a place."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue  # it ended while we looked
        if b"meshcore" in words and os.fsencode(place) in words:
            return int(entry.name)
    raise AssertionError(f"no control plane serves {place}")
