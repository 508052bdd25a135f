"""The app: one mesh, a stack of views, and what is the same on all of them.

`run` is what the command line calls. The app opens views that are asked for, feeds headers with the control
plane's state, and sees to it that the terminal is as it was when the app is gone, however it went.
"""

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import App
from textual.timer import Timer
from textual.widgets import Input

from meshcore.wire.control_pb2 import CheckCategory
from meshcore.wire.version import VERSION
from meshtui import commands, keys, registry
from meshtui.messages import Arrived, MeshFound, NamespaceAsked, PromptDone, ViewAsked
from meshtui.model.past import Past
from meshtui.model.scope import Scope, Trouble
from meshtui.pump import Pump
from meshtui.screens.scene import Scene
from meshtui.screens.table import TableView
from meshtui.screens.view import View
from meshtui.sources.mesh import Mesh
from meshtui.terminal import held, log_to_file, only_ascii, state_folder
from meshtui.themes import DEFAULTS, NAMES, THEMES, choose
from meshtui.widgets.filters import Ascii, Bare
from meshtui.widgets.foot import Foot

log = logging.getLogger(__name__)

LOOK_S = 1.0
REMEMBERED = 100  # commands to go back to
THEME = "MESHTUI_THEME"  # names a theme for good
CRASHED = 70  # EX_SOFTWARE of sysexits.h


