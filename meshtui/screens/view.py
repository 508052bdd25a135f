"""What every view has: header, banner, body, prompt and the bottom line, and pumps that run while it shows.

Concrete views give a body, name their sources and take what arrives; they never wait for anything.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from meshtui import keys
from meshtui.messages import Arrived, Flashed, PromptChanged, PromptDone, PromptLeft, ViewAsked
from meshtui.model.filter import EVERYTHING, Filter, FilterError, parse
from meshtui.model.scope import Scope, Trouble
from meshtui.pump import Opener, Pump
from meshtui.screens.scene import Scene
from meshtui.sources.mesh import Mesh
from meshtui.widgets.banner import Banner
from meshtui.widgets.foot import Foot
from meshtui.widgets.header import Header
from meshtui.widgets.prompt import Prompt

LOW = 30  # lines below which the header does without its third


def entitle(widget: Widget, text: str) -> None:
    """Write a pane's title into the line above it."""
    widget.border_title = Content(f" {text} ")


class View(Screen[None]):
    """A screen of the app."""

    BINDINGS = keys.bindings("view")
    DEFAULT_CSS = """
    View { background: $background; layers: base over; }
    View #body { height: 1fr; }
    View .pane {
        border-top: solid $line;
        border-title-color: $head;
        border-title-background: $background;
        border-title-style: bold;
    }
    View .pane:focus, View .pane.-current { border-top: solid $line; border-title-color: $primary; }
    """
    AUTO_FOCUS = "#body *"
    CONTEXTS: ClassVar[tuple[str, ...]] = ("view", "app")
    NAME: ClassVar[str] = ""
    NOTES: ClassVar[tuple[tuple[str, str], ...]] = ()  # words the filter knows here, for help
    LABELLED: ClassVar[bool] = False  # whether -l has something to go by
    NAMESPACED: ClassVar[bool] = True  # a digit asks the same of another namespace

    def __init__(self, scene: Scene, scope: Scope) -> None:
        super().__init__()
        self.scene = scene
        self.scope = scope
        self.paused = False
        self.filter: Filter = EVERYTHING
        self._pumps: dict[str, Pump] = {}
        self._held: dict[str, Any] = {}

    # what concrete views say

    def body(self) -> Iterable[Widget]:
        """Yield the widgets between header and foot."""
        return ()

    def sources(self) -> dict[str, Opener]:
        """Return the sources to run while the view shows, by tag."""
        return {}

    def take(self, tag: str, answer: Any) -> None:
        """Show what a source answered."""

    def refused(self, tag: str, trouble: Trouble) -> None:
        """Say that a source will not answer; by default in the bottom line."""
        self.flash(f"{trouble.message}" + (f" — {trouble.hint}" if trouble.hint else ""), "error")

    def narrow(self, wanted: Filter) -> None:
        """Apply a filter."""

    def crumb(self) -> str:
        """Return the view's word among the breadcrumbs."""
        return self.NAME if self.scope == Scope() else f"{self.NAME} {self.scope.title()}"

    @property
    def mesh(self) -> Mesh:
        assert self.scene.mesh is not None
        return self.scene.mesh

    # life

    def compose(self) -> ComposeResult:
        yield Header()
        yield Banner()
        with Container(id="body"):
            yield from self.body()
        yield Prompt(self.scene.complete, self.scene.history)
        yield Foot()

    def on_screen_resume(self) -> None:
        self.describe_state()
        self.start()

    def on_screen_suspend(self) -> None:
        self.stop()

    def on_resize(self) -> None:
        self.query_one(Header).set_class(self.size.height >= LOW, "-tall")

    def start(self) -> None:
        """Run the sources."""
        self.stop()
        for tag, opener in self.sources().items():
            self._pumps[tag] = Pump(self, tag, opener)

    def stop(self) -> None:
        """Close the sources."""
        for pump in self._pumps.values():
            pump.stop()
        self._pumps.clear()

    def pump(self, tag: str, opener: Opener | None, *, every: bool = False) -> None:
        """Start one source anew, or stop it."""
        if tag in self._pumps:
            self._pumps.pop(tag).stop()
        if opener is not None and self.is_current:
            self._pumps[tag] = Pump(self, tag, opener, every=every)

    @property
    def stands(self) -> bool:
        """Whether its parts are there; they are not yet while it comes, and no more while it goes with the app."""
        return self.is_mounted and bool(self.query(Header))

    def describe_state(self) -> None:
        """Bring header, banner and crumbs up to what the scene knows."""
        if not self.stands:
            return
        header = self.query_one(Header)
        header.mesh = self.scene.mesh.name if self.scene.mesh else ""
        header.status, header.trouble = self.scene.status, self.scene.trouble
        header.namespace = self.scope.namespace or self.scene.only
        header.namespaces = self.scene.namespaces
        header.everywhere = not self.scene.only
        header.hints = self.hints()
        header.paused = self.paused
        header.set_class(not self.scene.header, "-gone")
        header.refresh()
        self.query_one(Banner).say(self.scene.trouble, self.scene.lost_since, self.scene.loss)
        self.query_one(Foot).show(self.scene.crumbs, self.note())

    def hints(self) -> list[tuple[str, str]]:
        """Return the key hints for the header."""
        return keys.hints(self.CONTEXTS)

    def note(self) -> str:
        """Return what the bottom line says while nothing else does."""
        return f"/{self.filter.text}" if self.filter else ""

    # what arrives

    @on(Arrived)
    def _arrived(self, event: Arrived) -> None:
        if isinstance(event.answer, Trouble):
            if not event.answer.lost:
                self.refused(event.tag, event.answer)
        elif self.paused and not event.every:
            self._held[event.tag] = event.answer
        else:
            self.take(event.tag, event.answer)

    def flash(self, text: str, level: str = "info") -> None:
        self.query_one(Foot).flash(text, level)

    @on(Flashed)
    def _flashed(self, event: Flashed) -> None:
        event.stop()
        self.flash(event.text, event.level)

    @on(PromptChanged)
    def _prompt_changed(self, event: PromptChanged) -> None:
        if event.mode == "filter":
            event.stop()
            self._filter(event.text, quiet=True)

    @on(PromptDone)
    def _prompt_done(self, event: PromptDone) -> None:
        self.refocus()
        if event.mode == "filter":
            event.stop()
            self._filter(event.text)

    @on(PromptLeft)
    def _prompt_left(self, event: PromptLeft) -> None:
        event.stop()
        self.refocus()
        if event.mode == "filter":
            self._filter("")

    def refocus(self) -> None:
        """Give the focus back to the body."""
        for widget in self.query("#body *"):
            if widget.focusable:
                widget.focus()
                return

    def _filter(self, text: str, *, quiet: bool = False) -> None:
        try:
            wanted = parse(text)
        except FilterError as error:
            if not quiet:
                self.query_one(Foot).flash(str(error), "error", about="filter")
            return
        self.query_one(Foot).settle("filter")
        if wanted.labels and not self.LABELLED:
            self.flash("rows here carry no labels", "warn")
            return
        self.filter = wanted
        self.narrow(self.filter)
        self.describe_state()

    # actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A text that is being typed may hold the keys that open a prompt."""
        return not (action == "filter" and isinstance(self.focused, Input))

    def action_command(self) -> None:
        self.query_one(Prompt).ask("command")

    def action_filter(self) -> None:
        self.query_one(Prompt).ask("filter", self.filter.text)

    def action_back(self) -> None:
        if self.filter:
            self._filter("")
        else:
            self.post_message(ViewAsked("back", self.scope))

    def action_pause(self) -> None:
        self.paused = not self.paused
        if not self.paused:
            held, self._held = self._held, {}
            for tag, answer in held.items():
                self.take(tag, answer)
        self.describe_state()

    def action_refresh(self) -> None:
        self.start()
        self.flash("asking again")

    def action_toggle_header(self) -> None:
        self.scene.header = not self.scene.header
        self.describe_state()

    def action_namespace(self, number: int) -> None:
        names = ["", *self.scene.namespaces]
        if self.scene.only and not number:
            self.flash(f"only {self.scene.only} may be looked at; an administrator can allow more", "warn")
        elif number < len(names):
            self.post_message(ViewAsked("namespace", self.scope.within(names[number])))
        else:
            self.flash(f"no namespace {number}: there are {len(names) - 1}", "warn")
