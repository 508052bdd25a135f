"""The configuration of an instance's sidecar, from its plan and the control plane's answer.

Pure. It goes to the sidecar's stdin, so that the token in it touches no disk.
"""

import ssl

import msgspec

from agents.launcher.plan import Instance
from agents.runtime.config import Inbound, Listener, Outbound, SidecarConfig
from meshcore.wire.identity_pb2 import IssueTokenResponse
from meshcore.wire.ids import parse_spiffe


def configuration(instance: Instance, issued: IssueTokenResponse) -> bytes:
    """Return the configuration as JSON."""
    assert instance.admin is not None
    config = SidecarConfig(
        namespace=instance.namespace,
        kind=instance.kind,
        name=instance.name,
        pod=instance.pod,
        service_account=instance.service_account,
        zone=instance.zone,
        labels=dict(instance.labels or {}),
        trust_domain=parse_spiffe(issued.identity).trust_domain,
        identity_address=issued.identity_address,
        control_address=issued.control_address,
        anchors_pem="".join(map(ssl.DER_cert_to_PEM_cert, issued.trust.anchors)),
        token=issued.token,
        inbound=tuple(
            Inbound(
                name=port.name,
                port=port.number,
                listen=f"fd:{port.listener.fd}",
                host=port.host,
                opaque=port.opaque,
            )
            for port in instance.ports
            if port.listener is not None
        ),
        outbound=tuple(Outbound(target=str(out.target), listen=f"fd:{out.listener.fd}") for out in instance.outbound),
        proxy=Listener(listen=f"fd:{instance.proxy.fd}") if instance.proxy else None,
        admin=Listener(listen=f"fd:{instance.admin.fd}"),
        workers=instance.proxy_workers,
        **instance.limits.said,  # type: ignore[arg-type]
    )
    return msgspec.json.encode(config)
