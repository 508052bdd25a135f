import re
from pathlib import Path

import msgspec
import pytest

from agents.launcher.document import SpecError, parse
from agents.launcher.rules import check
from agents.launcher.spec import Limits, Mesh, Ready, Route, Workload
from agents.launcher.spec import parse as spec

EXAMPLE = Path(__file__).resolve().parents[4] / "deploy" / "mesh.example.yaml"

HEAD = "workloads:\n"
EMOJI = "- {name: emoji, command: a, ports: {grpc: auto}}\n"
LABEL = "use lower-case letters, digits and '-'"

LONG = "x" * 300

BAD_SENSE = [
    (
        HEAD + "- {name: web, command: a, directory: " + LONG + "}",
        f"mesh.yaml:2: workloads[0].directory: there is no folder {LONG}; make it, or correct the path",
    ),
    (
        HEAD + '- {name: web, command: [a, "b\\0c"]}',
        "mesh.yaml:2: workloads[0].command[1]: holds a null character, which no program can be given; remove it",
    ),
    (
        HEAD + '- {name: web, command: a, env: {A: "b\\0c"}}',
        "mesh.yaml:2: workloads[0].env.A: holds a null character, which no program can be given; remove it",
    ),
    ("workloads: []", "mesh.yaml:1: workloads: is empty; give at least one workload"),
    ("workloads: []\nname: X", f"mesh.yaml:2: name: 'X' cannot name a mesh; {LABEL}"),
    ("workloads: []\nnamespace: a_b", f"mesh.yaml:2: namespace: 'a_b' cannot name a namespace; {LABEL}"),
    ("workloads: []\ntrustDomain: A", f"mesh.yaml:2: trustDomain: 'A' cannot be a trust domain; {LABEL}, '.' and '_'"),
    (
        HEAD + "- name: web\n  command: a\n- name: web\n  command: a",
        "mesh.yaml:4: workloads[1].name: web is already the name of the workload in line 2; give it another name",
    ),
    (
        HEAD + "- {name: Web, command: a}",
        f"mesh.yaml:2: workloads[0].name: 'Web' cannot name a workload; {LABEL}, at most 59 of them",
    ),
    (
        HEAD + "- {name: web, command: []}",
        "mesh.yaml:2: workloads[0].command: is empty; give the program to run, such as [python, app.py]",
    ),
    (
        HEAD + "- {name: web, command: a, kind: Deploiment}",
        "mesh.yaml:2: workloads[0].kind: 'Deploiment' is no kind of workload; did you mean deployment?",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {http: 80}}",
        "mesh.yaml:2: workloads[0].ports.http: port 80 is in use by nginx (pid 7); "
        "end that program, take another port, or write auto",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {http: 8080}, replicas: 2}",
        "mesh.yaml:2: workloads[0].ports.http: 2 replicas cannot share port 8080; write auto, and use ${ports.http}",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {http: 8080}}\n- {name: api, command: a, ports: {http: 8080}}",
        "mesh.yaml:3: workloads[1].ports.http: port 8080 is already taken in line 2; take another, or write auto",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {HTTP: auto}}",
        f"mesh.yaml:2: workloads[0].ports.HTTP: 'HTTP' cannot name a port; {LABEL}, at most 15 of them",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {http: '[::1]:8080'}, replicas: 2}",
        "mesh.yaml:2: workloads[0].ports.http: 2 replicas cannot share [::1]:8080; "
        "write [::1]:auto, and use ${ports.http}",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {http: '[::1]:80'}}",
        "mesh.yaml:2: workloads[0].ports.http: [::1]:80 is in use by nginx (pid 7); "
        "end that program, take another port, or write [::1]:auto",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {http: '192.0.2.1:auto'}}",
        "mesh.yaml:2: workloads[0].ports.http: 192.0.2.1 cannot be used: no such address here; "
        "take an address of this machine",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {http: '[::]:8080'}}",
        "mesh.yaml:2: workloads[0].ports.http: :: is no single address; "
        "name one at which the program is found, such as 127.0.0.1 or [::1]",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {http: 'unix:/run/web'}, mesh: false}",
        "mesh.yaml:2: workloads[0].ports.http: a socket is found by its sidecar alone; "
        "give it a port, or remove mesh: false",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {http: 'unix:/run/web'}, replicas: 2}",
        "mesh.yaml:2: workloads[0].ports.http: 2 replicas cannot share a socket; put ${pod} into its name",
    ),
    (
        HEAD + "- {name: web, command: a, ports: {http: 'unix:/run/${pot}'}}",
        "mesh.yaml:2: workloads[0].ports.http: ${pot} is unknown; did you mean ${pod}?",
    ),
    (
        HEAD + f"- {{name: web, command: a, ports: {{http: 'unix:/{'x' * 110}/web'}}}}",
        f"mesh.yaml:2: workloads[0].ports.http: /{'x' * 110}/web is 8 bytes too long for a socket; take a shorter path",
    ),
    (
        HEAD + EMOJI + "- {name: web, command: a, upstreams: [emojy]}",
        "mesh.yaml:3: workloads[1].upstreams[0]: nobody offers emojy in namespace default; did you mean emoji?",
    ),
    (
        HEAD + EMOJI + "- {name: web, command: a, upstreams: [emoji.shop]}",
        "mesh.yaml:3: workloads[1].upstreams[0]: nobody offers emoji.shop in namespace shop; "
        "did you mean emoji.default?",
    ),
    (
        HEAD + EMOJI + "- {name: web, command: a, upstreams: ['emoji:http']}",
        "mesh.yaml:3: workloads[1].upstreams[0]: emoji has no port http; one of grpc",
    ),
    (
        HEAD + "- {name: a, command: a, ports: {x: auto, y: 9}}\n- {name: web, command: a, upstreams: [a]}",
        "mesh.yaml:3: workloads[1].upstreams[0]: a has several ports; write a:PORT with one of x, y",
    ),
    (
        HEAD + "- {name: bot, command: a}\n- {name: web, command: a, upstreams: [bot]}",
        "mesh.yaml:3: workloads[1].upstreams[0]: bot has no ports; give bot a port, such as ports: {http: auto}",
    ),
    (
        HEAD + EMOJI + "- {name: web, command: a, upstreams: [emoji, emoji]}",
        "mesh.yaml:3: workloads[1].upstreams[1]: emoji is given twice; keep one of them",
    ),
    (
        HEAD + "- {name: web, command: a, upstreams: ['a b']}",
        "mesh.yaml:2: workloads[0].upstreams[0]: 'a b' cannot be an upstream; "
        "write NAME, NAME:PORT or NAME.NAMESPACE:PORT",
    ),
    (
        HEAD + "- {name: web, command: ['${ports.htp}'], ports: {http: auto}}",
        "mesh.yaml:2: workloads[0].command[0]: ${ports.htp} is unknown; did you mean ${ports.http}?",
    ),
    (
        HEAD + "- {name: web, command: a, env: {A: '${env.NOPE}'}}",
        "mesh.yaml:2: workloads[0].env.A: NOPE is not set in the environment; ${env.NOPE:-TEXT} gives it a default",
    ),
    (
        HEAD + "- {name: web, command: a, env: {1A: x}}",
        "mesh.yaml:2: workloads[0].env.1A: '1A' cannot name an environment variable; use letters, digits and '_'",
    ),
    (
        HEAD + "- {name: web, command: a, directory: nowhere-at-all}",
        "mesh.yaml:2: workloads[0].directory: there is no folder nowhere-at-all; make it, or correct the path",
    ),
    (
        HEAD + "- {name: web, command: a, ready: {}, ports: {http: auto}}",
        "mesh.yaml:2: workloads[0].ready: names no probe; give one of http: /path, grpc: service, tcp: true",
    ),
    (
        HEAD + "- {name: web, command: a, ready: {http: health}, ports: {http: auto}}",
        "mesh.yaml:2: workloads[0].ready.http: 'health' is no path; begin it with /",
    ),
    (
        HEAD + "- {name: web, command: a, ready: {tcp: true}}",
        "mesh.yaml:2: workloads[0].ready: there is no port to probe; "
        "give the workload a port, such as ports: {http: auto}",
    ),
    (
        HEAD + "- {name: web, command: a, ready: {tcp: true}, ports: {x: auto, y: 9}}",
        "mesh.yaml:2: workloads[0].ready: does not say which port to probe; port: one of x, y (9)",
    ),
    (
        HEAD + "- {name: web, command: a, ready: {http: /, timeout: soon}, ports: {http: auto}}",
        "mesh.yaml:2: workloads[0].ready.timeout: 'soon' is no length of time; write 30s, 500ms or 2m",
    ),
    (
        HEAD + "- {name: web, command: a, opaque: [81], ports: {http: 8080}}",
        "mesh.yaml:2: workloads[0].opaque[0]: 81 is none of its ports; one of http (8080)",
    ),
    (
        HEAD + "- {name: web, command: a, mesh: false, proxyWorkers: 2}",
        "mesh.yaml:2: workloads[0].proxyWorkers: a workload without a sidecar has none; remove it, or mesh: false",
    ),
    (
        HEAD + "- {name: web, command: a, mesh: false, proxy: true}",
        "mesh.yaml:2: workloads[0].proxy: a workload without a sidecar has none; remove it, or mesh: false",
    ),
    (
        HEAD + "- {name: web, command: a, mesh: false, limits: {requests: 5}}",
        "mesh.yaml:2: workloads[0].limits: a workload without a sidecar has none; remove it, or mesh: false",
    ),
    (
        HEAD + "- {name: web, command: a, limits: {waitingBytes: 64MB}}",
        "mesh.yaml:2: workloads[0].limits.waitingBytes: '64MB' is no size; write 512Ki, 64Mi or 1Gi",
    ),
    (
        HEAD + "- {name: web, command: a}\nlimits: {waitingBytes: 0}",
        "mesh.yaml:3: limits.waitingBytes: 0 is out of range; from 64Ki to 1024Gi",
    ),
    (
        HEAD + "- {name: web, command: a, limits: {waitingBytes: 2048Gi}}",
        "mesh.yaml:2: workloads[0].limits.waitingBytes: '2048Gi' is out of range; from 64Ki to 1024Gi",
    ),
    (
        HEAD + "- {name: web, command: a, routes: [{name: r}]}",
        "mesh.yaml:2: workloads[0].routes[0]: matches nothing; give one of path, pathPrefix, pathRegex",
    ),
    (
        HEAD + "- {name: web, command: a, routes: [{name: r, pathRegex: '('}]}",
        "mesh.yaml:2: workloads[0].routes[0].pathRegex: is no regular expression: "
        "missing ), unterminated subpattern at position 0; correct it",
    ),
]


