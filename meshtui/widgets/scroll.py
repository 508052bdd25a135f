"""What every widget here is that paints lines and scrolls: the bar stands where the lines do.

Textual tells a bar where its widget stands only when the widget moves while the bar shows. One that gets its rows
and goes to the last of them in the same turn moves before it has a bar, which then stood at the top until the next
move. Grids, logs and the graph's sheet build on this; what they paint is theirs.
"""

from textual.scroll_view import ScrollView


class Scroll(ScrollView):
    """Lines that scroll, with bars that begin where the lines are."""

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def watch_show_horizontal_scrollbar(self, shown: bool) -> None:
        if shown:
            self.horizontal_scrollbar.position = self.scroll_x
