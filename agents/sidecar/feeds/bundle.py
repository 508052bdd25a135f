"""The trust bundle that the control plane told last, kept for the next start of this sidecar.

A pod's text holds the anchors of the day on which the pod was made. Once an old anchor is dropped, a sidecar that the
kubelet starts again would know nobody by that text; what it was told over a connection that it had verified, it may go
on from. The file is in the pod's own volume, which lives as long as the pod; nothing of it is secret.
"""

import logging
import os
import ssl

from agents.sidecar.state.certs import Certs

_LIMIT = 1 << 20


class Bundle:
    """One file; without a path nothing is kept."""

    def __init__(self, path: str, certs: Certs, log: logging.Logger) -> None:
        self._path = path
        self._certs = certs
        self._log = log
        self._written = ""
        if path:
            certs.subscribe(self._keep)

    def read(self) -> str:
        """Return the bundle as PEM; empty if none was kept that can be used."""
        if not self._path:
            return ""
        try:
            with open(self._path, encoding="ascii") as file:
                found = file.read(_LIMIT)
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=found)
        except FileNotFoundError:
            return ""  # the first start
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError, UnicodeDecodeError a ValueError
            self._log.warning("the trust bundle in %s is not used: %s", self._path, error)
            return ""
        self._written = found
        return found

    def _keep(self) -> None:
        """Write what is in force now, whole or not at all."""
        anchors = self._certs.anchors_pem
        if anchors == self._written:
            return
        fresh = f"{self._path}.new"
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                file.write(anchors)
            os.replace(fresh, self._path)
        except OSError as error:
            self._log.warning("the trust bundle is not kept for the next start: %s: %s", self._path, error.strerror)
            return
        self._written = anchors
