"""What is wrong with one value of the settings, or of an annotation that overrides it: a line, or empty. Pure.

settings.py asks for each field of the document, wishes.py for each annotation, so that both refuse the same.
"""

import ipaddress
import re
from decimal import Decimal

from meshcore.wire.duration import milliseconds
from meshcore.wire.ids import is_label, is_trust_domain, parse_address

MOST_WORKERS = 64
SHORTEST_LIFE_MS = 60_000  # clocks may differ by 20 s, and a renewal takes its time
LEVELS = ("debug", "info", "warning", "error")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_UNITS = {"m": Decimal("0.001"), "": Decimal(1)} | {
    f"{letter}{binary}": Decimal(1024 if binary else 1000) ** power
    for power, letter in enumerate("kMG", 1)
    for binary in ("", "i")
}
_UNITS["Ki"] = _UNITS.pop("ki")
QUANTITY = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:m|k|Ki|M|Mi|G|Gi)?")
# As container runtimes read it: what they cannot read, a pod waits for without end.
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:{_HOST}(?:\.{_HOST})*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]+)?"
)
_PORTS = re.compile(r"(?:[0-9]{1,5}(?:-[0-9]{1,5})?)(?:,[0-9]{1,5}(?:-[0-9]{1,5})?)*|")


def pull(text: str) -> str:
    """Return what is wrong with an image pull policy; empty: nothing."""
    return "" if text in PULL_POLICIES else f"{text!r} is none of {', '.join(PULL_POLICIES)}"


def level(text: str) -> str:
    """Return what is wrong with a log level; empty: nothing."""
    return "" if text in LEVELS else f"{text!r} is none of {', '.join(LEVELS)}"


def quantity(text: str) -> str:
    """Return what is wrong with a quantity of Kubernetes'; empty: nothing."""
    return "" if QUANTITY.fullmatch(text) else f"{text!r} is no quantity; write for example 100m, 0.5 or 64Mi"


def limit(limit: str, request: str) -> str:
    """Return what is wrong with a limit, given the request; the API server refuses pods over it, not the sidecar."""
    if not limit or not request or _amount(limit) >= _amount(request):
        return ""
    return f"{limit} is less than the request, {request}"


def _amount(quantity: str) -> Decimal:
    number = quantity.rstrip("mkKMGi")
    return Decimal(number) * _UNITS[quantity[len(number) :]]


def duration(text: str) -> str:
    """Return what is wrong with a duration; empty: nothing."""
    try:
        milliseconds(text)
    except ValueError as error:
        return str(error)
    return ""


def life(text: str) -> str:
    """Return what is wrong with a certificate's life."""
    problem = duration(text)
    return problem or ("" if milliseconds(text) >= SHORTEST_LIFE_MS else f"{text!r} is shorter than a minute")


def pre_stop(text: str) -> str:
    """Return what is wrong with a time to go on in whole seconds, as Kubernetes has it."""
    if text in ("", "0s"):
        return ""
    problem = duration(text)
    return problem or ("" if milliseconds(text) % 1000 == 0 else f"{text!r} is not in whole seconds")


def workers(text: str) -> str:
    """Return what is wrong with a number of processes."""
    good = text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= MOST_WORKERS
    return "" if good else f"{text!r} is not a number between 1 and {MOST_WORKERS}"


def ports(text: str) -> str:
    """Return what is wrong with a list such as 25,9000-9010."""
    if not _PORTS.fullmatch(text):
        return f"{text!r} is no list of ports; write for example 25,9000-9010"
    for part in filter(None, text.split(",")):
        low, _, high = part.partition("-")
        if not 1 <= int(low) <= int(high or low) <= 65535:
            return f"{part!r} is outside 1 to 65535, or ends before it begins"
    return ""


def networks(text: str) -> str:
    """Return what is wrong with a list of networks such as 10.0.0.0/8,fd00::/8."""
    for part in filter(None, (each.strip() for each in text.split(","))):
        try:
            ipaddress.ip_network(part)
        except ValueError as error:
            return f"{part!r} is no network: {error}"
    return ""


def image(text: str) -> str:
    """Return what is wrong with an image's name, tag and digest; a registry says the rest."""
    return "" if _IMAGE.fullmatch(text) else f"{text!r} is no image; write for example registry.example.com/a/b:1.0"


def domain(text: str) -> str:
    """Return what is wrong with a trust domain."""
    good = is_trust_domain(text)
    return "" if good else f"{text!r} cannot be a trust domain; use lower-case letters, digits, '.', '-' and '_'"


def address(text: str) -> str:
    """Return what is wrong with where sidecars find a service, HOST:PORT."""
    host, _, port = text.rpartition(":")
    named = all(map(is_label, host.lower().removesuffix(".").split(".")))
    number = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if parse_address(text) is not None or (named and number):
        return ""
    return f"{text!r} is no address to dial; write HOST:PORT"
