"""The control plane's own certificate: what its two TLS listeners present.

Issued by its own authority, renewed at 70 % of its life and whenever the authority changes; the key never leaves
memory. serve.py calls `refresh`, the listeners read `current` for each handshake.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from meshcore.pki.authority import Authority, key_pem, new_key, utc

RENEW_AT = 0.7


@dataclass(frozen=True, slots=True)
class Presented:
    """A key with its chain, and the anchors that clients are checked by; all PEM."""

    key: bytes
    chain: bytes
    anchors: bytes


class Serving:
    """The certificate in use. `clock` is Unix time."""

    def __init__(self, authority: Authority, uri: str, dns: tuple[str, ...], clock: Callable[[], float]) -> None:
        self._uri = uri
        self._dns = dns
        self._clock = clock
        self._issue(authority)

    def refresh(self, authority: Authority) -> bool:
        """Renew if it is time or the authority changed; tell whether that was done."""
        if authority is self._authority and utc(self._clock()) < self._renew:
            return False
        self._issue(authority)
        return True

    def _issue(self, authority: Authority) -> None:
        key = new_key()
        leaf = authority.issue(key.public_key(), self._uri, utc(self._clock()), dns=self._dns)
        start, end = leaf.certificate.not_valid_before_utc, leaf.certificate.not_valid_after_utc
        self._authority = authority
        self._renew: datetime = start + (end - start) * RENEW_AT
        self.not_after = end
        self.current = Presented(key_pem(key), leaf.pem, authority.bundle_pem)
