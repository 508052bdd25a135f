"""A layout on a canvas: what each line covers, and what stands where.

Worked out once for as long as a graph has the same nodes and calls; `drawing` fills in the numbers. Pure.
"""

from meshtui.model.canvas import DOWN, LEFT, RIGHT, UP, Point, Stroke, stroke
from meshtui.model.graph import Call, Node
from meshtui.model.layout import Layout, Place
from meshtui.model.look import Look, label_size

Box = tuple[int, int, int, int]  # column, row, width, height


class Chart:
    """A layout on a canvas: what each line covers, and what is where. It stays while the numbers change."""

    def __init__(self, layout: Layout, look: Look) -> None:
        self.layout = layout
        self._down = look.down
        extra = label_size(look)[0] if look.down else 0  # a label stands to the right of its line
        size = (layout.breadth + extra, layout.length) if look.down else (layout.length, layout.breadth)
        self.width, self.height = size
        self.boxes: dict[Node, Box] = {node: self._box(each) for node, each in layout.places.items()}
        self.frames: dict[Node, tuple[int, Stroke]] = {node: (-1 - i, []) for i, node in enumerate(self.boxes)}
        numbers = {net: i for i, net in enumerate(dict.fromkeys(layout.nets.values()))}
        self.nets = {call: numbers[net] for call, net in layout.nets.items()}
        self.strokes = {call: self._stroke(call) for call in layout.lines}
        self.heads = {
            call: self._point(line[0] if call in layout.turned else line[-1]) for call, line in layout.lines.items()
        }
        self.labels = {call: self._point(at) for call, at in layout.labels.items()}
        self.cells = self._cells(*label_size(look))

    def _point(self, place: tuple[int, int]) -> Point:
        return (place[1], place[0]) if self._down else place

    def _box(self, each: Place) -> Box:
        x, y = self._point((each.along, each.across))
        return (x, y, each.breadth, each.length) if self._down else (x, y, each.length, each.breadth)

    def _stroke(self, call: Call) -> Stroke:
        """Return a line's cells, with arms into both borders, and open a door in the caller's one."""
        corners = self.layout.lines[call]
        points = [self._point(corner) for corner in corners]
        ahead, behind = (DOWN, UP) if self._down else (RIGHT, LEFT)
        first, last = corners[0], corners[-1]
        back = call in self.layout.turned
        door = self._point((last[0] + 1, last[1]) if back else (first[0] - 1, first[1]))
        self.frames[call[0]][1].append((door, behind if back else ahead))
        return [*stroke(points), (points[0], behind), (points[-1], ahead)]

    def _cells(self, width: int, height: int) -> dict[Point, Call]:
        """Return what a click means: lines and labels; of a shared stretch, the last call."""
        cells = {point: call for call, cells in self.strokes.items() for point, _ in cells}
        for call, (x, y) in self.labels.items():
            area = range(x + 1, x + width) if self._down else range(x, x + width)
            cells.update({(column, y + row): call for column in area for row in range(height)})
        return cells
