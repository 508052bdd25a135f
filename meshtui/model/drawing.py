"""A graph drawn with characters: boxes, lines, labels, and where each of them can be clicked.

The graph widget asks an Atlas for a Picture each time the numbers change; the places stay as long as the nodes
and calls do. Heat is a level with a sign beside it. Pure.
"""

import math

from rich.cells import cell_len, set_cell_size

from meshtui.model import figures
from meshtui.model.canvas import Canvas, Line, Point, frame
from meshtui.model.cell import Cell, Level
from meshtui.model.chart import Box, Chart
from meshtui.model.graph import Call, Edge, Graph, Node, Traffic
from meshtui.model.layers import arrange
from meshtui.model.layout import place
from meshtui.model.look import Look, home, label_size, level, metrics, percent, security, signs, title


class Picture:
    """What was drawn: its lines, made when they are asked for, and what is where."""

    def __init__(self, canvas: Canvas, *, ascii: bool = False, chart: Chart | None = None) -> None:
        self.width, self.height = canvas.width, canvas.height
        self.boxes: dict[Node, Box] = chart.boxes if chart else {}
        self.heads: dict[Call, Point] = chart.heads if chart else {}  # where the arrows are
        self._cells: dict[Point, Call] = chart.cells if chart else {}
        self._canvas, self._ascii = canvas, ascii
        self._made: dict[int, Line] = {}

    @property
    def lines(self) -> list[Line]:
        """All lines."""
        return [self.line(y) for y in range(self.height)]

    def line(self, y: int) -> Line:
        """Return one line."""
        if y not in self._made:
            self._made[y] = self._canvas.line(y, ascii=self._ascii)
        return self._made[y]

    def hit(self, x: int, y: int) -> Node | Call | None:
        """Return what stands in a cell."""
        for node, (left, top, width, height) in self.boxes.items():
            if left <= x < left + width and top <= y < top + height:
                return node
        return self._cells.get((x, y))


BLANK = Picture(Canvas(0, 0))


class Atlas:
    """Remembers the charts of a graph for as long as its nodes and calls are the same."""

    def __init__(self) -> None:
        self._topology: object = None
        self._charts: dict[tuple[bool, bool, bool], Chart] = {}
        self._order: dict[Node, int] = {}

    def picture(self, graph: Graph, look: Look) -> Picture:
        """Return the drawing of a graph."""
        return _Drawing(graph, self.chart(graph, look), look).picture()

    def size(self, graph: Graph, look: Look) -> tuple[int, int]:
        """Return width and height of the drawing of a graph."""
        chart = self.chart(graph, look)
        return chart.width, chart.height

    def chart(self, graph: Graph, look: Look) -> Chart:
        """Return the chart of a graph, as it was while its nodes and calls are the same."""
        topology = (tuple(graph.folded.items()), tuple(graph.nodes), tuple(graph.edges))
        if topology != self._topology:
            self._topology = topology
            self._charts.clear()
        key = (look.down, look.labels, look.ascii)
        if key not in self._charts:
            layers = arrange(graph.nodes.keys(), graph.edges.keys(), self._order)
            chart = self._charts[key] = Chart(place(layers, metrics(graph, look)), look)
            self._order = chart.layout.order
        return self._charts[key]


