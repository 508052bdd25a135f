from pathlib import Path

from agents.launcher.address import HOST, Address
from agents.launcher.document import parse
from agents.launcher.plan import Instance, Probe, Surroundings, plan, shown
from agents.launcher.ports import Listening
from agents.launcher.spec import parse as spec

AROUND = Surroundings(Path("/srv/shop"), {"PATH": "/bin", "HOME": "/home/me"}, "/usr/bin/python3")


class Counting:
    """Ports as they come: 20001 … for applications, 40001 … for sidecars."""

    def __init__(self) -> None:
        self.applications = 20000
        self.sidecars = 40000

    def free(self, host: str = HOST) -> int:
        self.applications += 1
        return self.applications

    def listen(self) -> Listening:
        self.sidecars += 1
        return Listening(self.sidecars, self.sidecars - 39990)


def planned(text: str, around: Surroundings = AROUND) -> dict[str, Instance]:
    document = parse("workloads:\n" + text, "mesh.yaml")
    return {instance.pod: instance for instance in plan(spec(document), around, Counting())}


def test_replicas_have_ports_of_their_own() -> None:
    pods = planned("- {name: voting, command: [x], replicas: 2, ports: {grpc: auto}}")
    assert [pod.ports[0].number for pod in pods.values()] == [20001, 20002]
    assert pods["voting-1"].environment["PORT"] == pods["voting-1"].environment["PORT_GRPC"] == "20002"
    assert pods["voting-0"].label == "default/voting-0"


def test_values_refer_to_ports_and_upstreams() -> None:
    pods = planned(
        "- {name: emoji, command: [x], ports: {grpc: auto}}\n"
        "- name: web\n  command: [serve, '--port=${ports.http}', '${pod}', '${env.HOME}', '$${x}', '${env.NO:-none}']\n"
        "  ports: {http: 8080}\n  upstreams: [emoji]\n"
        "  env: {EMOJI: '${upstreams.emoji}', H: '${upstreams.emoji.host}', P: '${upstreams.emoji.port}'}\n"
    )
    web = pods["web-0"]
    assert web.command == ("serve", "--port=8080", "web-0", "/home/me", "${x}", "none")
    address = web.outbound[0].listener.address
    assert str(web.outbound[0].target) == "emoji.default"
    assert web.environment["EMOJI_ADDR"] == web.environment["EMOJI"] == address
    assert (web.environment["H"], web.environment["P"]) == tuple(address.split(":"))
    assert web.environment["PATH"] == "/bin"


def test_one_line_goes_to_the_shell() -> None:
    web = planned("- {name: web, command: 'serve $PORT | tee ${name}.txt', ports: {http: 8080}}")["web-0"]
    assert web.command == ("/bin/sh", "-c", "serve $PORT | tee web.txt")
    assert shown(web.command) == "serve $PORT | tee web.txt"


def test_a_folder_is_meant_from_the_file() -> None:
    pods = planned("- {name: a, command: [x]}\n- {name: b, command: [x], directory: sub}")
    assert [pod.directory for pod in pods.values()] == [Path("/srv/shop"), Path("/srv/shop/sub")]


def test_the_proxy_is_offered_to_all_and_set_where_asked_for() -> None:
    pods = planned("- {name: a, command: [x]}\n- {name: b, command: [x], proxy: true}")
    assert pods["a-0"].environment["MESHTUI_PROXY"].startswith("http://127.0.0.1:")
    assert "http_proxy" not in pods["a-0"].environment
    assert pods["b-0"].environment["http_proxy"] == pods["b-0"].environment["MESHTUI_PROXY"]
    assert "127.0.0.1" in pods["b-0"].environment["no_proxy"]


def test_an_application_may_listen_at_another_address() -> None:
    pods = planned(
        "- {name: six, command: ['${ports.http}', '${ports.rpc}'], ports: {http: '[::1]:8080', rpc: '[::1]:auto'},"
        " ready: {http: /, port: 8080}}\n"
        "- {name: plain, command: [x], mesh: false, ports: {http: '[::1]:9090'}}\n"
        "- {name: bot, mesh: false, upstreams: [plain],"
        " command: ['${upstreams.plain.host}', '${upstreams.plain.port}']}"
    )
    six = pods["six-0"]
    assert [str(port.address) for port in six.ports] == ["[::1]:8080", "[::1]:20001"]
    assert six.command == ("8080", "20001")
    assert six.environment["PORT_RPC"] == "20001"
    assert six.probe.address == Address("::1", 8080)
    assert pods["bot-0"].environment["PLAIN_ADDR"] == "[::1]:9090"
    assert pods["bot-0"].command == ("::1", "9090")


