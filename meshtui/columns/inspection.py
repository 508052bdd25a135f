"""Everything that is known of one request, as lines of cells: the page of the request inspector.

`page` is pure, so the same page is painted on screen, copied as text and tested without an app.
"""

import math
from collections.abc import Sequence

from rich.cells import cell_len

from meshcore.wire.common_pb2 import Peer, Tls
from meshcore.wire.tap_pb2 import Header
from meshtui.columns import peers
from meshtui.columns.exchange import clock, status
from meshtui.columns.ladder import drawn, ladder
from meshtui.columns.waterfall import waterfall
from meshtui.model import figures
from meshtui.model.canvas import Line
from meshtui.model.cell import Cell, Level
from meshtui.model.exchange import Exchange, Pair

TWO_COLUMNS = 96  # from this width on, request and response stand side by side
_KEY = 14


def page(one: Exchange, pair: Pair, width: int, *, trace: Sequence[Exchange] = (), ascii: bool = False) -> list[Line]:
    """Return the page of an exchange; `pair` holds both sides of it as far as they were seen, `trace` its trace."""
    found = ladder(pair, ascii=ascii)
    lines = [*_folded(_head(one, ascii=ascii), width), [], *_folded(drawn(found, width, ascii=ascii), width)]
    lines += [[], *_folded(_split(pair, guessed=found.guessed), width)]
    if len(trace) > 1:
        lines += [[], _title("Trace", f"{len(trace)} requests"), *waterfall(trace, one, width, ascii=ascii)]
    blocks = (
        (_request(one), _response(one, ascii=ascii)),
        (_peer("Client", one.source), _peer("Server", one.destination)),
        (_hop(one), _record(one)),
    )
    for left, right in blocks:
        lines.append([])
        lines += _beside(left, right, width) if width >= TWO_COLUMNS else _folded([*left, [], *right], width)
    return lines


def _head(x: Exchange, *, ascii: bool) -> list[Line]:
    came = status(x, ascii=ascii)
    took = figures.latency(x.latency_ms if x.latency_ms is not None else math.nan)
    method = Cell((x.method or "?") + " ", Level.ACCENT)
    summary = [came, Cell(f"  {took}  ", Level.PLAIN), Cell(clock(x.started_us), Level.DIM)]
    why = Level.BAD if x.failed else Level.WARN
    reasons = [[Cell(what, why)] for what in (x.grpc_message, x.error) if what]
    return [[method, Cell(x.path or "(head not seen)", Level.PLAIN)], summary, *reasons]


def _split(pair: Pair, *, guessed: bool) -> list[Line]:
    """Return where the time went: in the server, and on the way there and back."""
    out, inside = pair.outbound, pair.inbound
    if out is None or inside is None:
        missing = "the client's" if out is None else "the server's"
        return [[Cell(f"{missing} side was not seen: its sidecar is not in this tap, or it has none", Level.DIM)]]
    lines: list[Line] = []
    whole, within = out.latency_ms, inside.latency_ms
    if whole is not None and within is not None and whole >= within:
        way = f"{figures.latency(within)} in the server, {figures.latency(whole - within)} on the way there and back"
        lines.append([Cell(way)])
    if guessed:
        lines.append([Cell("both sides matched by peers and time: the request carries no trace id", Level.DIM)])
    return lines


def _request(x: Exchange) -> list[Line]:
    fields = [("method", x.method), ("scheme", x.scheme), ("authority", x.authority), ("path", x.path)]
    return [
        _title("Request", figures.size(x.request_bytes) if x.done else ""),
        *(_pair(f":{name}", value) for name, value in fields if value),
        *_headers(x.request_headers, x.head_seen),
    ]


def _response(x: Exchange, *, ascii: bool) -> list[Line]:
    lines = [_title("Response", figures.size(x.response_bytes) if x.done else "")]
    if x.status:
        lines.append(_pair(":status", str(x.status)))
    lines += _headers(x.response_headers, x.replied_after_us is not None)
    if x.replied_after_us is not None:
        lines.append(_pair("first byte", f"after {figures.latency(x.replied_after_us / 1000)}"))
    if x.trailers or x.grpc_status is not None:
        lines += [[], _title("Trailers", ""), *_headers(x.trailers, True)]
        came = status(x, ascii=ascii)
        lines.append([Cell("status".ljust(_KEY), Level.DIM), came])
    if x.reset_code is not None:
        lines.append(_pair("reset", f"HTTP/2 error {x.reset_code}"))
    return lines


