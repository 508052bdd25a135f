"""What a view looks at, and what is said instead of an answer.

A scope names the subject of a view as kubectl would; screens hand it on when they drill, sources turn it into
questions, breadcrumbs write it. Trouble is what a source yields where it has no answer.
"""

from dataclasses import dataclass, replace

from meshcore.wire.kinds import parse_kind


@dataclass(frozen=True, slots=True)
class Scope:
    """A kind, and what narrows it down; empty parts narrow nothing."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    owner_kind: str = ""  # pods of this owner only
    owner: str = ""
    filter: str = ""
    also: tuple[tuple[str, str], ...] = ()  # (namespace, name) of more of the kind: rows that were marked

    def within(self, namespace: str) -> "Scope":
        """Return the same question asked of another namespace; names do not survive that."""
        return replace(self, namespace=namespace, name="", owner="", owner_kind="", also=())

    def title(self) -> str:
        """Write the scope as a heading does: `web`, `pods of web`, `emojivoto`, `all namespaces`."""
        if self.name:
            return f"{short(self.kind)}/{self.name}" + (f" and {len(self.also)} more" if self.also else "")
        if self.owner:
            return f"{short(self.owner_kind)}/{self.owner}"
        return self.namespace or "all"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no answer; `lost`: the source goes on trying by itself."""

    message: str
    hint: str = ""
    lost: bool = False


def said(trouble: Trouble) -> str:
    """Return a trouble as it stands where an answer would."""
    return f"× {trouble.message}" + (f"\n  {trouble.hint}" if trouble.hint else "")


def short(kind: str) -> str:
    """Return kubectl's short name of a kind, e.g. `deploy`."""
    found = parse_kind(kind)
    return found.short[0] if found and found.short else kind


def plural(kind: str) -> str:
    """Return the plural of a kind, e.g. `deployments`."""
    found = parse_kind(kind)
    return found.plural if found else kind
