"""The matplotlib backend of a box: Agg, and `plt.show()` hands the open figures to the worker. Figures still open when
an action ends are shown then, as a notebook does.
"""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable
from typing import Any

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

_DPI = 100


class Gallery:
    """What has been drawn and not yet shown."""

    def __init__(self) -> None:
        self.show: Callable[[dict[str, Any]], None] = lambda bundle: None  # of the session; nobody looks in the server
        self._seen: set[int] = set()  # figures shown during this action, so that `fig` as last value is not shown twice

    def render(self, figure: Any) -> bytes:
        """A figure as PNG. Counts as shown."""
        self._seen.add(id(figure))
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight")
        return buffer.getvalue()

    def show_open(self) -> None:
        """Show all open figures and close them."""
        managers = Gcf.get_all_fig_managers()
        try:
            for manager in managers:
                figure = manager.canvas.figure
                if id(figure) not in self._seen:
                    self.show({"image/png": self.render(figure), "text/plain": repr(figure)})
        finally:
            Gcf.destroy_all()

    def end_action(self, show: Callable[[dict[str, Any]], None]) -> None:
        """Show what is open. A figure that cannot be drawn is reported as output; it is too late for an exception."""
        self.show = show
        try:
            self.show_open()
        except Exception:  # noqa: BLE001 (an agent's artists draw here)
            traceback.print_exc(limit=0, file=sys.stderr)
        self._seen.clear()


GALLERY = (
    Gallery()
)  # one per process: matplotlib finds a backend by the name of its module, so the state must be found that way too


class _Manager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        GALLERY.show_open()

    def show(self) -> None:
        GALLERY.show({"image/png": GALLERY.render(self.canvas.figure), "text/plain": repr(self.canvas.figure)})


class FigureCanvas(FigureCanvasAgg):
    manager_class: Any = _Manager
