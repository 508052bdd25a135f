"""A file of objects, checked: what is of our kinds is read, what is of others is left alone. Pure.

`meshtui check FILE` prints what comes of it. A List (kubectl's `-o yaml` of several) is taken apart.
"""

from typing import NamedTuple

from meshcore.kinds.document import Document, documents
from meshcore.kinds.fault import Fault, Placed
from meshcore.kinds.read import Reading, read


class Report(NamedTuple):
    """What came of a file."""

    checked: int  # objects of kinds that are read here
    others: int
    faults: tuple[Placed, ...]


def check(text: str, file: str) -> Report:
    """Check every object of a file."""
    checked = others = 0
    faults: list[Placed] = []
    seen: dict[tuple[str, str, str], int] = {}
    for document in documents(text, file):
        if isinstance(document, Placed):
            faults.append(document)
            continue
        for above, reading in _objects(document):
            if not reading.concerns:
                others += 1
                continue
            checked += 1
            faults += [document.place(each) for each in document.faults]
            document.faults.clear()
            faults += [document.place(each.under(*above)) for each in reading.faults]
            if reading.resource is not None:
                key = reading.resource[:3]
                line = document.place(Fault(above, "")).line
                if key in seen:
                    fault = Fault(
                        (*above, "metadata", "name"), f"{key[0]} {key[2]} is in line {seen[key]} already", "remove one"
                    )
                    faults.append(document.place(fault))
                seen.setdefault(key, line)
    return Report(checked, others, tuple(faults))


def _objects(document: Document) -> list[tuple[tuple[str | int, ...], Reading]]:
    value = document.value
    if isinstance(value, dict) and value.get("kind") == "List" and isinstance(value.get("items"), list):
        return [(("items", at), read(each)) for at, each in enumerate(value["items"])]
    return [((), read(value))]
