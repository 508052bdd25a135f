"""`python -m meshcore`: a control plane in the foreground. The launcher starts it, in a cluster its Deployment does."""

import argparse
import asyncio
import ipaddress
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from meshcore.wire.ids import is_label, is_trust_domain
from meshcore.wire.version import VERSION

if TYPE_CHECKING:
    from meshcore.server.options import ClusterOptions, Options

REFUSED = 78  # EX_CONFIG
DOORS = ("identity", "control", "observe", "webhook", "admin", "people")


def main(argv: list[str] | None = None) -> int:
    """Run until told to stop; return the exit status."""
    # gRPC writes lines of its own to stderr, such as one per failed handshake; ours are JSON.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.umask(0o077)
    options = _arguments(argv)

    import uvloop

    from meshcore.log import setup
    from meshcore.pki.authority import AuthorityError
    from meshcore.server.serve import StartError, serve, serve_cluster

    logger = setup(options.log_level, "meshcore")
    work = serve_cluster(_cluster(options)) if options.home == "kubernetes" else serve(_local(options))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
    except (StartError, AuthorityError, OSError) as error:
        logger.error("cannot start: %s", error)  # noqa: TRY400 - one line for a person; the trace says nothing more
        return 1
    return 0


def _local(options: argparse.Namespace) -> "Options":
    from meshcore.server.options import Options

    listen = options.listen or "127.0.0.1"
    return Options(options.mesh, options.dir.absolute(), options.trust_domain or "local", options.config, listen)


def _cluster(options: argparse.Namespace) -> "ClusterOptions":
    from meshcore.server.options import ClusterOptions, Ports

    return ClusterOptions(
        folder=options.dir.absolute(),
        ca=options.ca.absolute() if options.ca else None,
        pod=options.pod,
        scoped=options.scoped,
        namespace=options.namespace,
        trust_domain=options.trust_domain or "cluster.local",
        kubeconfig=options.kubeconfig,
        context=options.context,
        listen=options.listen or "0.0.0.0",
        ports=Ports(**dict(options.port)),
        names=tuple(options.dns_name),
    )


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m meshcore", description=__doc__)
    parser.add_argument("--home", choices=["local", "kubernetes"], default="local", help="where its workloads are")
    parser.add_argument("--dir", required=True, type=Path, metavar="FOLDER", help="its runtime folder")
    parser.add_argument("--trust-domain", default="", help="of its SPIFFE IDs (local, or cluster.local)")
    parser.add_argument("--listen", default="", metavar="IP", help="of its ports, as sidecars dial it")
    parser.add_argument("--log-level", default="warning", choices=["debug", "info", "warning", "error"])
    parser.add_argument("--version", action="version", version=VERSION)
    local = parser.add_argument_group("local")
    local.add_argument("--mesh", default="", metavar="NAME", help="name of the mesh")
    local.add_argument("--config", type=Path, metavar="FILE", help="mesh.yaml with routes and opaque ports; followed")
    cluster = parser.add_argument_group("kubernetes")
    cluster.add_argument(
        "--ca", type=Path, metavar="FOLDER", help="with anchors.pem, issuer.pem and issuer.key, instead of the Secret"
    )
    cluster.add_argument("--scoped", action="store_true", help="a mesh of that namespace only, with no right beyond it")
    cluster.add_argument("--pod", default="", metavar="NAME", help="its own name, where it runs in a pod")
    cluster.add_argument("--namespace", default="meshtui", metavar="NS", help="where it is installed")
    cluster.add_argument("--kubeconfig", default="", metavar="FILE", help="instead of the pod's service account")
    cluster.add_argument("--context", default="", metavar="NAME", help="of that kubeconfig")
    cluster.add_argument("--dns-name", action="append", default=[], metavar="NAME", help="one more for its certificate")
    cluster.add_argument(
        "--port", action="append", default=[], type=_port, metavar="DOOR=PORT", help="identity=8080 and so on; 0: any"
    )
    options = parser.parse_args(argv)
    reason = _refusal(options)
    if reason:
        print(f"python -m meshcore: {reason}", file=sys.stderr)  # noqa: T201 - there is no log yet
        raise SystemExit(REFUSED)
    return options


def _port(text: str) -> tuple[str, int]:
    door, _, number = text.partition("=")
    if door not in DOORS or not number.isdecimal() or int(number) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(DOORS)}, with =PORT")
    return door, int(number)


def _refusal(options: argparse.Namespace) -> str:
    """Return what is wrong with the arguments together."""
    name = options.namespace if options.home == "kubernetes" else options.mesh
    if not is_label(name):
        what = "be a namespace" if options.home == "kubernetes" else "name a mesh"
        return f"{name!r} cannot {what}: use lower-case letters, digits and '-'"
    try:
        address = ipaddress.ip_address(options.listen or "127.0.0.1")
    except ValueError:
        address = None
    if address is None or (address.is_unspecified and options.home == "local"):
        return f"--listen {options.listen!r} is no address to dial: give an IP of this machine that sidecars reach"
    domain = options.trust_domain or "local"
    if not is_trust_domain(domain):
        return f"{domain!r} cannot be a trust domain: use lower-case letters, digits, '.', '-' and '_'"
    return ""


if __name__ == "__main__":
    sys.exit(main())
