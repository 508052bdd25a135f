"""One thing wrong with an object, by the field it is in: what it is, and what to write instead; pure.

decode.py and the kinds' own checks make them; the webhook, `meshtui check` and the log tell them.
"""

from typing import NamedTuple

Where = tuple[str | int, ...]  # keys and indexes from the top of an object: ("spec", "routes", 0)


class Fault(NamedTuple):
    """What is wrong with a field, and the fix; no field: the object as a whole."""

    where: Where
    problem: str
    fix: str = ""

    def __str__(self) -> str:
        said = f"{self.problem}; {self.fix}" if self.fix else self.problem
        return f"{dotted(self.where)}: {said}" if self.where else said

    def under(self, *above: str | int) -> "Fault":
        """Return the same fault as seen from further above."""
        return self._replace(where=(*above, *self.where))


class Placed(NamedTuple):
    """A fault in a file; line 0: the file as a whole."""

    file: str
    line: int
    fault: Fault

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.fault}" if self.line else f"{self.file}: {self.fault}"


def dotted(where: Where) -> str:
    """Return the path of a field as kubectl writes it: spec.routes[0].name."""
    found = ""
    for step in where:
        if isinstance(step, int):
            found += f"[{step}]"
        elif step.replace("_", "").replace("-", "").isalnum():
            found += f".{step}" if found else step
        else:  # a key such as app.kubernetes.io/name
            found += f"[{step!r}]"
    return found
