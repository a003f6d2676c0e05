"""The style of every figure: settings of matplotlib for a light and for a dark page."""

from matplotlib import cycler

from quire.figures.palette import COLOURS, FADED, INK

__all__ = ["style"]

INKED = ["text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color"]
CLEAR = ["axes.facecolor", "figure.facecolor", "savefig.facecolor"]
# thin frames with ticks outside, and small letters
PLAIN = {
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.labelsize": 10.2,
    "axes.linewidth": 1.25,
    "axes.spines.bottom": True,
    "axes.spines.left": True,
    "font.family": ["sans-serif"],
    "font.size": 10.2,
    "grid.linestyle": "-",
    "grid.linewidth": 1,
    "legend.fontsize": 9.35,
    "legend.title_fontsize": 10.2,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "patch.linewidth": 1,
    "xtick.bottom": True,
    "xtick.direction": "out",
    "xtick.labelsize": 9.35,
    "xtick.major.size": 6,
    "xtick.major.width": 1.25,
    "xtick.minor.size": 4,
    "xtick.minor.width": 1,
    "xtick.top": False,
    "ytick.direction": "out",
    "ytick.labelsize": 9.35,
    "ytick.left": True,
    "ytick.major.size": 6,
    "ytick.major.width": 1.25,
    "ytick.minor.size": 4,
    "ytick.minor.width": 1,
    "ytick.right": False,
}


def style(theme: str) -> dict:
    """Settings for a theme, "light" or "dark"; the same salt each time, so that equal drawings are equal files."""
    return {
        **PLAIN,
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
