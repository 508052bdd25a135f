"""`python -m meshcore`: the control plane of a local mesh, in the foreground. The launcher starts it."""

import argparse
import asyncio
import ipaddress
import os
import sys
from pathlib import Path

from meshcore.wire.ids import is_label, parse_spiffe
from meshcore.wire.version import VERSION

REFUSED = 78  # EX_CONFIG


def main(argv: list[str] | None = None) -> int:
    """Run until told to stop; return the exit status."""
    # gRPC writes lines of its own to stderr, such as one per failed handshake; ours are JSON.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.umask(0o077)
    options = _arguments(argv)

    import uvloop

    from meshcore.log import setup
    from meshcore.server.options import Options
    from meshcore.server.serve import StartError, serve
    from meshcore.services.identity.authority import AuthorityError

    logger = setup(options.log_level, "meshcore")
    plane = Options(options.mesh, options.dir.absolute(), options.trust_domain, options.config, options.listen)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(plane))
    except (StartError, AuthorityError, OSError) as error:
        logger.error("cannot start: %s", error)  # noqa: TRY400 - one line for a person; the trace says nothing more
        return 1
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m meshcore", description=__doc__)
    parser.add_argument("--mesh", required=True, metavar="NAME", help="name of the mesh")
    parser.add_argument("--dir", required=True, type=Path, metavar="FOLDER", help="its runtime folder")
    parser.add_argument("--trust-domain", default="local", help="of its SPIFFE IDs (default: local)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="mesh.yaml with routes and opaque ports; followed")
    parser.add_argument("--listen", default="127.0.0.1", metavar="IP", help="of its TLS ports, as sidecars dial it")
    parser.add_argument("--log-level", default="warning", choices=["debug", "info", "warning", "error"])
    parser.add_argument("--version", action="version", version=VERSION)
    options = parser.parse_args(argv)
    reason = ""
    if not is_label(options.mesh):
        reason = f"{options.mesh!r} cannot name a mesh: use lower-case letters, digits and '-'"
    try:
        somewhere = not ipaddress.ip_address(options.listen).is_unspecified
    except ValueError:
        somewhere = False
    if not somewhere:
        reason = f"--listen {options.listen!r} is no address to dial: give an IP of this machine that sidecars reach"
    try:
        parse_spiffe(f"spiffe://{options.trust_domain}/ns/a/sa/a")
    except ValueError:
        reason = f"{options.trust_domain!r} cannot be a trust domain: use lower-case letters, digits, '.', '-' and '_'"
    if reason:
        print(f"python -m meshcore: {reason}", file=sys.stderr)  # noqa: T201 - there is no log yet
        raise SystemExit(REFUSED)
    return options


if __name__ == "__main__":
    sys.exit(main())
