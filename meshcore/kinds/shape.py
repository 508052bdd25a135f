"""The words that all our kinds are written in: names, ports, lengths of time, shares, and what a policy is for.

A kind is a msgspec struct made of these. decode.py reads objects by them, crd.py makes the API server's schemas of
them; `extra` carries what only one of the two uses: `fix` is what a person is told to write.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from meshcore.kinds.fault import Fault
from meshcore.wire.duration import TooLong, milliseconds
from meshcore.wire.ids import parse_spiffe

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True, omit_defaults=True):
    """Unknown fields are errors: a misspelt one would be silently without effect."""

    def faults(self) -> Iterable[Fault]:
        """Yield what is wrong with it beyond the types of its fields; asked once those are right."""
        return ()


class Tolerant(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """For kinds of others, which have fields that we do not use."""

    def faults(self) -> Iterable[Fault]:
        """Yield what is wrong with it beyond the types of its fields; asked once those are right."""
        return ()


Problem = tuple[str, str]  # what is wrong, and the fix


def _duration(text: str) -> Problem | None:
    """Return what is wrong with a length of time that must be more than none."""
    try:
        milliseconds(text)
    except TooLong as error:
        what, _, fix = str(error).rpartition("; ")
        return what, f"{fix}, or remove the field"
    except ValueError:
        return f"{text!r} is no time at all", "write for example 30s, or remove the field"
    return None


def regex_problem(text: str) -> Problem | None:
    """Return what is wrong with a regular expression, as sidecars compile it: over bytes."""
    try:
        re.compile(text.encode())
    except (re.error, RecursionError, OverflowError) as error:
        return f"{text!r} is no regular expression: {error}", "correct it"
    return None


def _port(port: int | str) -> Problem | None:
    """Return what is wrong with a port; names are those of IANA (RFC 6335)."""
    if isinstance(port, str):
        if port.isdecimal():
            return f"{port!r} is text", f"write the number without quotes: {port}"
        if not re.fullmatch(LABEL, port):
            return f"{port!r} is no name of a port", "use its number, or lower-case letters, digits and '-'"
    return None


def _identity(text: str) -> Problem | None:
    """Return what is wrong with an identity: a SPIFFE ID, NAMESPACE/SERVICEACCOUNT, or * for any of the mesh."""
    if text == "*" or re.fullmatch(rf"{LABEL}/({SUBDOMAIN}|\*)", text):
        return None
    fix = "write NAMESPACE/SERVICEACCOUNT, NAMESPACE/*, a SPIFFE ID, or * for whoever is in the mesh"
    if not text.startswith("spiffe://"):
        return f"{text!r} is no identity", fix
    try:
        parse_spiffe(text)
    except ValueError as error:
        return str(error), fix
    return None


def _network(text: str) -> Problem | None:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        fix = "write for example 10.0.0.0/8, 192.168.1.7 or fd00::/8"
        return f"{text!r} is no network: {str(error).removeprefix(repr(text)).strip()}", fix
    return None


def _address(text: str) -> Problem | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return f"{text!r} is no IP address", "write for example 192.0.2.7 or 2001:db8::7"
    return None


def _text(
    pattern: str, says: str, fix: str, most: int = 253, check: Callable[[str], Problem | None] | None = None
) -> Meta:
    return Meta(pattern=f"^{pattern}$", max_length=most, extra={"says": says, "fix": fix, "check": check})


Name = Annotated[str, _text(SUBDOMAIN, "no name of an object", "use lower-case letters, digits, '-' and '.'")]
Label = Annotated[str, _text(LABEL, "no name", "use lower-case letters, digits and '-', 63 at most", 63)]
Host = Annotated[
    str, _text(rf"(\*\.)?{SUBDOMAIN}", "no name of a host", "write for example api.example.com or *.example.com")
]  # fmt: skip
RouteName = Annotated[
    str, _text(r"[A-Za-z0-9/]([A-Za-z0-9 ._/:*{}-]{0,118}[A-Za-z0-9/*}])?", "no name of a route",
               "use letters, digits and ._/:*{}- , 120 at most", 120)
]  # fmt: skip
Duration = Annotated[
    str, _text(r"([0-9]{1,7}(\.[0-9]{1,3})?(ms|s|m|h)){1,4}", "no duration", "write for example 30s, 500ms or 1m30s",
               40, _duration)
]  # fmt: skip
Method = Annotated[str, _text(r"[A-Za-z!#$%&'*+.^_`|~0-9-]+", "no method", "write for example GET or POST", 32)]
Path = Annotated[str, Meta(max_length=1024, pattern="^/", extra={"says": "no path", "fix": "begin it with /"})]
Regex = Annotated[str, Meta(max_length=1024, extra={"check": regex_problem})]
Identity = Annotated[str, Meta(max_length=512, extra={"check": _identity})]
Network = Annotated[str, Meta(max_length=64, extra={"check": _network})]
Address = Annotated[str, Meta(max_length=64, extra={"check": _address})]
PortNumber = Annotated[int, Meta(ge=1, le=65535)]
Port = Annotated[PortNumber | Annotated[str, Meta(max_length=63)], Meta(extra={"check": _port})]
Share = Annotated[float, Meta(ge=0.0, le=1.0, extra={"fix": "write a share between 0 and 1: 0.1 is a tenth"})]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]

WorkloadKind = Literal[
    "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "ReplicationController", "Pod"
]  # fmt: skip


def described(text: str, **more: Any) -> Meta:
    """Return what `kubectl explain` says of a field."""
    return Meta(description=text, **more)


class ServiceRef(Struct, frozen=True, kw_only=True):
    """A Service of the same namespace."""

    kind: Annotated[Literal["Service"], described("What it is.")] = "Service"
    name: Annotated[Name, described("Its name.")]
    port: Annotated[Port, described("One port of it, by number or name; without: every port.")] | None = None


class WorkloadRef(Struct, frozen=True, kw_only=True):
    """A workload of the same namespace, or all of them; where its sidecar receives requests, the policy holds."""

    kind: Annotated[
        Literal[WorkloadKind, "Namespace"],
        described("What it is; Namespace: every workload of the policy's own namespace."),
    ]
    name: Annotated[str, Meta(max_length=253), described("Its name; with kind Namespace: none.")] = ""
    port: Annotated[Port, described("One port of the application, by number or name; without: every port.")] | None = (
        None
    )
    route: Annotated[str, described("One route, by its name; without: all requests.", max_length=120)] = ""

    def faults(self) -> Iterator[Fault]:
        if self.kind == "Namespace" and self.name:
            yield Fault(
                ("name",), "a policy is for its own namespace only", "remove the name, and put the policy there"
            )
        if self.kind != "Namespace":
            yield from _name_faults(self.kind, self.name)


class TargetRef(Struct, frozen=True, kw_only=True):
    """A Service, at whoever calls it, or a workload, where it receives requests; in the same namespace."""

    kind: Annotated[Literal[WorkloadKind, "Service"], described("What it is.")]
    name: Annotated[str, Meta(max_length=253), described("Its name.")]
    port: Annotated[Port, described("One port of it, by number or name; without: every port.")] | None = None
    route: Annotated[str, described("One route, by its name; without: all requests.", max_length=120)] = ""

    def faults(self) -> Iterator[Fault]:
        yield from _name_faults(self.kind, self.name)


def _name_faults(kind: str, name: str) -> Iterator[Fault]:
    if not name:
        yield Fault(("name",), "is missing", f"give the name of the {kind}")
    elif not re.fullmatch(SUBDOMAIN, name):
        yield Fault(("name",), f"{name!r} is no name of a {kind}", "use lower-case letters, digits, '-' and '.'")
