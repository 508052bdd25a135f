"""Every key in one table: what it does, where it works, and the words that explain it.

Bindings of screens, hints in the header and the help screen are all made from these rows; the tests check
that no key means two things in one context. A screen has the contexts its classes name.
"""

from collections.abc import Iterable
from typing import NamedTuple

from textual.binding import Binding, BindingType


class Key(NamedTuple):
    """One row: keys (Textual's names, comma separated), the action, where, and what people read."""

    keys: str
    action: str
    context: str
    group: str
    help: str
    hint: str = ""  # a word for the header; empty: only in help
    shown: str = ""  # how the key is written, where its name would not do
    priority: bool = False  # acts before the widget with the focus sees it, so that what is typed next finds the prompt


KEYS: tuple[Key, ...] = (
    # everywhere
    Key("question_mark", "help", "app", "General", "help for this screen", "help", "?"),
    Key("colon", "command", "app", "General", "command: a view, a kind, a namespace …", "command", ":", priority=True),
    Key("ctrl+p", "command_palette", "app", "General", "command palette"),
    Key("q", "quit", "app", "General", "quit"),
    Key("ctrl+c", "quit", "app", "General", "quit", priority=True),
    Key("ctrl+s", "save", "app", "General", "save the screen as SVG and text"),
    Key("ctrl+t", "next_theme", "app", "General", "next theme"),
    # every view
    Key("escape", "back", "view", "General", "clear the filter, then go back", "", "esc"),
    Key("left_square_bracket", "app.past(-1)", "view", "General", "command before", "", "["),
    Key("right_square_bracket", "app.past(1)", "view", "General", "command after", "", "]"),
    Key("minus", "app.last", "view", "General", "the last two commands in turn", "", "-"),
    Key("0", "namespace(0)", "view", "General", "all namespaces"),
    *(Key(str(n), f"namespace({n})", "view", "General", f"namespace {n} of the header") for n in range(1, 10)),
    Key("space", "pause", "view", "General", "pause, and go on", "pause"),
    Key("ctrl+r", "refresh", "view", "General", "ask again"),
    Key("ctrl+e", "toggle_header", "view", "General", "hide or show the header"),
    # a list of rows
    Key("slash", "filter", "table", "Table", "filter: regex, ! not, -f fuzzy, -l labels", "filter", "/", priority=True),
    Key("enter", "open", "table", "Table", "open the row", "open"),
    Key("shift+right", "sort_next", "table", "Table", "sort by the next column", "", "shift-→"),
    Key("shift+left", "sort_previous", "table", "Table", "sort by the column before", "", "shift-←"),
    Key("ctrl+w", "wide", "table", "Table", "all columns"),
    Key("ctrl+z", "faults", "table", "Table", "only rows where something is wrong"),
    Key("m", "mark", "table", "Table", "mark: tap, top, copy take all marked"),
    Key("ctrl+backslash", "unmark", "table", "Table", "clear the marks", "", "ctrl-\\"),
    Key("d", "describe", "table", "Table", "describe the row", "describe"),
    Key("y", "yaml", "table", "Table", "the row's data as YAML", "yaml"),
    Key("c", "copy", "table", "Table", "copy the row's name"),
    # moving in a list
    Key("up,k", "cursor_up", "grid", "Move", "up", shown="↑ k"),
    Key("down,j", "cursor_down", "grid", "Move", "down", shown="↓ j"),
    Key("pageup,ctrl+b", "page_up", "grid", "Move", "a page up", shown="pgup"),
    Key("pagedown,ctrl+f", "page_down", "grid", "Move", "a page down", shown="pgdn"),
    Key("home,g", "first", "grid", "Move", "first row", shown="home g"),
    Key("end,G", "last", "grid", "Move", "last row", shown="end G"),
    Key("left", "scroll_left", "grid", "Move", "scroll left", shown="←"),
    Key("right", "scroll_right", "grid", "Move", "scroll right", shown="→"),
    # the graph
    Key("right,l", "go(1, 0)", "map", "Move", "along a call, to the callee", shown="→ l"),
    Key("left,h", "go(-1, 0)", "map", "Move", "back along a call, to the caller", shown="← h"),
    Key("up,k", "go(0, -1)", "map", "Move", "the one above", shown="↑ k"),
    Key("down,j", "go(0, 1)", "map", "Move", "the one below", shown="↓ j"),
    Key("enter", "open", "map", "Graph", "open what is selected", "open"),
    Key("n", "labels", "map", "Graph", "figures on the lines, or only signs", "labels"),
    Key("v", "turn", "map", "Graph", "from left to right, or from the top down", "turn"),
    Key("f", "fold", "map", "Graph", "a namespace as one box, and back", "fold"),
    # a text
    Key("down,j", "scroll_down", "page", "Move", "down", shown="↓ j"),
    Key("up,k", "scroll_up", "page", "Move", "up", shown="↑ k"),
    Key("pagedown,ctrl+f", "page_down", "page", "Move", "a page down", shown="pgdn"),
    Key("pageup,ctrl+b", "page_up", "page", "Move", "a page up", shown="pgup"),
    Key("home,g", "scroll_home", "page", "Move", "to the top", shown="home g"),
    Key("end,G", "scroll_end", "page", "Move", "to the end", shown="end G"),
    # a workload
    Key("t", "tap", "workload", "Drill", "watch its requests", "tap"),
    Key("o", "top", "workload", "Drill", "its requests by path", "top"),
    Key("e", "edges", "workload", "Drill", "who it talks to", "edges"),
    Key("p", "pods", "workload", "Drill", "its pods"),
    Key("x", "graph", "workload", "Drill", "the graph around it", "graph"),
    Key("l", "logs", "workload", "Drill", "its log", "logs"),
    # single views
    Key("z", "zoom", "overview", "Panes", "zoom the pane, and back", "zoom"),
    Key("tab", "next_pane", "overview", "Panes", "next pane", "pane"),
    Key("shift+tab", "previous_pane", "overview", "Panes", "pane before", "", "shift-tab"),
    Key("r", "routes", "top", "Top", "group by route, and by path", "routes"),
    Key("s", "sources", "top", "Top", "callers as rows of their own", "callers"),
    Key("f", "follow", "tap", "Tap", "follow the newest", "follow"),
    Key("n", "failures", "tap", "Tap", "only failures", "failures"),
    Key("i", "inbound", "tap", "Tap", "both directions, inbound, outbound", "direction"),
    Key("ctrl+l", "clear", "tap", "Tap", "clear the list"),
    Key("slash", "filter", "graph", "Graph", "only what matches, and what it talks to", "filter", "/", priority=True),
    Key("t", "tap", "graph", "Drill", "watch the requests of what is selected", "tap"),
    Key("e", "edges", "graph", "Drill", "the same as a table", "edges"),
    Key("y", "yaml", "graph", "Graph", "the graph as JSON"),
    Key("n", "next", "inspect", "Request", "next request", "next"),
    Key("p", "previous", "inspect", "Request", "request before", "previous"),
    Key("c", "copy", "inspect", "Request", "copy the request as text", "copy"),
    Key("t", "tap", "pods", "Drill", "watch its requests", "tap"),
    Key("l", "logs", "pods", "Drill", "its log", "logs"),
    Key("n", "kind", "edges", "Edges", "between deployments, pods, namespaces", "kind"),
    Key("r", "rerun", "check", "Check", "check again", "again"),
    Key("slash", "filter", "text", "Text", "show only lines that match", "filter", "/", priority=True),
    Key("slash", "filter", "logs", "Log", "show only lines that match", "filter", "/", priority=True),
    Key("w", "wrap", "text", "Text", "wrap long lines", "wrap"),
    Key("f", "follow", "logs", "Log", "follow the end", "follow"),
    Key("b", "proxy", "logs", "Log", "the application's log, or its sidecar's", "sidecar"),
    Key("enter", "demo", "start", "Start", "start the demo mesh", "demo"),
    Key("c", "check", "start", "Start", "check this machine", "check"),
)