class _Drawing:
    """One drawing."""

    def __init__(self, graph: Graph, chart: Chart, look: Look) -> None:
        self.graph, self.chart, self.look, self.signs = graph, chart, look, signs(look)
        self.canvas = Canvas(chart.width, chart.height)

    def picture(self) -> Picture:
        bright = [call for call in self.graph.edges if self._lit(call)]
        for call in [*(call for call in self.graph.edges if call not in bright), *bright]:
            self._line(call)
        for node in self.graph.nodes:
            self._box(node, self.chart.boxes[node])
        return Picture(self.canvas, ascii=self.look.ascii, chart=self.chart)

    def _lit(self, call: Call) -> bool:
        """Tell whether a call is selected, or touches what is."""
        selected = self.look.selected
        return selected == call or (isinstance(selected, Node) and selected in call)

    def _line(self, call: Call) -> None:
        edge, lit = self.graph.edges[call], self._lit(call)
        heat = level(edge)
        if edge.quiet or (heat is Level.GOOD and not lit):
            heat = Level.DIM
        elif lit and heat not in (Level.WARN, Level.BAD):
            heat = Level.ACCENT
        self.canvas.draw(self.chart.nets[call], self.chart.strokes[call], heat, heavy=lit)
        back = call in self.chart.layout.turned
        arrow = (self.signs.up, self.signs.down) if self.look.down else (self.signs.left, self.signs.right)
        head = arrow[0 if back else 1]
        self.canvas.text(*self.chart.heads[call], head, Level.PLAIN if heat is Level.DIM else heat)
        self._label(call, edge)

    def _label(self, call: Call, edge: Edge) -> None:
        x, y = self.chart.labels[call]
        rows = self._words(edge)
        if self.look.down:
            for row, words in enumerate(rows):
                self._write(x + 2, y + row, words)
            return
        words = [cell for row in rows for cell in (*row, Cell(" "))][:-1]
        room = label_size(self.look)[0]
        width = sum(cell_len(cell.text) for cell in words) + 2
        self._write(x + max(0, room - width) // 2, y, [Cell(" "), *words, Cell(" ")])

    def _words(self, edge: Edge) -> list[list[Cell]]:
        """Return what a label says, in one or two groups of words."""
        lock = security(edge, self.signs)
        lock = lock._replace(level=Level.DIM) if lock.level is Level.GOOD else lock
        heat, share = level(edge), edge.http.share
        sign = {Level.BAD: self.signs.bad, Level.WARN: self.signs.weak}.get(heat, "")
        if not self.look.labels:
            return [[lock, *([Cell(sign, heat)] if sign else [])]]
        if edge.quiet:
            return [[lock, Cell(" idle", Level.DIM)]]
        if math.isnan(share):
            what = f" {edge.tcp_open} conn" if edge.tcp_open else f" {figures.size(edge.tcp_bps)}/s"
            return [[lock, Cell(what)]]
        rate = Cell(f" {figures.rate(edge.http.rps)}/s")
        return [[lock, rate], [Cell(f"{sign} {percent(share)}" if sign else percent(share), heat)]]

    def _write(self, x: int, y: int, words: list[Cell]) -> int:
        for cell in words:
            x = self.canvas.text(x, y, cell.text, cell.level)
        return x

    def _box(self, node: Node, where: Box) -> None:
        x, y, width, height = where
        traffic, selected = self.graph.nodes[node], self.look.selected
        heat = level(traffic)
        chosen = selected == node
        near = isinstance(selected, tuple) and not isinstance(selected, Node) and node in selected
        hot = heat in (Level.WARN, Level.BAD)
        border = Level.ACCENT if chosen or (near and not hot) else (heat if hot else Level.DIM)
        net, doors = self.chart.frames[node]
        self.canvas.draw(net, frame(*where), border, heavy=chosen)
        self.canvas.draw(net, doors, border)
        self._title(node, x, y, width, Level.ACCENT if chosen or near else Level.PLAIN)
        words = self._figures(node, traffic, heat)
        size = sum(cell_len(cell.text) for cell in words)
        self._write(x + max(2, (width - size) // 2), y + (height - 1) // 2, words)
        self._foot(node, x, y + height - 1, width)

    def _title(self, node: Node, x: int, y: int, width: int, level: Level) -> None:
        name = title(self.graph, node)
        if cell_len(name) > width - 6:
            name = set_cell_size(name, width - 7) + self.signs.cut
        self.canvas.text(x + 2, y, f" {name} ", level)

    def _foot(self, node: Node, x: int, y: int, width: int) -> None:
        """Write what is special about a node into its lower border."""
        words = [self.signs.loop] if node in self.graph.loops else []
        if node not in self.graph.meshed:
            words.append("not meshed")
        text, room = " ".join(word for word in (*words, home(self.graph, node)) if word), width - 6
        if text:
            short = text if cell_len(text) <= room else set_cell_size(text, room - 1) + self.signs.cut
            self.canvas.text(x + 2, y, f" {short} ", Level.DIM)

    def _figures(self, node: Node, traffic: Traffic, heat: Level) -> list[Cell]:
        if not math.isnan(traffic.share):
            sign = {Level.BAD: self.signs.bad + " ", Level.WARN: self.signs.weak + " "}.get(heat, "")
            share = Cell(f"{sign}{percent(traffic.share)}", heat)
            return [share, Cell(f"  {figures.rate(traffic.rps)}/s")] if self.look.labels else [share]
        sent = sum(edge.http.rps for call, edge in self.graph.edges.items() if call[0] == node)
        if sent:
            return [Cell(f"{self.signs.sends} {figures.rate(sent)}/s")]
        touched = [edge for call, edge in self.graph.edges.items() if node in call]
        connections = sum(edge.tcp_open for edge in touched)
        return [Cell(f"{connections} conn") if connections else Cell("idle", Level.DIM)]
