"""What is killed comes back within five seconds, and nothing else notices."""

import os
import re
import signal
import threading
import time
import urllib.request

import pytest

from tests.flows.launcher.launch import Launch, eventually

FILE = """
name: shop
workloads:
  - name: web
    command: ["${python}", -m, http.server, --bind, 127.0.0.1, "${ports.http}"]
    ports: {http: auto}
    ready: {http: /}
  - name: other
    command: [sleep, "1000"]
"""
RECOVERY_S = 20.0


@pytest.mark.parametrize("victim", ["sidecar", "application", "control plane"])
def test_a_killed_process_comes_back(launch: Launch, victim: str) -> None:
    assert launch.run("up", launch.file(FILE), "--detach").returncode == 0
    before = launch.ready("web-0", "other-0", "control-plane")
    url = f"http://127.0.0.1:{before['web-0']['ports'][0]['mesh']}/"
    pod, field = {
        "sidecar": ("web-0", "proxy_pid"),
        "application": ("web-0", "pid"),
        "control plane": ("control-plane", "pid"),
    }[victim]
    os.kill(before[pod][field], signal.SIGKILL)
    died = time.monotonic()
    if victim == "sidecar":
        # Its socket is still there, so a client is kept waiting instead of being refused.
        assert urllib.request.urlopen(url, timeout=RECOVERY_S).status == 200
    eventually(lambda: launch.states()[pod][field] not in (0, before[pod][field]), f"{victim} runs again", RECOVERY_S)
    after = launch.ready("web-0", "other-0", "control-plane")
    assert time.monotonic() - died < RECOVERY_S
    assert urllib.request.urlopen(url, timeout=RECOVERY_S).status == 200
    same = {(name, kind) for name in before for kind in ("pid", "proxy_pid")} - {(pod, field)}
    for name, kind in same:
        assert after[name][kind] == before[name][kind], (name, kind)
    counter = "proxy_restarts" if victim == "sidecar" else "restarts"
    assert after[pod][counter] == 1
    eventually(
        lambda: not any(each["message"] for each in launch.states().values()), "all is said to be well", RECOVERY_S
    )


def test_a_process_that_hangs_is_told_with_what_to_do_until_it_goes_on(launch: Launch) -> None:
    assert launch.run("up", launch.file(FILE), "--detach").returncode == 0
    before = launch.ready("web-0", "other-0", "control-plane")
    halted = {"control-plane": before["control-plane"]["pid"], "web-0": before["web-0"]["proxy_pid"]}
    for pid in halted.values():
        os.kill(pid, signal.SIGSTOP)
    eventually(lambda: not any(launch.states()[pod]["ready"] for pod in halted), "both are told not to be ready")
    told = launch.run("ps").stdout
    for pod, pid in halted.items():
        assert re.search(rf" {pod} +no +Failing .*\n  └ .*halted.*`kill -CONT {pid}` lets it go on\n", told), told
    assert launch.states()["other-0"]["ready"]
    for pid in halted.values():
        os.kill(pid, signal.SIGCONT)
    after = launch.ready("web-0", "other-0", "control-plane")
    for pod, field in (("control-plane", "pid"), ("web-0", "proxy_pid"), ("web-0", "pid")):
        assert after[pod][field] == before[pod][field], (pod, field)
        assert (after[pod]["phase"], after[pod]["message"]) == ("Running", ""), pod


def test_a_sidecar_killed_while_the_control_plane_is_away_comes_back_with_it(launch: Launch) -> None:
    assert launch.run("up", launch.file(FILE), "--detach").returncode == 0
    before = launch.ready("web-0", "control-plane")
    os.kill(before["control-plane"]["pid"], signal.SIGKILL)
    os.kill(before["web-0"]["proxy_pid"], signal.SIGKILL)
    eventually(
        lambda: launch.states()["web-0"]["proxy_pid"] not in (0, before["web-0"]["proxy_pid"]), "it runs", RECOVERY_S
    )


