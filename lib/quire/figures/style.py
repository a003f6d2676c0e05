"""The style of every figure: settings of matplotlib for a light and for a dark page."""

from matplotlib import cycler

from quire.figures.palette import COLOURS, FADED, INK

__all__ = ["style"]

INKED = ["text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color"]
CLEAR = ["axes.facecolor", "figure.facecolor", "savefig.facecolor"]


def style(theme: str) -> dict:
    """Settings for a theme, "light" or "dark"; the same salt each time, so that equal drawings are equal files."""
    import seaborn as sns  # here, and not above: it takes a second, and most commands draw nothing

    return {
        **sns.axes_style("ticks"),
        **sns.plotting_context("notebook", font_scale=0.92),
        **dict.fromkeys(INKED, INK[theme]),
        **dict.fromkeys(CLEAR, "none"),
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": "medium",
        "figure.constrained_layout.use": True,
        "font.sans-serif": ["DejaVu Sans"],
        "grid.color": FADED[theme],
        "legend.frameon": False,
        "lines.linewidth": 1.3,
        "lines.markersize": 4.5,
        "svg.hashsalt": "quire",
    }
