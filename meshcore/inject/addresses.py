"""Addresses of the control plane's Services in place of their names, for sidecars of a cluster without DNS. Pure.

The webhook knows the Services from its watches, `meshtui inject` asks the cluster for them.
"""

from collections.abc import Iterator, Mapping

import msgspec

from meshcore.inject.settings import Settings
from meshcore.wire.ids import join

Service = tuple[str, str]  # namespace and name
_FIELDS = ("identity", "control")


def services(settings: Settings) -> Iterator[Service]:
    """Yield the Services whose addresses are wanted; none where names are."""
    if settings.addresses.by_ip:
        for field in _FIELDS:
            yield _service(getattr(settings.addresses, field))


def resolved(settings: Settings, known: Mapping[Service, str]) -> Settings | None:
    """Return the settings as sidecars are to have them; None where an address is wanted that is not known."""
    if not settings.addresses.by_ip:
        return settings
    addresses = settings.addresses
    for field in _FIELDS:
        given = getattr(addresses, field)
        address = known.get(_service(given))
        if not address:
            return None
        addresses = msgspec.structs.replace(addresses, **{field: join(address, given.rpartition(":")[2])})
    return msgspec.structs.replace(settings, addresses=addresses)


def _service(address: str) -> Service:
    name, namespace, *_ = [*address.rpartition(":")[0].split("."), ""]
    return namespace, name
