"""The mesh's authority as the objects that hold it in a cluster: a ConfigMap of trust anchors, a Secret of the issuer.

The control plane makes them at its first start, `meshtui install` before that, both here, so that they are the same.
"""

import base64
import time

from meshcore.inject.names import ANCHORS_KEY, ANCHORS_MAP, ISSUER_SECRET
from meshcore.kube.objects import CONFIG_MAPS, SECRETS, Kind, Object
from meshcore.pki.authority import AuthorityError, create_anchor, create_issuer, key_pem, load, load_anchors, pem, utc

LABELS = {"app.kubernetes.io/part-of": "meshtui"}


def fresh(namespace: str) -> list[tuple[Kind, Object]]:
    """Return a new authority, each object with its kind; the anchor's key is kept by nobody."""
    now = utc(time.time())
    anchor, anchor_key = create_anchor(namespace, now)
    issuer, key = create_issuer(namespace, anchor, anchor_key, now)
    return _objects(namespace, pem(anchor), pem(issuer), key_pem(key))


def given(namespace: str, anchors: bytes, issuer: bytes, key: bytes) -> list[tuple[Kind, Object]]:
    """Return an authority of somebody's own, in PEM; raises ValueError if it could not issue anything.

    Certificates and key alone go on: what else a file holds, perhaps the anchor's own key, is nobody's to see.
    """
    try:
        found = load(anchors, issuer, key, utc(time.time()))
    except AuthorityError as error:
        raise ValueError(str(error)) from None
    return _objects(namespace, found.bundle_pem, pem(found.issuer), key_pem(found.key))


def anchored(namespace: str, anchors: bytes) -> tuple[Kind, Object]:
    """Return the bundle of an issuer that somebody else keeps; raises ValueError if nothing could be under it."""
    try:
        found = load_anchors(anchors, utc(time.time()))
    except AuthorityError as error:
        raise ValueError(str(error)) from None
    return CONFIG_MAPS, bundle(namespace, b"".join(map(pem, found)))


def bundle(namespace: str, anchors: bytes) -> Object:
    """Return the ConfigMap of trust anchors."""
    made = CONFIG_MAPS.new(ANCHORS_MAP, namespace, data={ANCHORS_KEY: anchors.decode()})
    made["metadata"]["labels"] = dict(LABELS)
    return made


def _objects(namespace: str, anchors: bytes, issuer: bytes, key: bytes) -> list[tuple[Kind, Object]]:
    parts = {"anchors.pem": anchors, "issuer.pem": issuer, "issuer.key": key}
    data = {name: base64.b64encode(part).decode() for name, part in parts.items()}
    secret = SECRETS.new(ISSUER_SECRET, namespace, type="Opaque", data=data)
    secret["metadata"]["labels"] = dict(LABELS)
    return [(CONFIG_MAPS, bundle(namespace, anchors)), (SECRETS, secret)]
