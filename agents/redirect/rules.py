"""Which packets of a pod go through its sidecar: the nat rules, as input of one `iptables-restore`. Pure.

Inbound TCP is sent to the sidecar's inbound port, outbound TCP to its outbound port; what the sidecar itself sends
(known by its uid), what stays on loopback, and what is to be skipped goes its own way. Every rule stands in a chain of
ours, so that applying twice is applying once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agents.runtime.ports import Ports

INBOUND = "MESHTUI_INBOUND"
OUTBOUND = "MESHTUI_OUTBOUND"
PER_RULE = 15  # ports that one multiport match holds; a range counts twice


@dataclass(frozen=True, slots=True)
class Redirect:
    """What to redirect, and where to."""

    proxy_uid: int = 2102
    inbound_port: int = 4143
    outbound_port: int = 4140
    admin_port: int = 4191
    skip_inbound: tuple[Ports, ...] = ()
    skip_outbound: tuple[Ports, ...] = ()
    skip_networks: tuple[str, ...] = field(default=())  # CIDR, of one family


def restore(redirect: Redirect, present: str = "") -> str:
    """Return the input of `iptables-restore --noflush`; `present` is what `iptables-save -t nat` says now.

    Declaring a chain empties it, so only the two jumps could pile up: they are added where they are not there yet.
    """
    lines = ["*nat", f":{INBOUND} - [0:0]", f":{OUTBOUND} - [0:0]"]
    for hook, chain in (("PREROUTING", INBOUND), ("OUTPUT", OUTBOUND)):
        jump = f"-A {hook} -p tcp -j {chain}"
        if jump not in present.splitlines():
            lines.append(jump)
    lines += _inbound(redirect)
    lines += _outbound(redirect)
    return "\n".join([*lines, "COMMIT", ""])


def _inbound(redirect: Redirect) -> Iterator[str]:
    own = ((redirect.inbound_port, redirect.inbound_port), (redirect.admin_port, redirect.admin_port))
    for ports in _multiport((*own, *redirect.skip_inbound)):
        yield f"-A {INBOUND} -p tcp -m multiport --dports {ports} -j RETURN"
    yield f"-A {INBOUND} -p tcp -j REDIRECT --to-ports {redirect.inbound_port}"


def _outbound(redirect: Redirect) -> Iterator[str]:
    yield f"-A {OUTBOUND} -m owner --uid-owner {redirect.proxy_uid} -j RETURN"
    yield f"-A {OUTBOUND} -o lo -j RETURN"
    for network in redirect.skip_networks:
        yield f"-A {OUTBOUND} -d {network} -j RETURN"
    for ports in _multiport(redirect.skip_outbound):
        yield f"-A {OUTBOUND} -p tcp -m multiport --dports {ports} -j RETURN"
    yield f"-A {OUTBOUND} -p tcp -j REDIRECT --to-ports {redirect.outbound_port}"


def _multiport(ranges: Iterable[Ports]) -> Iterator[str]:
    """Yield ports in lists that one multiport match can hold."""
    group: list[str] = []
    room = PER_RULE
    for low, high in ranges:
        cost = 1 if low == high else 2
        if cost > room:
            yield ",".join(group)
            group, room = [], PER_RULE
        group.append(str(low) if low == high else f"{low}:{high}")
        room -= cost
    if group:
        yield ",".join(group)
