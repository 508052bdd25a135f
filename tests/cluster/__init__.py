"""A real Kubernetes for the tests.

`tools` builds its programs (`make cluster-tools`), `support` starts them; `api` holds the tests that need no more than
an API server and its controllers, `pods` those that need containers (root).
"""
