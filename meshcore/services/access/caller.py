"""Who asks, as the API server tells it: user, groups and extras in headers, behind its front-proxy certificate.

Only a client that proves to be the API server's front proxy is believed (kubernetes.io, "Configure the Aggregation
Layer"). What is needed for that stands in ConfigMap kube-system/extension-apiserver-authentication. Pure.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from meshcore.kube.review import User


class CallerError(Exception):
    """A request whose sender nobody vouches for; `str()` is one line."""


@dataclass(frozen=True, slots=True)
class FrontProxy:
    """How the API server proves itself, and in which headers it says who asks."""

    ca_pem: str
    names: frozenset[str]  # of its certificate; empty: any that the CA has signed
    user_headers: tuple[str, ...]
    group_headers: tuple[str, ...]
    extra_prefixes: tuple[str, ...]


def front_proxy(data: Mapping[str, str]) -> FrontProxy:
    """Return what the ConfigMap's data says; raises CallerError."""
    ca = data.get("requestheader-client-ca-file", "")
    if "BEGIN CERTIFICATE" not in ca:
        raise CallerError(
            "kube-system/extension-apiserver-authentication holds no requestheader-client-ca-file: "
            "the API server runs without an aggregation layer (--requestheader-client-ca-file)"
        )
    return FrontProxy(
        ca_pem=ca,
        names=frozenset(_list(data, "requestheader-allowed-names")),
        user_headers=_list(data, "requestheader-username-headers"),
        group_headers=_list(data, "requestheader-group-headers"),
        extra_prefixes=_list(data, "requestheader-extra-headers-prefix"),
    )


def identify(front: FrontProxy, certificate: Mapping[str, Any] | None, headers: Iterable[tuple[str, str]]) -> User:
    """Return who asks. `certificate` is what `ssl` says of the client's, verified against the front proxy's CA.

    Raises CallerError for anybody but the front proxy, and for a request in no user's name.
    """
    if not certificate:
        raise CallerError("this port is for the API server: no client certificate was shown")
    name = common_name(certificate)
    if front.names and name not in front.names:
        raise CallerError(f"{name!r} is none of the names that the API server's front proxy may have")
    given = [(key.lower(), value) for key, value in headers]
    users = _values(given, front.user_headers)
    if len(users) != 1 or not users[0]:
        raise CallerError("the request is in nobody's name")
    extra: dict[str, list[str]] = {}
    for prefix in map(str.lower, front.extra_prefixes):
        for key, value in given:
            if key.startswith(prefix) and len(key) > len(prefix):
                extra.setdefault(unquote(key[len(prefix) :]), []).append(value)
    user = User(
        users[0],
        groups=tuple(_values(given, front.group_headers)),
        extra=tuple(sorted((key, tuple(values)) for key, values in extra.items())),
    )
    try:  # what is no UTF-8 stands for something else in every review
        "".join((user.name, *user.groups, *(text for key, values in user.extra for text in (key, *values)))).encode()
    except UnicodeEncodeError:
        raise CallerError("what the request says of who asks is no UTF-8") from None
    return user


def common_name(certificate: Mapping[str, Any]) -> str:
    """Return the common name of a certificate's subject; empty if it has none."""
    for relative in certificate.get("subject", ()):
        for key, value in relative:
            if key == "commonName":
                return str(value)
    return ""


def _values(headers: Iterable[tuple[str, str]], names: Iterable[str]) -> list[str]:
    """Return the values of the first of these headers that is there."""
    given = list(headers)
    for name in names:
        found = [value for key, value in given if key == name.lower()]
        if found:
            return found
    return []


def _list(data: Mapping[str, str], key: str) -> tuple[str, ...]:
    try:
        found = json.loads(data.get(key) or "[]")
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise CallerError(f"kube-system/extension-apiserver-authentication: {key} is no list of names")
    return tuple(found)