def test_an_application_may_listen_at_a_socket_whose_path_begins_where_it_runs() -> None:
    pods = planned(
        "- {name: web, command: ['${ports.http}'], directory: run, replicas: 2, ready: {tcp: true},"
        " ports: {http: 'unix:${pod}.sock', admin: 'unix:/tmp/${name}.${pod}'}}"
    )
    web = pods["web-1"]
    assert web.command == ("/srv/shop/run/web-1.sock",)
    assert [str(port.address) for port in web.ports] == ["unix:/srv/shop/run/web-1.sock", "unix:/tmp/web.web-1"]
    assert [port.number for port in web.ports] == [port.listener.port for port in web.ports if port.listener]
    assert not [name for name in web.environment if name.startswith("PORT")]
    assert str(web.probe.address) == "unix:/srv/shop/run/web-1.sock"


def test_without_a_sidecar_upstreams_are_reached_at_theirs() -> None:
    pods = planned(
        "- {name: web, command: [x], ports: {http: 8080}}\n"
        "- {name: plain, command: [x], mesh: false, ports: {http: 9090}}\n"
        "- {name: bot, command: [x], mesh: false, upstreams: [web, plain]}"
    )
    bot = pods["bot-0"]
    assert bot.listeners == []
    assert bot.environment["WEB_ADDR"] == pods["web-0"].ports[0].listener.address  # type: ignore[union-attr]
    assert bot.environment["PLAIN_ADDR"] == "127.0.0.1:9090"
    assert "MESHTUI_PROXY" not in bot.environment


def test_each_listener_goes_to_one_sidecar() -> None:
    pods = planned(
        "- {name: a, command: [x], ports: {http: auto}, replicas: 2}\n- {name: b, command: [x], upstreams: [a]}"
    )
    ports = [listener.port for pod in pods.values() for listener in pod.listeners]
    assert len(ports) == len(set(ports)) == 2 * 3 + 3


def test_opaque_ports_are_named_or_numbered() -> None:
    ports = planned("- {name: a, command: [x], ports: {sql: 5432, http: 80}, opaque: [5432]}")["a-0"].ports
    assert [(port.name, port.opaque) for port in ports] == [("sql", True), ("http", False)]
    ports = planned("- {name: a, command: [x], ports: {sql: auto, http: 80}, opaque: [sql]}")["a-0"].ports
    assert [port.opaque for port in ports] == [True, False]


def test_probes_find_their_port() -> None:
    text = "- {{name: a, command: [x], ports: {{http: 80, grpc: 90, x: 99}}, ready: {{{}}}}}"

    def probe(ready: str) -> Probe:
        return planned(text.format(ready))["a-0"].probe

    assert probe("http: /live") == Probe(Address(HOST, 80), "http", "/live", 30.0)
    assert probe("grpc: ''") == Probe(Address(HOST, 90), "grpc", "", 30.0)
    assert probe("tcp: true, port: x, timeout: 1m") == Probe(Address(HOST, 99), "tcp", "", 60.0)
    assert probe("http: /, port: 99") == Probe(Address(HOST, 99), "http", "/", 30.0)
    assert planned("- {name: a, command: [x]}")["a-0"].probe == Probe()


def test_pods_can_be_counted_from_elsewhere() -> None:
    around = Surroundings(Path("/"), {}, "python", first=2)
    assert list(planned("- {name: a, command: [x]}", around)) == ["a-2"]


def test_accounts_and_kinds() -> None:
    pods = planned("- {name: a, command: [x]}\n- {name: b, command: [x], serviceAccount: c, kind: sts, zone: z}")
    assert (pods["a-0"].service_account, pods["a-0"].kind) == ("a", "deployment")
    assert (pods["b-0"].service_account, pods["b-0"].kind, pods["b-0"].zone) == ("c", "statefulset", "z")


def test_a_workloads_limits_go_before_the_meshs_one_by_one() -> None:
    pods = planned(
        "- {name: a, command: [x], limits: {requests: 7, waitingBytes: 1Mi}}\n- {name: b, command: [x]}\n"
        "limits: {connections: 90, requests: 80}"
    )
    assert pods["a-0"].limits.said == {"max_connections": 90, "max_requests": 7, "max_waiting_bytes": 1 << 20}
    assert pods["b-0"].limits.said == {"max_connections": 90, "max_requests": 80}


def test_instances_take_turns_with_zones() -> None:
    pods = planned("- {name: a, command: [x], replicas: 3, zone: [west, east]}\n- {name: b, command: [x], zone: []}")
    assert [pods[pod].zone for pod in ("a-0", "a-1", "a-2", "b-0")] == ["west", "east", "west", ""]