def test_logs_of_all_pods_of_one_and_as_they_grow(launch: Launch) -> None:
    file = launch.file(
        "name: shop\nworkloads:\n"
        "- {name: talk, command: 'for i in 1 2 3; do echo $i of ${pod}; done; sleep 1000', replicas: 2}\n"
        "- {name: slow, command: 'sleep 2; echo late; sleep 1000'}\n"
    )
    assert launch.run("up", file, "--detach").returncode == 0
    launch.ready("talk-0", "talk-1", "slow-0")
    eventually(lambda: launch.run("logs", "talk").stdout.count("3 of") == 2, "both have written")
    assert launch.run("logs", "talk", "--tail", "1").stdout == "talk-0 | 3 of talk-0\ntalk-1 | 3 of talk-1\n"
    assert launch.run("logs", "deploy/talk", "-n", "default", "--tail", "1").stdout.count("\n") == 2
    assert launch.run("logs", "talk-1").stdout == "1 of talk-1\n2 of talk-1\n3 of talk-1\n"
    assert launch.run("logs", "talk-1", "--proxy").returncode == 0
    assert "default/talk-0" in launch.run("logs", "launcher").stdout
    wrong = launch.run("logs", "tlak")
    assert (wrong.returncode, wrong.stderr) == (2, "nothing called tlak has a log; did you mean talk?\n")
    following = launch.start("logs", "slow", "-f")
    timer = threading.Timer(15, following.kill)
    timer.start()
    assert following.stdout is not None
    first = following.stdout.readline()
    if "has written nothing yet" in first:  # on a quick machine it has not: said on stderr, which is stdout here
        first = following.stdout.readline()
    assert first == "late\n"
    timer.cancel()
    launch.run("down")
    assert following.wait(5) == 0


def test_one_more_workload_joins_and_leaves(launch: Launch) -> None:
    assert "no mesh runs here" in launch.run("run", "--name", "api", "--", "sleep", "1000").stderr
    assert launch.run("up", launch.file(FILE), "--detach").returncode == 0
    launch.ready("web-0")
    words = ("run", "--name", "api", "--port", "auto", "--upstream", "web.default", "--upstream", "nobody")
    popen = launch.start(*words, "--env", "ROOM=${namespace}", "--", "sh", "-c", "echo $WEB_ADDR in $ROOM; sleep 1000")
    eventually(lambda: "api-0" in launch.states(), "api-0 is there")
    pod = launch.states()["api-0"]
    assert pod["namespace"] == "shop"
    second = launch.start("run", "--name", "api", "-n", "shop", "--", "sleep", "1000")
    launch.ready("api-1")
    popen.send_signal(signal.SIGINT)
    out, _ = popen.communicate(timeout=60)
    assert popen.returncode == 0
    assert "nobody offers nobody in namespace shop yet" in out
    assert "127.0.0.1:" in out
    assert "in shop\n" in out
    assert "api-0" not in launch.states()
    assert launch.run("down").returncode == 0
    out, _ = second.communicate(timeout=60)
    assert "mesh shop has ended" in out
    assert second.returncode == 1
    launch.nothing_left()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--name", "api"), "there is no command; give it after --, such as: meshtui run --name web -- python app.py"),
        (("--name", "API", "--", "ls"), "--name: 'API' cannot name a workload; use lower-case letters, digits and '-'"),
        (("--name", "a", "--port", "x", "--", "ls"), "--port: 'x' is no port; write 8080, http=8080, auto, "),
        (("--name", "a", "--env", "x", "--", "ls"), "--env: 'x' has no value; write NAME=VALUE"),
        (("--name", "a", "--", "${ports.x}"), "COMMAND: ${ports.x} is unknown; known here: namespace, name"),
    ],
)
def test_a_workload_that_makes_no_sense_is_refused(launch: Launch, words: tuple[str, ...], complaint: str) -> None:
    result = launch.run("run", *words)
    assert result.returncode == 2
    assert result.stderr.startswith(complaint)