class MeshApp(App[int]):
    """The full-screen terminal on one mesh."""

    TITLE = "meshtui"
    BINDINGS = keys.bindings("app")
    COMMANDS: ClassVar[set[Any]] = {commands.Views}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    NOTIFICATION_TIMEOUT = 6

    def __init__(
        self,
        mesh: Mesh | None,
        *,
        view: str = "",
        namespace: str = "",
        theme: str = "",
        ascii: bool = False,
        folder: Path | None = None,
        clock: Callable[[], float] = time.time,
        machine: Callable[[], Sequence[CheckCategory]] = tuple,
    ) -> None:
        ascii = ascii or only_ascii(os.environ.get("TERM", ""))
        no_color = bool(os.environ.get("NO_COLOR"))
        super().__init__(ansi_color=True if no_color else None)
        self.scene = Scene(mesh, self._complete, ascii=ascii, namespace=namespace, clock=clock, machine=machine)
        self._first = view
        self._folder = folder or state_folder() / "screens"
        self._past: Past[commands.Step] = Past(REMEMBERED)
        self._looking: Timer | None = None  # while the control plane is lost
        self.crash = ""
        self._filters.append(Bare())
        if ascii:
            self._filters.append(Ascii())
        for each in THEMES:
            self.register_theme(each)
        wanted = theme or os.environ.get(THEME, "")
        self.theme = choose(wanted, colours=self.console.color_system, no_color=self.no_color)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DEFAULTS

    # life

    async def on_mount(self) -> None:
        if self.scene.mesh is not None:
            Pump(self, "status", self.scene.mesh.status)
            await self._open_first()
        else:
            self.open_view("start", Scope())

    async def _open_first(self) -> None:
        self.open_view("overview", Scope("deployment", self.scene.namespace))
        if self._first:
            await self.run_command(self._first)

    @on(MeshFound)
    async def _mesh_found(self, event: MeshFound) -> None:
        """A mesh appeared while there was none: it is the one to look at."""
        if self.scene.mesh is not None:
            return
        self.scene.mesh = event.mesh
        Pump(self, "status", event.mesh.status)
        await self._unwind(0)
        await self._open_first()

    async def on_unmount(self) -> None:
        if self.scene.mesh is not None:
            await self.scene.mesh.close()

    @on(Arrived)
    def _status_arrived(self, event: Arrived) -> None:
        scene = self.scene
        if isinstance(event.answer, Trouble):
            if scene.trouble is None:
                scene.lost_since = time.monotonic()
            scene.trouble = event.answer
            if self._looking is None:
                self._look()
            log.warning("control plane: %s", event.answer.message)
        else:
            if scene.trouble is not None:
                self._say("control plane is back", "good")
            scene.trouble, scene.status, scene.ended = None, event.answer, False
        self._describe()

    def _look(self) -> None:
        """While the control plane is lost, see whether the mesh is gone with it."""
        scene, self._looking = self.scene, None
        if scene.trouble is not None and scene.mesh is not None:
            scene.ended = not scene.mesh.alive()
            self._describe()
            self._looking = self.set_timer(LOOK_S, self._look)

    # views

    def open_view(self, name: str, scope: Scope, **options: Any) -> None:
        """Put a view on top."""
        self.push_screen(registry.make(name, self.scene, scope, **options))
        self._recount()

    @property
    def view(self) -> View | None:
        """The view on top, or None while something else (the palette) is, or nothing, since the app ends."""
        top = next(iter(reversed(self.screen_stack)), None)
        return top if isinstance(top, View) else None

    @property
    def views(self) -> list[View]:
        return [screen for screen in self.screen_stack if isinstance(screen, View)]

    @on(ViewAsked)
    async def _view_asked(self, event: ViewAsked) -> None:
        if event.view == "back":
            await self._back()
        elif event.view == "namespace":
            self._namespace(event.scope)
        else:
            self.open_view(event.view, event.scope, **event.options)

    @on(NamespaceAsked)
    def _namespace_asked(self, event: NamespaceAsked) -> None:
        if self.view is not None:
            self._namespace(self.view.scope.within(event.wanted))

    def _namespace(self, scope: Scope) -> None:
        view = self.view
        if view is None or not view.NAMESPACED:
            return
        self.scene.namespace = scope.namespace
        name = view.NAME
        if scope.kind == "namespace":
            name, scope = "stat", Scope("deployment", scope.namespace)
        self.switch_screen(registry.make(name, self.scene, scope))
        self._recount()

    async def _back(self) -> None:
        if len(self.views) > 1:
            await self.pop_screen()
            self._recount()

    async def _unwind(self, depth: int) -> None:
        """Leave views until so many are left."""
        while len(self.views) > depth:
            await self.pop_screen()

    @on(Foot.Picked)
    async def _crumb_picked(self, event: Foot.Picked) -> None:
        await self._unwind(event.depth + 1)
        self._recount()

    def _recount(self) -> None:
        self.call_next(self._describe)

    def _describe(self) -> None:
        self.scene.crumbs = [view.crumb() for view in self.views]
        if self.view is not None:
            if self.view.NAMESPACED:  # what is typed next means the namespace that is looked at, also after `back`
                self.scene.namespace = self.view.scope.namespace
            self.view.describe_state()

    def _say(self, text: str, level: str = "info") -> None:
        if self.view is not None and self.view.stands:
            self.view.flash(text, level)

    # commands

    def _complete(self, text: str) -> list[str]:
        return commands.complete(text, self.scene.namespaces, commands.known(self.views, self.scene.namespace))

    @on(PromptDone)
    async def _prompt_done(self, event: PromptDone) -> None:
        if event.mode == "command":
            await self.run_command(event.text)

    async def run_command(self, text: str) -> None:
        """Do what a typed command says; a view it names stands on the first one, whatever was drilled into."""
        step = commands.interpret(text, self.scene.namespace, self.scene.namespaces)
        if step.quit:
            self.exit(0)
        elif step.refusal:
            self._say(step.refusal, "error")
        elif step.view == "help":
            self.action_help()
        elif self.scene.mesh is None and step.view not in ("", "check"):
            self._say("no mesh runs yet: enter starts the demo", "warn")
        elif step.view:
            step = step._replace(scope=self._allowed(step.scope))
            self._past.add(step)
            await self._go_to(step)

    def _allowed(self, scope: Scope) -> Scope:
        """Return as much of a scope as may be looked at."""
        only = self.scene.only
        if not only or scope.namespace or not scope.kind:
            return scope
        return replace(scope, name=scope.name or only) if scope.kind == "namespace" else replace(scope, namespace=only)

    async def _go_to(self, step: commands.Step) -> None:
        """Open what a command asked for, over the first view or instead of it."""
        if step.view == "overview":
            await self._unwind(1)
            if self.view is not None and self.view.scope != step.scope:
                self.switch_screen(registry.make("overview", self.scene, step.scope))
            self._recount()
        else:
            await self._unwind(1)
            self.open_view(step.view, step.scope)

    async def action_past(self, step: int) -> None:
        """Go through the commands that were typed."""
        found = self._past.go(step)
        if found is not None:
            await self._go_to(found)
        else:
            self._say("no command before this one" if step < 0 else "no command after this one", "warn")

    async def action_last(self) -> None:
        """Change between the last two commands."""
        found = self._past.turn()
        if found is not None:
            await self._go_to(found)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A text that is being typed may hold the keys that open a prompt."""
        return not (action == "command" and isinstance(self.focused, Input))

    def action_command(self) -> None:
        if self.view is not None:
            self.view.action_command()

    def action_help(self) -> None:
        view = self.view
        if view is None or view.NAME == "help":
            return
        sorts = []
        if isinstance(view, TableView):
            sorts = [(column.hotkey, column.title) for column in view.table.columns if column.hotkey]
        contexts = (*view.CONTEXTS, *(("grid",) if sorts else ()))
        self.open_view(
            "help",
            Scope(),
            contexts=contexts,
            about=view.crumb(),
            sorts=sorts,
            words=registry.index(),
            notes=view.NOTES,
        )

    def action_next_theme(self) -> None:
        names = list(NAMES)
        here = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(here + 1) % len(names)]
        self._say(f"theme {self.theme}")

    def action_save(self) -> None:
        """Write the screen as SVG and as text; say where."""
        stem = time.strftime("meshtui-%Y%m%d-%H%M%S")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            svg = self._folder / f"{stem}.svg"
            svg.write_text(self.export_screenshot(title="meshtui"), encoding="utf-8")
            svg.with_suffix(".txt").write_text(self.screen_text(), encoding="utf-8")
        except OSError as error:
            self._say(f"cannot save to {self._folder}: {error.strerror}", "error")
            return
        self._say(f"saved {svg} and .txt", "good")

    def screen_text(self) -> str:
        """Return what the screen shows as plain lines."""
        strips = self.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips) + "\n"

    async def action_quit(self) -> None:
        self.exit(0)

    # the end

    def leave(self, status: int) -> None:
        """End with an exit status; safe to call from a signal handler."""
        if self._loop is None:
            raise SystemExit(status)
        self._loop.call_soon_threadsafe(self.exit, status)

    def _handle_exception(self, error: Exception) -> None:
        """Keep the traceback for the log; the terminal gets one line, from `run`, when it is its own again."""
        if not self.crash:
            self.crash = "".join(traceback.format_exception(error))
            log.critical("crash\n%s", self.crash)
        super()._handle_exception(error)

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()


def run(mesh: Mesh | None, *, mouse: bool = True, **options: Any) -> int:
    """Show the app until it is left; return the exit status. Nothing but the app is written to the terminal."""
    log_file = log_to_file()
    log.info("meshtui %s begins", VERSION)
    app = MeshApp(mesh, **options)
    status: int | None = None
    try:
        with held(app.leave, log_file):
            status = app.run(mouse=mouse)
    except Exception:  # noqa: BLE001 - the last place where a crash can be told in one line
        app.crash = app.crash or traceback.format_exc()
        log.critical("crash\n%s", app.crash)
    if app.crash:
        last = app.crash.strip().splitlines()[-1]
        sys.stderr.write(f"meshtui crashed: {last} (traceback in {log_file})\n")
        return CRASHED
    return status or 0
