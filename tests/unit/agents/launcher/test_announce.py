import io

from agents.launcher.announce import Announcer, pages, summary
from agents.launcher.state import FAILING, RUNNING, STOPPING, PortState, State


def state(pod: str = "web-0", **more: object) -> State:
    made = State(namespace="shop", kind="deployment", name=pod.rpartition("-")[0], pod=pod)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def said(*looks: State) -> list[str]:
    stream = io.StringIO()
    announcer = Announcer(stream)
    for each in looks:
        announcer.look([each])
    return [line[10:] for line in stream.getvalue().splitlines()]


def test_one_line_per_change() -> None:
    ready = state(phase=RUNNING, ready=True, pid=7, proxy_pid=8)
    assert said(state(), state(pid=7), ready, ready) == ["shop/web-0  ready     pid 7, sidecar 8"]


def test_who_is_ready_says_where_it_is_called() -> None:
    ready = state(phase=RUNNING, ready=True, pid=7, proxy_pid=8, ports=[PortState("http", 8080, 41000)])
    assert said(ready) == ["shop/web-0  ready     pid 7, sidecar 8, http through the mesh: 127.0.0.1:41000"]


def test_a_failure_comes_with_its_last_lines() -> None:
    failing = state(phase=FAILING, message="exit status 3, again in 1 s", last_lines=["boom"])
    assert said(failing) == ["shop/web-0  failing   exit status 3, again in 1 s", "            | boom"]


def test_each_death_is_said_once() -> None:
    message = "exit status 3, again in 30 s"
    dead = state(phase=FAILING, restarts=4, message=message)
    again = state(phase=FAILING, restarts=5, message=message)
    runs = state(phase=FAILING, restarts=5, message=message, pid=9)
    assert said(dead, again, runs, again) == [f"shop/web-0  failing   {message}"] * 2
    slow = state(phase=FAILING, restarts=5, message="not ready: 503", pid=9)
    assert said(runs, slow)[-1] == "shop/web-0  failing   not ready: 503"


def test_what_goes_wrong_while_it_runs_is_said() -> None:
    assert said(state(phase=RUNNING, ready=True, pid=7, message="sidecar: killed by SIGKILL, again at once")) == [
        "shop/web-0  waiting   sidecar: killed by SIGKILL, again at once"
    ]
    assert said(state(phase=STOPPING)) == []


def test_nobody_reading_is_no_failure() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    announcer = Announcer(Gone())
    announcer.say("a")
    announcer.say("b")


def test_the_summary_names_what_is_not_well() -> None:
    states = [
        state("a-0", phase=RUNNING, ready=True),
        state("b-0", phase=FAILING, message="exit status 3", last_lines=["boom"]),
        state("c-0"),
    ]
    assert summary("demo", states, 1.25) == [
        "mesh demo is up: 1 of 3 ready after 1.2 s",
        "  × shop/b-0: exit status 3",
        "      | boom",
        "  ‼ shop/c-0: is still starting",
    ]


def test_pages_are_reached_through_the_mesh() -> None:
    meshed = state(ready=True, ports=[PortState("http", 8080, 41000), PortState("grpc", 9090, 41001)])
    plain = state("bot-0", ready=True, ports=[PortState("http", 80)])
    assert pages([meshed, plain, state("late-0", ports=[PortState("http", 81)])]) == [
        "web-0: http://127.0.0.1:41000/",
        "bot-0: http://127.0.0.1:80/",
    ]
