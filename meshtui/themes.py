"""How things look: two designed themes, one of sixteen colours, and the variables that styles are written in.

Styles name meanings (`$good`, `$warn`, `$bad`, `$faint`, `$line`), never colours; state is never told by hue
alone, a sign stands beside it. `choose` picks the theme a terminal can show.
"""

from textual.theme import Theme

DARK = Theme(
    name="mesh-dark",
    primary="#7fa9e8",
    secondary="#8c9bb3",
    accent="#d9b26f",
    success="#84c08a",
    warning="#e3b65c",
    error="#ee7b73",
    foreground="#c9d1dc",
    background="#0f1318",
    surface="#141a21",
    panel="#1b222c",
    boost="#222b37",
    dark=True,
    variables={
        "good": "#84c08a",
        "warn": "#e3b65c",
        "bad": "#ee7b73",
        "faint": "#6f7d90",
        "line": "#2a3441",
        "strong": "#eef2f7",
        "head": "#8c9bb3",
        "trend": "#56789f",
        "cursor": "#25384f",
        "cursor-blurred": "#1d2733",
        "cursor-text": "#eef2f7",
        "plot-1": "#7fa9e8",
        "plot-2": "#d9b26f",
        "plot-3": "#ee7b73",
        "border": "#7fa9e8",
        "border-blurred": "#2a3441",
        "scrollbar": "#2f3b4a",
        "scrollbar-hover": "#3d4c5f",
        "scrollbar-active": "#7fa9e8",
        "scrollbar-background": "#0f1318",
        "scrollbar-background-hover": "#0f1318",
        "scrollbar-background-active": "#0f1318",
        "scrollbar-corner-color": "#0f1318",
    },
)

LIGHT = Theme(
    name="mesh-light",
    primary="#1f5fae",
    secondary="#5a6675",
    accent="#8a5a00",
    success="#22763a",
    warning="#8f5f00",
    error="#b3261e",
    foreground="#2b333d",
    background="#f7f8fa",
    surface="#eff1f4",
    panel="#e6e9ee",
    boost="#dde2e9",
    dark=False,
    variables={
        "good": "#22763a",
        "warn": "#8f5f00",
        "bad": "#b3261e",
        "faint": "#77828f",
        "line": "#cdd4dd",
        "strong": "#0c1116",
        "head": "#5a6675",
        "trend": "#7f9fc6",
        "cursor": "#cfdff3",
        "cursor-blurred": "#e3e8ef",
        "cursor-text": "#0c1116",
        "plot-1": "#1f5fae",
        "plot-2": "#8a5a00",
        "plot-3": "#b3261e",
        "border": "#1f5fae",
        "border-blurred": "#cdd4dd",
        "scrollbar": "#c3cbd6",
        "scrollbar-hover": "#a9b4c2",
        "scrollbar-active": "#1f5fae",
        "scrollbar-background": "#f7f8fa",
        "scrollbar-background-hover": "#f7f8fa",
        "scrollbar-background-active": "#f7f8fa",
        "scrollbar-corner-color": "#f7f8fa",
    },
)

SIXTEEN = Theme(
    name="mesh-16",
    ansi=True,
    primary="ansi_bright_blue",
    secondary="ansi_cyan",
    accent="ansi_yellow",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_bright_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "good": "ansi_green",
        "warn": "ansi_yellow",
        "bad": "ansi_bright_red",
        "faint": "ansi_bright_black",
        "line": "ansi_bright_black",
        "strong": "ansi_default",
        "head": "ansi_cyan",
        "trend": "ansi_blue",
        "cursor": "ansi_blue",
        "cursor-blurred": "ansi_default",
        "cursor-text": "ansi_default",
        "plot-1": "ansi_bright_blue",
        "plot-2": "ansi_yellow",
        "plot-3": "ansi_bright_red",
        "border": "ansi_bright_blue",
        "border-blurred": "ansi_bright_black",
        "text-muted": "ansi_bright_black",
        "text-disabled": "ansi_bright_black",
        "block-cursor-foreground": "ansi_bright_white",
        "block-cursor-background": "ansi_blue",
        "input-cursor-background": "ansi_white",
        "input-cursor-foreground": "ansi_black",
        "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_white",
        "scrollbar-active": "ansi_bright_blue",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
        "scrollbar-corner-color": "ansi_default",
    },
)

THEMES: tuple[Theme, ...] = (DARK, LIGHT, SIXTEEN)
NAMES: tuple[str, ...] = tuple(theme.name for theme in THEMES)
# for themes of Textual's own, which a person may choose in the palette
DEFAULTS: dict[str, str] = {
    "good": "ansi_green",
    "warn": "ansi_yellow",
    "bad": "ansi_red",
    "faint": "ansi_bright_black",
    "line": "ansi_bright_black",
    "strong": "ansi_default",
    "head": "ansi_cyan",
    "trend": "ansi_blue",
    "cursor": "ansi_blue",
    "cursor-blurred": "ansi_black",
    "cursor-text": "ansi_default",
    "plot-1": "ansi_blue",
    "plot-2": "ansi_yellow",
    "plot-3": "ansi_red",
}


def choose(wanted: str, *, colours: str | None, no_color: bool) -> str:
    """Return the theme for a terminal: the one named (`dark`, `light`, `16`), else what it can show for certain."""
    named = wanted if wanted in NAMES else f"mesh-{wanted}"
    if named in NAMES:
        return named
    if no_color or colours in (None, "standard", "windows"):
        return SIXTEEN.name
    return DARK.name
