"""Where and with what a result was measured: figures of two machines are not to be compared."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from meshcore.wire.version import VERSION
from tests.bench import tools


def machine() -> dict[str, Any]:
    """Return what this machine is."""
    return {
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text()) or platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "kernel": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "load_average": round(os.getloadavg()[0], 2),  # before the run: what else was going on
    }


def versions(programs: Iterable[str]) -> dict[str, str]:
    """Return the versions of what was measured, and of what measured it."""
    found = {"meshtui": VERSION, "python": platform.python_version()}
    return found | {Path(program).name: tools.version(program) for program in programs}


def cpu_model(cpuinfo: str) -> str:
    """Return the processor's name as the kernel tells it; empty if it tells none."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return ""


def describe(result: dict[str, Any]) -> str:
    """Return a sentence about where a result comes from, and one about how its latencies were had."""
    found, with_ = result["machine"], result["versions"]
    programs = ", ".join(f"{name} {version}" for name, version in with_.items() if version)
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['memory_mib'] / 1024:.0f} GiB, {found['kernel']} "
        f"({found['architecture']}), load average {found['load_average']:g} at the start; {programs}; "
        f"{result['rounds']} rounds of {result['seconds']:g} s; {result['date']}.{_paced(result)}"
    )


def _paced(result: dict[str, Any]) -> str:
    sides = [side for row in result.get("rows", ()) for side in (row["direct"] or {}, *row["proxies"].values())]
    late = [side["late_p99_ms"] for side in sides if "late_p99_ms" in side]
    if not late:
        return ""
    way = "ahead of the machine's other work (SCHED_RR)" if result["ahead"] else "beside whatever else the machine did"
    return (
        f" At the fixed rate all that took part ran {way}; 99 of 100 questions were asked within"
        f" {max(late):.2f} ms of being due."
    )
