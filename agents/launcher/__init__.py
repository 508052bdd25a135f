"""Local mode's injector: starts a mesh's processes on one machine, each workload with a sidecar beside it.

`python -m agents launch …` ends up in `main`; the `meshtui` commands up, down, ps, logs, run and demo call it so.
"""
