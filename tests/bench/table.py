"""The result as a table that a person reads."""

from typing import Any

COLUMNS = (
    ("CPU µs/req", "cpu_us_per_request", "{:.1f}"),
    ("P50 ms", "p50_ms", "{:.2f}"),
    ("P99 ms", "p99_ms", "{:.2f}"),
    ("RSS MiB", "rss_kib", "mib"),
    ("PRIVATE MiB", "private_kib", "mib"),
    ("ERRORS", "errors", "{:d}"),
)


def render(rows: list[dict[str, Any]]) -> str:
    """Return the table; the ratio is ours to the other's, below 1 is less."""
    lines = [("ROW", "PROXY", *(title for title, _, _ in COLUMNS))]
    for row in rows:
        proxies = row["proxies"]
        for name, values in proxies.items():
            lines.append((row["name"], name, *(_cell(values[key], form) for _, key, form in COLUMNS)))
        ours, others = proxies["meshtui"], [values for name, values in proxies.items() if name != "meshtui"]
        lines += [("", "ratio", *(_ratio(ours[key], other[key], key) for _, key, _ in COLUMNS)) for other in others]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cell(value: float, form: str) -> str:
    return f"{value / 1024:.1f}" if form == "mib" else form.format(value)


def _ratio(ours: float, other: float, key: str) -> str:
    return "" if key == "errors" or not other else f"{ours / other:.2f}"
