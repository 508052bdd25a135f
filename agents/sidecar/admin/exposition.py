"""The Prometheus text format (version 0.0.4): names, labels and values become lines.

admin/metrics fills families, this writes them. Series with equal labels are added up, so that a family can leave labels
out without ever printing a series twice.
"""

from collections.abc import Iterator, Mapping

from meshcore.wire.buckets import BOUNDS_MS, SIZE

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
SLICE = 200  # series that are written in one go
_LE = (*map(str, BOUNDS_MS), "+Inf")


def labels(pairs: Mapping[str, str]) -> str:
    """Return labels as they stand between braces; empty ones are left out, as Prometheus reads them so anyway."""
    return ",".join(f'{name}="{escape(value)}"' for name, value in pairs.items() if value)


def escape(value: str) -> str:
    """Return a label's value with the three signs escaped that the format gives a meaning."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return value


def join(*parts: str) -> str:
    """Return several sets of labels as one."""
    return ",".join(filter(None, parts))


class Family:
    """A counter or a gauge: one value for each set of labels."""

    __slots__ = ("_help", "_kind", "_name", "_series")

    def __init__(self, name: str, kind: str, help: str) -> None:  # noqa: A002
        self._name = name
        self._kind = kind
        self._help = help
        self._series: dict[str, float] = {}

    def add(self, labelled: str, value: float) -> None:
        self._series[labelled] = self._series.get(labelled, 0) + value

    def lines(self) -> Iterator[str]:
        """Write the family, in slices; nothing if it has no series."""
        if not self._series:
            return
        text = [f"# HELP {self._name} {self._help}\n# TYPE {self._name} {self._kind}\n"]
        for labelled, value in self._series.items():
            text.append(f"{self._name}{{{labelled}}} {value}\n" if labelled else f"{self._name} {value}\n")
            if len(text) >= SLICE:
                yield "".join(text)
                text.clear()
        yield "".join(text)


class Histogram:
    """Latencies in the buckets of the wire, in ms."""

    __slots__ = ("_help", "_name", "_series")

    def __init__(self, name: str, help: str) -> None:  # noqa: A002
        self._name = name
        self._help = help
        self._series: dict[str, tuple[list[int], list[float]]] = {}

    def add(self, labelled: str, buckets: list[int], total_ms: float) -> None:
        known = self._series.get(labelled)
        if known is None:
            self._series[labelled] = (list(buckets), [total_ms])
            return
        counts, sums = known
        for i, count in enumerate(buckets):
            counts[i] += count
        sums[0] += total_ms

    def lines(self) -> Iterator[str]:
        """Write the family, in slices; nothing if it has no series."""
        if not self._series:
            return
        text = [f"# HELP {self._name} {self._help}\n# TYPE {self._name} histogram\n"]
        for labelled, (counts, sums) in self._series.items():
            head = f"{self._name}_bucket{{{labelled}," if labelled else f"{self._name}_bucket{{"
            total = 0
            for le, count in zip(_LE, counts, strict=True):
                total += count
                text.append(f'{head}le="{le}"}} {total}\n')
            tail = f"{{{labelled}}}" if labelled else ""
            text.append(f"{self._name}_sum{tail} {round(sums[0], 3)}\n{self._name}_count{tail} {total}\n")
            if len(text) >= SLICE:
                yield "".join(text)
                text.clear()
        yield "".join(text)


assert len(_LE) == SIZE
