import pytest

from agents.launcher.document import SpecError, parse
from agents.launcher.spec import Mesh, Ready, Workload
from agents.launcher.spec import parse as spec

PORTS = "give a number from 1 to 65535, auto, an address such as '[::1]:8080', or unix:/path"
BAD_FORM = [
    ("", "mesh.yaml: is empty; it needs a list called workloads"),
    ("- a", "mesh.yaml:1: is not names and values; it needs a list called workloads"),
    ("name: a", "mesh.yaml:1: workloads is missing; give a list of workloads"),
    ("workloads: {}", "mesh.yaml:1: workloads: is names and values, not a list; give a list of workloads"),
    (
        "workloads:\n- web",
        "mesh.yaml:2: workloads[0]: is 'web', not names and values; "
        "give a workload, such as {name: web, command: [python, app.py]}",
    ),
    (
        "workloads:\n- name: web\n  comand: [a]",
        "mesh.yaml:3: workloads[0].comand: unknown field; did you mean command?",
    ),
    (
        "workloads: []\nmesh: x",
        "mesh.yaml:2: mesh: unknown field; known here: workloads, name, namespace, trustDomain, limits",
    ),
    (
        "workloads:\n- name: web\n  ready:\n    htp: /",
        "mesh.yaml:4: workloads[0].ready.htp: unknown field; did you mean http?",
    ),
    (
        "workloads:\n- name: web\n  command: a\n  name: api",
        "mesh.yaml:4: workloads[0].name: is given twice; keep one of them",
    ),
    (
        "workloads:\n- name: web",
        "mesh.yaml:2: workloads[0]: command is missing; "
        "give a list such as [python, app.py], or one line for the shell",
    ),
    (
        "workloads:\n- {name: a, command: b, ports: {http: 99999}}",
        "mesh.yaml:2: workloads[0].ports.http: 99999 is not valid; " + PORTS,
    ),
    (
        "workloads:\n- name: a\n  command: b\n  ports:\n    http: 80\n    admin: '81'",
        "mesh.yaml:6: workloads[0].ports.admin: '81' is not valid; " + PORTS,
    ),
    (
        "workloads:\n- {name: a, command: b, ports: {http: true}}",
        "mesh.yaml:2: workloads[0].ports.http: is true, not a number or text; " + PORTS,
    ),
    (
        "workloads:\n- {name: a, command: b, ports: {a: auto, http: '::1:80'}}",
        "mesh.yaml:2: workloads[0].ports.http: '::1:80' is not valid; " + PORTS,
    ),
    (
        "workloads:\n- {name: a, command: b, ports: {http: 'unix:'}}",
        "mesh.yaml:2: workloads[0].ports.http: 'unix:' is not valid; " + PORTS,
    ),
    (
        "workloads:\n- {name: a, command: b, ports: [80]}",
        "mesh.yaml:2: workloads[0].ports: is a list, not names and values; "
        "give names and numbers, such as {http: 8080} or {http: auto}",
    ),
    (
        "workloads:\n- {name: a, command: b, replicas: many}",
        "mesh.yaml:2: workloads[0].replicas: is 'many', not a number; give a number from 0 to 100",
    ),
    (
        "workloads:\n- {name: a, command: b, replicas: -1}",
        "mesh.yaml:2: workloads[0].replicas: -1 is not valid; give a number from 0 to 100",
    ),
    (
        "workloads:\n- {name: a, command: b, proxyWorkers: 65}",
        "mesh.yaml:2: workloads[0].proxyWorkers: 65 is not valid; give a number from 1 to 64",
    ),
    (
        "workloads:\n- {name: a, command: b, limits: {connections: 0}}",
        "mesh.yaml:2: workloads[0].limits.connections: 0 is not valid; give a number from 1 to 10000000",
    ),
    (
        "workloads: []\nlimits: {streams: 1.5}",
        "mesh.yaml:2: limits.streams: is 1.5, not a number; give a number from 1 to 1000000",
    ),
    (
        "workloads: []\nlimits: {request: 5}",
        "mesh.yaml:2: limits.request: unknown field; did you mean requests?",
    ),
    (
        "workloads: []\nlimits:",
        "mesh.yaml:2: limits: is nothing, not names and values; "
        "give some of {connections: 1000, requests: 500, streams: 100, waitingBytes: 64Mi}",
    ),
    (
        "workloads:\n- {name: a, command: b, limits: {waitingBytes: [1]}}",
        "mesh.yaml:2: workloads[0].limits.waitingBytes: is a list, not a number or text; give a size, such as 64Mi",
    ),
    (
        "workloads:\n- name: a\n  command: b\n  env:\n    GOOD: x\n    BAD: [x]",
        "mesh.yaml:6: workloads[0].env.BAD: is a list, not text; give one value",
    ),
    (
        "workloads:\n- {name: a, command: b, mesh: 'no'}",
        "mesh.yaml:2: workloads[0].mesh: is 'no', not true or false; give true or false",
    ),
    ("workloads: []\nname: 12", "mesh.yaml:2: name: is 12, not text; give a name in text"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FORM, ids=[message[:60] for _, message in BAD_FORM])
def test_a_wrong_form_is_refused_with_place_and_fix(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec(parse(text, "mesh.yaml"))
    assert str(caught.value) == message


def test_every_unknown_field_is_named_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        spec(parse("workloads:\n- name: web\n  comand: a\n  replica: 2", "mesh.yaml"))
    assert [fault.line for fault in caught.value.faults] == [3, 4]


def test_defaults_are_a_deployment_of_one_in_namespace_default() -> None:
    mesh = spec(parse("workloads:\n- {name: web, command: ./web}", "mesh.yaml"))
    assert mesh == Mesh(workloads=[Workload(name="web", command="./web")])
    assert (mesh.namespace, mesh.trust_domain) == ("default", "local")
    assert (mesh.workloads[0].kind, mesh.workloads[0].replicas, mesh.workloads[0].mesh) == ("Deployment", 1, True)


def test_words_of_commands_and_environment_stay_as_written() -> None:
    text = "workloads:\n- {name: a, command: [http.server, 8080, 1.10], env: {V: 1.10, B: yes, T: true, E: ''}}"
    workload = spec(parse(text, "mesh.yaml")).workloads[0]
    assert workload.command == ["http.server", "8080", "1.10"]
    assert workload.env == {"V": "1.10", "B": "yes", "T": "true", "E": ""}


def test_names_of_fields_are_camel_case() -> None:
    text = (
        "trustDomain: corp\nworkloads:\n- {name: a, command: b, serviceAccount: c, routes: [{name: r, pathPrefix: /}]}"
    )
    mesh = spec(parse(text, "mesh.yaml"))
    assert mesh.trust_domain == "corp"
    assert mesh.workloads[0].service_account == "c"
    assert mesh.workloads[0].routes[0].path_prefix == "/"


def test_a_probe_has_a_time_limit_in_words() -> None:
    assert Ready(http="/", timeout="500ms").timeout_s == 0.5
    assert Ready(tcp=True).timeout_s == 30