def _headers(headers: Sequence[Header], seen: bool) -> list[Line]:
    if not headers:
        return [[Cell("no headers" if seen else "not seen", Level.DIM)]]
    return [_pair(header.name, header.value.decode("utf-8", "backslashreplace")) for header in headers]


def _peer(title: str, peer: Peer) -> list[Line]:
    workload = f"{peers.kind(peer.kind)}/{peer.name}" if peer.name else ""
    proven = Cell(peer.identity) if peer.identity else Cell("none proven", Level.WARN)
    fields = [
        ("workload", workload),
        ("namespace", peer.namespace),
        ("pod", peer.pod),
        ("account", peer.service_account),
        ("address", peer.address),
    ]
    return [
        _title(title, ""),
        *(_pair(name, value) for name, value in fields if value),
        [Cell("identity".ljust(_KEY), Level.DIM), proven],
    ]


def _hop(x: Exchange) -> list[Line]:
    hop = peers.security(x.tls, [x.no_tls_reason] if x.no_tls_reason else [])
    if x.tls == Tls.TLS_MUTUAL:
        hop = Cell(f"{hop.text} mutual TLS", hop.level)
    fields = [
        ("protocol", peers.PROTOCOLS.get(x.protocol, "unknown")),
        ("service", x.service),
        ("route", x.route or "no route matched"),
        ("attempt", str(x.attempt) if x.attempt else ""),
    ]
    return [
        _title("Hop", ""),
        [Cell("security".ljust(_KEY), Level.DIM), hop],
        *(_pair(name, value) for name, value in fields if value),
    ]


def _record(x: Exchange) -> list[Line]:
    direction = peers.DIRECTIONS.get(x.direction, "unknown").lower()
    fields = [
        ("seen by", f"{peers.name(x.proxy, pod=True)} ({direction})"),
        ("trace id", x.trace_id),
        ("request id", x.id.rpartition("/")[0]),
    ]
    return [_title("Record", ""), *(_pair(name, value) for name, value in fields if value)]


def _title(text: str, aside: str) -> Line:
    return [Cell(text, Level.ACCENT), Cell(f"  {aside}" if aside else "", Level.DIM)]


def _pair(name: str, value: str) -> Line:
    return [Cell(name.ljust(_KEY) + ("" if len(name) < _KEY else " "), Level.DIM), Cell(value)]


def _beside(left: list[Line], right: list[Line], width: int) -> list[Line]:
    """Return two blocks side by side."""
    half = width // 2 - 1
    left, right = _folded(left, half), _folded(right, width - half - 2)
    lines: list[Line] = []
    for i in range(max(len(left), len(right))):
        line = left[i] if i < len(left) else []
        room = half - sum(cell_len(cell.text) for cell in line)
        lines.append([*line, Cell(" " * (room + 2)), *(right[i] if i < len(right) else [])])
    return lines


def _folded(block: list[Line], width: int) -> list[Line]:
    """Return a block in which values too long for a line go on below where they began."""
    lines: list[Line] = []
    for line in block:
        if sum(cell_len(cell.text) for cell in line) <= width:
            lines.append(line)
            continue
        *before, (text, level) = line
        start = sum(cell_len(cell.text) for cell in before)
        indent = min(start, _KEY)
        pieces = _pieces(text, max(8, width - start), max(8, width - indent))
        lines.append([*before, Cell(pieces[0], level)])
        lines += [[Cell(" " * indent), Cell(piece, level)] for piece in pieces[1:]]
    return lines


def _pieces(text: str, first: int, others: int) -> list[str]:
    """Return a text cut, at spaces where there are any, into a piece of `first` cells and more of `others`."""
    pieces: list[str] = [""]
    for char in text:
        room = first if len(pieces) == 1 else others
        if cell_len(pieces[-1]) + cell_len(char) > room:
            head, space, tail = pieces[-1].rpartition(" ")
            pieces[-1:] = [head + space, tail] if len(head) > room // 2 else [pieces[-1], ""]
        pieces[-1] += char
    return pieces
