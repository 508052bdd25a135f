"""Which instances there are: what sidecars said when they registered, joined with what launchers report.

Pure state with a clock; serve.py feeds it, resolve.py and rows.py read it. A change names the services it
touched, so that only their watchers look again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from meshcore.wire import discovery_pb2
from meshcore.wire.discovery_pb2 import Instance, InstanceStatus

REPORT_GRACE_S = 10.0  # how long a launcher that went away is believed
ADDRESS_GRACE_S = 30.0  # how long a sidecar that lost its stream is still taken to be at its address

PodKey = tuple[str, str]  # namespace, pod
Attendant = Callable[["Uplink", int, bool], None]  # since when, and whether it is gone
ServiceKey = tuple[str, str]  # namespace, name; an address is in no namespace


@dataclass(slots=True, eq=False)
class Uplink:
    """One Register stream: a sidecar that is connected. Compared by identity: each stream is its own."""

    instance: Instance
    identity: str  # SPIFFE ID, proven by the stream's certificate
    draining: bool = False


@dataclass(slots=True)
class Entry:
    """What is known of one instance."""

    namespace: str
    pod: str
    uplink: Uplink | None = None
    last: Uplink | None = None  # the uplink it had, once that broke
    uplink_since_ms: int = 0
    status: InstanceStatus | None = None
    launcher: str = ""

    @property
    def service(self) -> ServiceKey:
        known = self.uplink or self.last
        name = known.instance.name if known else self.status.name if self.status else ""
        return (self.namespace, name)

    @property
    def meshed(self) -> bool:
        """Tell whether a sidecar is connected, or was or will be."""
        return self.uplink is not None or (self.status.meshed if self.status else self.last is not None)

    @property
    def serving(self) -> bool:
        """Tell whether traffic may be sent to it."""
        if self.status is not None and not self.status.ready:
            return False
        if self.uplink is not None:
            return not self.uplink.draining
        return self.status is not None and not self.status.meshed

    @property
    def ports(self) -> Iterable[discovery_pb2.InstancePort]:
        if self.uplink is not None:
            return self.uplink.instance.ports
        return self.status.ports if self.status is not None else ()


@dataclass(slots=True)
class _Launcher:
    pods: set[PodKey] = field(default_factory=set)
    streams: int = 0
    left: float = 0.0  # when its last stream ended


class Registry:
    """All instances. `clock` is monotonic seconds, `wall_ms` Unix time."""

    def __init__(self, clock: Callable[[], float], wall_ms: Callable[[], int]) -> None:
        self._clock = clock
        self._wall_ms = wall_ms
        self._entries: dict[PodKey, Entry] = {}
        self._services: dict[ServiceKey, dict[PodKey, Entry]] = {}
        self._addresses: dict[str, Uplink] = {}
        self._left: dict[str, float] = {}  # since when the sidecar of an address is away
        self._launchers: dict[str, _Launcher] = {}
        self._listeners: list[Callable[[set[ServiceKey]], None]] = []
        self.attendants: set[Attendant] = set()  # told of each sidecar that comes, changes or goes
        self.changed_at = clock()
        self.reported = False  # some launcher has said what it looks after

    def listen(self, listener: Callable[[set[ServiceKey]], None]) -> None:
        """Call `listener` with the services that each change touches."""
        self._listeners.append(listener)

    def entries(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def entry(self, namespace: str, pod: str) -> Entry | None:
        return self._entries.get((namespace, pod))

    def service(self, key: ServiceKey) -> Iterable[Entry]:
        """Return the instances that stand behind a service."""
        return self._services.get(key, {}).values()

    def at(self, ip: str) -> Uplink | None:
        """Return the sidecar that has an address to itself, or had it a moment ago.

        One that lost its stream without a farewell still serves: forgotten at once, it would be spoken to in the clear.
        """
        return self._addresses.get(ip)

    def connect(self, instance: Instance, identity: str) -> Uplink:
        """Take in a sidecar; an older stream of the same pod is forgotten."""
        uplink = Uplink(instance, identity)
        entry = self._entry(instance.namespace, instance.pod)
        before = entry.service
        entry.uplink = uplink
        entry.last = None
        entry.uplink_since_ms = self._wall_ms()
        self._tell(self._index(entry, before) | self._occupy(uplink))
        self._attend(entry, uplink)
        return uplink

    def update(self, uplink: Uplink, instance: Instance | None, *, draining: bool) -> None:
        """Take in a later message of a stream."""
        entry = self._entries.get((uplink.instance.namespace, uplink.instance.pod))
        if entry is None or entry.uplink is not uplink:
            return
        if draining == uplink.draining and (instance is None or instance == uplink.instance):
            return
        before = entry.service
        uplink.draining = draining
        touched: set[ServiceKey] = set()
        if instance is not None:
            touched |= self._vacate(uplink, at_once=True)
            uplink.instance = instance
            touched |= self._occupy(uplink)
        self._tell(self._index(entry, before) | touched)
        self._attend(entry, uplink)

    def disconnect(self, uplink: Uplink) -> None:
        """Forget a stream that ended: its sidecar takes no traffic from now on."""
        entry = self._entries.get((uplink.instance.namespace, uplink.instance.pod))
        if entry is None or entry.uplink is not uplink:
            return
        before = entry.service
        entry.uplink = None
        entry.last = uplink
        entry.uplink_since_ms = self._wall_ms()
        self._tell(self._index(entry, before) | self._vacate(uplink, at_once=uplink.draining))
        self._attend(entry, uplink, gone=True)

    def arrive(self, launcher: str) -> None:
        """Count a launcher's stream."""
        self._launchers.setdefault(launcher, _Launcher()).streams += 1

    def report(self, launcher: str, statuses: Iterable[InstanceStatus]) -> None:
        """Take in all that a launcher looks after; what it named before and does not name now is gone."""
        known = self._launchers.setdefault(launcher, _Launcher())
        self.reported = True
        touched: set[ServiceKey] = set()
        pods: set[PodKey] = set()
        for status in statuses:
            key = (status.namespace, status.pod)
            pods.add(key)
            entry = self._entry(*key)
            entry.launcher = launcher
            if entry.status == status:
                continue
            before = entry.service
            entry.status = status
            touched |= self._index(entry, before)
        for key in known.pods - pods:
            touched |= self._forget_status(key, launcher)
        known.pods = pods
        self._tell(touched)

    def put(self, launcher: str, status: InstanceStatus) -> None:
        """Take in one instance that a launcher looks after, as Kubernetes tells it: one by one."""
        key = (status.namespace, status.pod)
        self._launchers.setdefault(launcher, _Launcher(streams=1)).pods.add(key)
        self.reported = True
        entry = self._entry(*key)
        entry.launcher = launcher
        if entry.status == status:
            return
        before = entry.service
        entry.status = status
        self._tell(self._index(entry, before))

    def drop(self, launcher: str, namespace: str, pod: str) -> None:
        """Forget what a launcher said of one instance."""
        known = self._launchers.get(launcher)
        if known is not None:
            known.pods.discard((namespace, pod))
        self._tell(self._forget_status((namespace, pod), launcher))

    def leave(self, launcher: str) -> None:
        """Count the end of a launcher's stream; its word stands for a while, it may come back."""
        known = self._launchers.get(launcher)
        if known is not None:
            known.streams -= 1
            known.left = self._clock()

    def expire(self) -> None:
        """Forget the launchers and the addresses' sidecars that stayed away; to be called now and then."""
        now = self._clock()
        touched: set[ServiceKey] = set()
        for ip in [ip for ip, left in self._left.items() if now - left >= ADDRESS_GRACE_S]:
            del self._left[ip], self._addresses[ip]
            touched.add(("", ip))
        for name, known in list(self._launchers.items()):
            if known.streams <= 0 and now - known.left >= REPORT_GRACE_S:
                del self._launchers[name]
                for key in known.pods:
                    touched |= self._forget_status(key, name)
        self._tell(touched)

    def _entry(self, namespace: str, pod: str) -> Entry:
        key = (namespace, pod)
        found = self._entries.get(key)
        if found is None:
            found = self._entries[key] = Entry(namespace, pod)
        return found

    def _forget_status(self, key: PodKey, launcher: str) -> set[ServiceKey]:
        entry = self._entries.get(key)
        if entry is None or entry.launcher != launcher:  # another launcher has taken it over
            return set()
        before = entry.service
        entry.status = None
        entry.launcher = ""
        return self._index(entry, before)

    def _index(self, entry: Entry, before: ServiceKey) -> set[ServiceKey]:
        """File an entry that has changed under its service; return the services that this touches."""
        key = (entry.namespace, entry.pod)
        pods = self._services.get(before, {})
        pods.pop(key, None)
        if not pods:
            self._services.pop(before, None)
        if entry.uplink is None and entry.status is None:
            del self._entries[key]
            return {before}
        self._services.setdefault(entry.service, {})[key] = entry
        return {before, entry.service}

    def _occupy(self, uplink: Uplink) -> set[ServiceKey]:
        """File a sidecar under its addresses; return what this touches, as the keys of their targets."""
        for ip in uplink.instance.addresses:
            self._addresses[ip] = uplink
            self._left.pop(ip, None)
        return {("", ip) for ip in uplink.instance.addresses}

    def _vacate(self, uplink: Uplink, *, at_once: bool) -> set[ServiceKey]:
        """Let go of a sidecar's addresses, at once or when it has been away for a while."""
        held = [ip for ip in uplink.instance.addresses if self._addresses.get(ip) is uplink]
        for ip in held:
            if at_once:
                del self._addresses[ip]
            else:
                self._left[ip] = self._clock()
        return {("", ip) for ip in held} if at_once else set()

    def _attend(self, entry: Entry, uplink: Uplink, *, gone: bool = False) -> None:
        for attendant in self.attendants:
            attendant(uplink, entry.uplink_since_ms, gone)

    def _tell(self, touched: set[ServiceKey]) -> None:
        if not touched:
            return
        self.changed_at = self._clock()
        for listener in self._listeners:
            listener(touched)
