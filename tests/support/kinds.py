"""Objects of our kinds as people write them: one good one of each, and ways to spoil them."""

import copy
from typing import Any

import yaml

GOOD = """\
apiVersion: mesh.meshtui.dev/v1alpha1
kind: ServiceProfile
metadata: {name: web}
spec:
  routes:
    - name: list
      condition: {method: GET, pathRegex: "/list/[0-9]+"}
      isRetryable: true
      timeout: 500ms
      responseClasses:
        - condition: {status: {min: 429, max: 429}}
          isFailure: true
    - name: other
      condition:
        any:
          - {path: /a}
          - all: [{pathPrefix: /b}, {not: {method: DELETE}}]
  retryBudget: {retryRatio: 0.2, minRetriesPerSecond: 10, ttl: 10s}
  opaquePorts: [5432, db]
---
apiVersion: mesh.meshtui.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: web}
spec:
  targetRef: {kind: Deployment, name: web, port: http, route: list}
  action: allow
  from:
    - identities: [shop/web, "*", spiffe://cluster.local/ns/shop/sa/web]
    - namespaces: [shop]
      networks: [10.0.0.0/8, "fd00::/8"]
      exceptNetworks: [10.1.0.0/16]
---
apiVersion: mesh.meshtui.dev/v1alpha1
kind: RateLimit
metadata: {name: web}
spec:
  targetRef: {kind: Namespace}
  total: {requestsPerSecond: 1000, burst: 2000}
  perClientIdentity: {requestsPerSecond: 100}
  overrides:
    - {requestsPerSecond: 500, identities: [shop/batch]}
---
apiVersion: mesh.meshtui.dev/v1alpha1
kind: BackendPolicy
metadata: {name: web}
spec:
  targetRef: {kind: Service, name: web, port: 80}
  circuitBreaking:
    consecutiveFailures: {}
    successRate: {threshold: 0.8, window: 10s, minRequests: 5}
  timeouts: {connect: 1s, request: 30s}
  splits:
    - {backendRef: {name: web-v1}, weight: 9}
    - {backendRef: {name: web-v2, port: 80}, weight: 1}
  failover: [{name: web, namespace: west}]
---
apiVersion: mesh.meshtui.dev/v1alpha1
kind: ExternalService
metadata: {name: api}
spec:
  hosts: [api.example.com]
  ports: [{number: 80, protocol: HTTP, targetPort: 443}]
  addresses: [192.0.2.7]
  tls: {mode: originate, serverName: api.example.com}
---
apiVersion: mesh.meshtui.dev/v1alpha1
kind: FaultInjection
metadata: {name: web}
spec:
  targetRef: {kind: Service, name: web, route: list}
  delay: {fixed: 2s, jitter: 500ms}
  abort: {httpStatus: 503, grpcStatus: 14, share: 0.5}
  share: 0.1
"""


def good(kind: str) -> dict[str, Any]:
    """Return a good object of a kind."""
    found: dict[str, Any] = next(each for each in yaml.safe_load_all(GOOD) if each["kind"] == kind)
    return found


def spoilt(kind: str, path: str, value: Any) -> dict[str, Any]:
    """Return a good object with one field of its spec, as a.0.b, set to something else; None: taken away."""
    found = copy.deepcopy(good(kind))
    place: Any = found["spec"]
    *above, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    for step in above:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return found
