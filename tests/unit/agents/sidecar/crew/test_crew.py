"""What a worker is told of the configuration, and which process gets a connection."""

from types import SimpleNamespace

from agents.runtime.config import Inbound, Listener, Outbound, SidecarConfig, Transparent, read
from agents.sidecar.crew.crew import Crew, configuration

BASE = {
    "namespace": "default",
    "name": "web",
    "pod": "web-0",
    "trust_domain": "local",
    "identity_address": "127.0.0.1:1",
    "control_address": "127.0.0.1:2",
    "anchors_pem": "-----BEGIN CERTIFICATE-----",
    "token": "secret",
    "workers": 3,
}


def test_descriptors_and_free_ports_become_addresses_in_the_order_of_the_listeners():
    config = SidecarConfig(
        **BASE,
        labels={"team": "x"},
        admin=Listener(listen="fd:9"),
        inbound=(Inbound(name="http", port=80, listen="fd:5"), Inbound(name="rpc", port=81, listen="127.0.0.1:0")),
        outbound=(Outbound(target="api.default", listen="fd:6"),),
        proxy=Listener(listen="[::1]:0"),
    )
    told = configuration(config, [("127.0.0.1", 1005), ("127.0.0.1", 1000), ("127.0.0.1", 1006), ("::1", 1007)])
    assert b"secret" not in told
    worker = read(told)
    assert [each.listen for each in worker.inbound] == ["127.0.0.1:1005", "127.0.0.1:1000"]
    assert [each.listen for each in worker.outbound] == ["127.0.0.1:1006"]
    assert worker.proxy == Listener(listen="[::1]:1007")
    assert (worker.identity, worker.labels, worker.inbound[1].name) == (config.identity, {"team": "x"}, "rpc")


def test_redirected_listeners():
    config = SidecarConfig(
        **BASE,
        admin=Listener(listen="127.0.0.1:3"),
        inbound=(Inbound(name="http", port=80),),
        transparent=Transparent(
            inbound=("0.0.0.0:4143", "[::]:4143"), outbound=("127.0.0.1:4140",), addresses=("10.0.0.1",)
        ),
    )
    told = read(configuration(config, [("0.0.0.0", 4143), ("::", 4143), ("127.0.0.1", 4140)]))
    assert told.transparent == config.transparent
    assert told.inbound == config.inbound


class Process:
    """A worker that reports when the test says so."""

    able = True
    willing = True

    def __init__(self):
        self.reported = 0
        self.handed = self.seen = 0

    @property
    def clients(self):
        return self.reported + self.handed - self.seen

    def give(self, listener, accepted):
        self.handed += self.willing
        return self.willing

    def report(self, clients):
        self.reported, self.seen = clients, self.handed


class Scene:
    """A lead with two workers, and a clock."""

    def __init__(self):
        self.now = 100.0
        self.listener = SimpleNamespace(host=SimpleNamespace(loop=SimpleNamespace(time=lambda: self.now)), share=None)
        self.traffic = SimpleNamespace(listeners=[], clients=0)
        self.crew = Crew(SimpleNamespace(), self.traffic)
        self.crew._numbers = Anywhere()
        self.workers = [Process(), Process()]
        self.crew._members = [SimpleNamespace(session=worker) for worker in self.workers]

    def arrive(self, count):
        """Return how many of so many connections the lead and its workers got."""
        before = [worker.handed for worker in self.workers]
        kept = sum(not self.crew.share(self.listener, None) for _ in range(count))
        return [kept, *(worker.handed - had for worker, had in zip(self.workers, before, strict=True))]


class Anywhere:
    def __getitem__(self, listener):
        return 0


def test_connections_that_stay_are_shared_evenly():
    assert Scene().arrive(30) == [10, 10, 10]


def test_connections_that_close_at_once_are_shared_evenly_too():
    assert Scene().arrive(3000) == [1000, 1000, 1000]  # though none of the lead's is open any more


def test_who_has_more_gets_fewer_until_all_have_as_many():
    scene = Scene()
    scene.workers[0].report(12)
    scene.traffic.clients = 6
    assert scene.arrive(18) == [6, 0, 12]
    assert scene.arrive(9) == [3, 3, 3]


def test_the_lead_looks_again_when_workers_have_reported():
    scene = Scene()
    scene.arrive(30)
    scene.now += 0.3
    for worker in scene.workers:
        worker.report(10)
    scene.traffic.clients = 0  # its own have closed
    assert scene.arrive(10) == [10, 0, 0]


def test_a_worker_that_cannot_take_one_leaves_it_to_the_lead():
    scene = Scene()
    scene.workers[0].willing = False
    scene.workers[1].able = False
    assert scene.arrive(6) == [6, 0, 0]
