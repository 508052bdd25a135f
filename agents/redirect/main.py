"""`agents redirect`: the init container. Writes the rules with one `iptables-restore` per family, then exits."""

import argparse
import ipaddress
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from agents.redirect.rules import Redirect, restore
from agents.runtime.ports import parse_ports

BACKENDS = ("nft", "legacy", "plain")
LIMIT_S = 30.0  # for one call of a tool, which itself waits 5 s for others


class Refused(Exception):
    """The rules cannot be written; `str()` is one line with the fix."""


def main(argv: Sequence[str]) -> int:
    """Write the rules that the flags ask for; returns 0, 1 (the kernel refused) or 2 (the flags make no sense)."""
    parser = argparse.ArgumentParser(prog="agents redirect", description="Send a pod's traffic through its sidecar.")
    port = _between(1, 65535)
    parser.add_argument(
        "--proxy-uid", type=_between(0, 2**32 - 2), default=2102, help="uid whose own traffic is left alone"
    )
    parser.add_argument("--inbound-port", type=port, default=4143)
    parser.add_argument("--outbound-port", type=port, default=4140)
    parser.add_argument("--admin-port", type=port, default=4191)
    parser.add_argument("--skip-inbound-ports", default="", metavar="PORTS", help="for example 25,9000-9010")
    parser.add_argument("--skip-outbound-ports", default="", metavar="PORTS")
    parser.add_argument("--skip-networks", default="", metavar="CIDRS", help="destinations that are left alone")
    parser.add_argument("--backend", choices=(*BACKENDS, "auto"), default="auto", help="which iptables to use")
    parser.add_argument("--print", action="store_true", dest="show", help="print the rules instead of writing them")
    flags = parser.parse_args(argv)
    try:
        redirect = Redirect(
            flags.proxy_uid,
            flags.inbound_port,
            flags.outbound_port,
            flags.admin_port,
            parse_ports(flags.skip_inbound_ports),
            parse_ports(flags.skip_outbound_ports),
        )
        networks = _networks(flags.skip_networks)
    except ValueError as error:
        parser.error(str(error))
    try:
        for family in (4, 6):
            own = replace(redirect, skip_networks=tuple(str(each) for each in networks if each.version == family))
            if flags.show:
                sys.stdout.write(f"# IPv{family}\n{restore(own)}")
            elif family == 4 or Path("/proc/net/if_inet6").exists():
                _write(own, family, flags.backend)
    except Refused as refused:
        sys.stderr.write(f"agents redirect: {refused}\n")
        return 1
    return 0


def _between(low: int, high: int) -> Callable[[str], int]:
    """Return what reads a number that must be within these bounds."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{number} is not between {low} and {high}")
        return number

    return read


def _networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]


def _write(redirect: Redirect, family: int, backend: str) -> None:
    tool = _tool("iptables" if family == 4 else "ip6tables", backend)
    present = _run([f"{tool}-save", "-t", "nat"], "")
    _run([f"{tool}-restore", "--noflush", "--wait", "5"], restore(redirect, present))


def _tool(base: str, backend: str) -> str:
    """Return the iptables to use; `auto` takes nft, then legacy, then what is simply called iptables."""
    for each in BACKENDS if backend == "auto" else (backend,):
        name = base if each == "plain" else f"{base}-{each}"
        if shutil.which(f"{name}-restore"):
            return name
    raise Refused(f"there is no {base}-restore ({backend}) in this image: install iptables")


def _run(command: list[str], text: str) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise Refused(f"{command[0]} did not end within {LIMIT_S:g} s; another program may hold its lock") from None
    except OSError as error:
        raise Refused(f"{command[0]} cannot be started: {error.strerror}; install iptables in this image") from None
    if done.returncode:
        reason = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[0]
        raise Refused(f"{command[0]}: {reason}; the container needs the capabilities NET_ADMIN and NET_RAW")
    return done.stdout
