"""A figure as SVG text. Colours mean one thing: grey before, blue after, red a stop."""

import io
from collections.abc import Callable
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

GREY, BLUE, ORANGE, GREEN, RED = "#8a8f98", "#2563b0", "#d97706", "#15803d", "#c81e1e"
JOINT_COLORS = (BLUE, ORANGE, GREEN, "#7c3aed", "#0e7490", "#be185d")
OUTSIDE: Any = {"frameon": False, "loc": "upper left", "bbox_to_anchor": (1.0, 1.05)}
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "axes.axisbelow": True,
    "svg.fonttype": "none",  # text stays text: smaller, and searchable in the browser
    "svg.hashsalt": "robot-mbrl",
}


def draw(plot: Callable[[Figure], None], width: float, height: float) -> str:
    """SVG text of what `plot` draws on a figure of so many inches."""
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(width, height), layout="constrained")
        try:
            plot(figure)
            buffer = io.StringIO()
            figure.savefig(buffer, format="svg", metadata={"Date": None})
        finally:
            plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