def occupied(port: int, host: str) -> str | None:
    if host == "192.0.2.1":
        return "cannot be used: no such address here"
    return "is in use by nginx (pid 7)" if port == 80 else None


def refusal(text: str, *, alone: bool = True) -> str:
    document = parse(text, "mesh.yaml")
    try:
        check(
            spec(document),
            document,
            {"HOME": "/home/me"},
            occupied,
            alone=alone,
        )
    except SpecError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("text", "message"), BAD_SENSE, ids=[message[:70] for _, message in BAD_SENSE])
def test_what_makes_no_sense_is_refused_with_place_and_fix(text: str, message: str) -> None:
    assert message in refusal(text).splitlines()


def test_the_example_makes_sense_and_shows_every_field() -> None:
    text = EXAMPLE.read_text()
    assert refusal(text) == ""
    for struct in (Mesh, Workload, Limits, Ready, Route):
        for field in msgspec.structs.fields(struct):
            assert (
                re.search(rf"(^|[\s{{])`?{field.encode_name}:", text, re.MULTILINE) or f"`{field.encode_name}`" in text
            )


def test_every_fault_is_named_in_the_order_of_lines() -> None:
    text = HEAD + "- name: Web\n  command: []\n  kind: Pod\n"
    assert [int(line.split(":")[1]) for line in refusal(text).splitlines()] == [2, 3, 4]


def test_a_mesh_that_makes_sense_passes() -> None:
    text = HEAD + (
        "- {name: emoji, command: a, ports: {grpc: auto}, replicas: 3, ready: {grpc: ''}}\n"
        "- {name: files, command: a, ports: {http: 8080, ftp: 2121}, opaque: [ftp], ready: {http: /}}\n"
        "- {name: web, namespace: shop, command: 'run ${upstreams.emoji.port} $${HOME} ${env.HOME}',\n"
        "   upstreams: [emoji.default, 'files.default:2121'], kind: sts, routes: [{name: r, method: GET}]}\n"
    )
    assert refusal(text) == ""


def test_one_added_to_a_mesh_may_name_upstreams_of_others() -> None:
    assert refusal(HEAD + "- {name: web, command: a, upstreams: [emoji]}", alone=False) == ""


def test_a_port_of_no_replicas_is_free() -> None:
    assert refusal(HEAD + "- {name: web, command: a, ports: {http: 80}, replicas: 0}") == ""