_WORDS = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "left_square_bracket": "[",
    "escape": "esc",
    "ctrl+": "ctrl-",
}


def rows(contexts: Iterable[str]) -> list[Key]:
    """Return the keys of these contexts, in the table's order."""
    wanted = set(contexts)
    return [key for key in KEYS if key.context in wanted]


def bindings(*contexts: str) -> list[BindingType]:
    """Return the bindings of these contexts for a class's BINDINGS."""
    return [Binding(key.keys, key.action, key.help, show=False, priority=key.priority) for key in rows(contexts)]


def shown(key: Key) -> str:
    """Write a key as people read it: `ctrl-s`, `?`, `esc`."""
    if key.shown:
        return key.shown
    first = key.keys.split(",")[0]
    for name, word in _WORDS.items():
        first = first.replace(name, word)
    return first


def hints(contexts: Iterable[str]) -> list[tuple[str, str]]:
    """Return (key, word) pairs for the header: what is special to the screen first, the general last."""
    wanted = set(contexts)
    if not wanted & {"table", "map"}:
        wanted.discard("view")  # nothing moves there that could be paused
    found = [key for key in rows(wanted) if key.hint]
    order = {"table": 1, "view": 2, "app": 3}
    found.sort(key=lambda key: order.get(key.context, 0))
    return [(shown(key), key.hint) for key in found]
