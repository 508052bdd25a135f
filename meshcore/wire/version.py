"""Which product and which wire protocol this is.

Both ends say their protocol number when they meet (Control.Hello, Registration, Peers.Follow). Numbers only grow; each
end speaks the range OLDEST to PROTOCOL, and where two ranges have nothing in common one clear line says so. Sidecars
and replicas of the control plane are upgraded in any order, one version at a time: OLDEST stays at least one behind.
"""

VERSION = "0.1.0"
PROTOCOL = 1
OLDEST = 1


def meet(highest: int, oldest: int) -> bool:
    """Tell whether an end that speaks these protocols and we have one in common; it may not say its oldest."""
    return (oldest or highest) <= PROTOCOL and highest >= OLDEST


def skew(ours: int, theirs: int, theirs_oldest: int, their_version: str) -> str | None:
    """Return one line that says why a client of protocol `ours` cannot use that server, or None."""
    if ours > theirs:
        return (
            f"this meshtui ({VERSION}) is newer than the control plane ({their_version}): "
            f"wire protocol {ours} against {theirs}; upgrade the mesh, or use meshtui {their_version}"
        )
    if ours < theirs_oldest:
        return (
            f"this meshtui ({VERSION}) is too old for the control plane ({their_version}): "
            f"wire protocol {ours}, at least {theirs_oldest} is needed; upgrade meshtui"
        )
    return None
