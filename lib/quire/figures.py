"""Figures drawn from a table: ``figure("locality-curves", rows, x="samples", y="error", …, alt=…, caption=…)``.

The table is written beside the picture, so that every figure can be redrawn, checked and compared; the picture is written
for a light and for a dark page (SVG, transparent) and as a PNG. Rows that share a point are averaged and shown with their
standard error. Measurements are markers, theory is a dashed line of the same colour, an asymptote is a dashed grey line.
"""

import base64
import html
import io
import re
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter

from quire.provenance import folder, read_json, write_atomic, write_json

__all__ = ["figure"]

COLOURS = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#56b4e9", "#949494", "#ca9161"]
MARKERS = "osD^vPX*"
INK = {"light": "#222222", "dark": "#e6e6e6"}
FADED = {"light": "#767676", "dark": "#a0a0a0"}


def figure(
    id: str, table: pd.DataFrame, *, alt: str, caption: str, kind: str = "line",
    x: str | None = None, y: str | None = None, hue: str | None = None, col: str | None = None,
    theory: str | None = None, band: str | None = None, value: str | None = None,
    log: str = "", labels: dict[str, str] | None = None, limits: dict[str, tuple[float, float]] | None = None,
    slopes: Sequence[tuple] = (), hline: Sequence[tuple[float, str]] = (), vline: Sequence[tuple[float, str]] = (),
    share: bool = True, wrap: int = 3, size: tuple[float, float] = (3.6, 3.0), layout: tuple[int, int] = (1, 1),
    draw: Callable | None = None,
) -> None:  # fmt: skip
    """Draw a figure and write its table.

    Args:
        id: name of the figure and its files: lower-case words joined by hyphens, the chapter's name first.
        table: tidy rows.
        alt: what a reader who cannot see the picture needs to know, a sentence or two.
        caption: what the figure shows.
        x, y: columns of the axes (of the pixels' places for kind "image").
        hue: column that colours (and marks) the groups; numbers get a sequential palette.
        col: column whose values each get a panel.
        theory: column drawn as a dashed line.
        band: column with the standard error of ``y``; without it rows that share a point give one.
        value: column of the colours of a heat map or an image.
        kind: "line", "scatter", "bar", "heatmap", "image" or "custom".
        log: the axes that are logarithmic, "", "x", "y" or "xy" ("c" for the colours of a heat map).
        labels: text for columns, with units.
        slopes: (exponent, label) and perhaps a hue value and a panel: dashed power laws, through the last point of it.
        hline, vline: (position, label) of reference lines.
        limits: axis limits by "x" and "y".
        share: panels share their axes.
        wrap: panels in a row.
        size: width and height of a panel in inches.
        layout: rows and columns of panels of a custom figure.
        draw: for kind "custom", a function of (array of axes, table); it is called once for each theme.

    Raises:
        ValueError: the id or the alternative text does not serve, the kind is unknown, or a logarithm is not defined.
        LookupError: a column is not in the table.
    """
    spec = SimpleNamespace(**locals() | {"labels": labels or {}, "limits": limits or {}})
    used = list(dict.fromkeys(c for c in (col, hue, x, y, theory, band, value) if c is not None))
    _check(spec, used)
    run, names = folder("run"), {"light": f"{id}.svg", "dark": f"{id}.dark.svg", "png": f"{id}.png"}
    for name, theme in (("light", "light"), ("dark", "dark"), ("png", "light")):
        with plt.rc_context(_style(theme)):
            canvas, buffer = _drawn(spec, theme), io.BytesIO()
            options = {"dpi": 144, "facecolor": "white"} if name == "png" else {"metadata": {"Date": None}}
            canvas.savefig(buffer, format=names[name].rpartition(".")[2], bbox_inches="tight", **options)
            write_atomic(run / names[name], buffer.getvalue())
    kept = table[used] if kind != "custom" else table
    write_atomic(run / f"{id}.csv", kept.to_csv(index=False).encode())
    index = read_json(run / "figures.json", {})
    entry = {**names, "table": f"{id}.csv", "alt": alt, "caption": caption}
    entry["number"] = index.get(id, {}).get("number", len(index) + 1)
    write_json(run / "figures.json", {**index, id: entry})
    _display(id, buffer.getvalue(), alt, caption)


def _check(spec, used):
    id, table = spec.id, spec.table
    if not re.fullmatch(r"[a-z0-9_]+(-[a-z0-9_]+)+", id):
        raise ValueError(f'a figure is named "<chapter>-<words>" in lower case, got {id!r}')
    if len(spec.alt.strip()) < 20 or len(spec.caption.strip()) < 10:
        raise ValueError(f"figure {id}: alt (≥ 20 characters) and caption (≥ 10) say what is seen; one is too short")
    surface = ["x", "y", "value"]
    needs = {"line": "xy", "scatter": "xy", "bar": "xy", "heatmap": surface, "image": surface, "custom": ["draw"]}
    if spec.kind not in needs or any(vars(spec)[name] is None for name in needs[spec.kind]):
        need = ", ".join(f"{kind} ({', '.join(names)})" for kind, names in needs.items())
        raise ValueError(f"figure {id}: expected a kind with what it needs, one of {need}; got {spec.kind!r}")
    if missing := [c for c in used if c not in table.columns]:
        raise LookupError(f"figure {id}: columns {missing} are not in the table, which has {list(table.columns)}")
    if table.empty:
        raise ValueError(f"figure {id}: the table has no rows")
    for axis, column in [("x", spec.x), ("y", spec.y), ("y", spec.theory), ("c", spec.value)]:
        if axis in spec.log and column and not (table[column].dropna() > 0).all():
            raise ValueError(f"figure {id}: {column} has values ≤ 0, which a logarithmic {axis} axis cannot show")


def _style(theme: str) -> dict:
    ink = INK[theme]
    return {
        **sns.axes_style("ticks"), **sns.plotting_context("notebook", font_scale=0.85),
        **dict.fromkeys(["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], ink),
        "axes.titlecolor": ink, "axes.facecolor": "none", "figure.facecolor": "none", "savefig.facecolor": "none",
        "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "axes.titlesize": "medium",
        "figure.constrained_layout.use": True, "svg.hashsalt": "quire", "lines.markersize": 4.5, "lines.linewidth": 1.3,
        "axes.prop_cycle": plt.cycler(color=COLOURS), "grid.color": FADED[theme], "font.sans-serif": ["DejaVu Sans"],
    }  # fmt: skip


def _drawn(spec, theme) -> Figure:
    panels = list(spec.table.groupby(spec.col, sort=False)) if spec.col else [(None, spec.table)]
    custom, columns = spec.kind == "custom", min(spec.wrap, len(panels))
    lines, columns = spec.layout if custom else (-(-len(panels) // columns), columns)
    canvas, shared = Figure(figsize=(spec.size[0] * columns, spec.size[1] * lines)), spec.share and not custom
    axes = canvas.subplots(lines, columns, squeeze=False, sharex=shared and spec.kind != "bar", sharey=shared)
    if custom:
        spec.draw(axes, spec.table)
        return canvas
    groups = _palette(spec.table, spec.hue, theme)
    for i, (ax, (panel, part)) in enumerate(zip(axes.flat, panels, strict=False)):
        {"heatmap": _heatmap, "image": _heatmap, "bar": _bars}.get(spec.kind, _curves)(ax, part, spec, groups, theme)
        text = dict(fontsize="small", color=FADED[theme])
        for place, label in spec.hline:
            ax.axhline(place, color=FADED[theme], ls=":", lw=1)
            if i % columns == columns - 1 or i == len(panels) - 1:  # beside the last panel, away from the data
                ax.text(1.02, place, label, transform=ax.get_yaxis_transform(), va="center", **text)
        for place, label in spec.vline:
            ax.axvline(place, color=FADED[theme], ls=":", lw=1)
            ax.text(place, 0.98, label, transform=ax.get_xaxis_transform(), va="top", ha="right", rotation=90, **text)
        if panel is not None:
            ax.set_title(f"{spec.labels.get(spec.col, spec.col)}: {panel}" if _numeric(part[spec.col]) else str(panel))
        ax.set(**{f"{axis}lim": limit for axis, limit in spec.limits.items()})
        ax.set(xlabel=spec.labels.get(spec.x, spec.x), ylabel=spec.labels.get(spec.y, spec.y))
        if shared:
            ax.label_outer()
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    places = sorted(set(spec.table[spec.x]))
    for axis in (axis for ax in axes.flat for axis in (ax.xaxis, ax.yaxis) if axis.get_scale() == "log"):
        low, high = axis.get_view_interval()
        if high < 50 * low:  # too short for powers of ten
            few = axis.axis_name == "x" and 1 < len(places) <= 6
            subdivisions = LogLocator(subs=(1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 7))
            axis.set_major_locator(FixedLocator(places) if few else subdivisions)
            axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    if handles := _legend(groups, spec, theme):
        canvas.legend(handles=handles, loc="outside right center", title=spec.labels.get(spec.hue, spec.hue))
    return canvas


def _numeric(column: pd.Series) -> bool:
    return column.dtype.kind in "if"


def _palette(table, hue, theme) -> dict:
    """Colour and marker of each group, {None: …} without groups."""
    if hue is None:
        return {None: (COLOURS[0], "o")}
    values = sorted(set(table[hue])) if _numeric(table[hue]) else list(dict.fromkeys(table[hue]))
    span = (0.0, 0.82) if theme == "light" else (0.28, 1.0)
    ordered = _numeric(table[hue]) and len(values) > 2
    colours = plt.get_cmap("viridis")(np.linspace(*span, len(values))) if ordered else COLOURS
    return {v: (colours[i % len(colours)], MARKERS[i % len(MARKERS)]) for i, v in enumerate(values)}


def _points(rows, spec) -> pd.DataFrame:
    """Mean, error and theory at each abscissa."""
    grouped = rows.groupby(spec.x, sort=_numeric(rows[spec.x]))
    error = grouped[spec.band].mean() if spec.band else grouped[spec.y].sem().fillna(0.0)
    theory = grouped[spec.theory].mean() if spec.theory else np.nan
    return pd.DataFrame({"mean": grouped[spec.y].mean(), "error": error, "theory": theory})


def _curves(ax, part, spec, groups, theme):
    ax.set(**{f"{axis}scale": "log" for axis in spec.log})
    for group, (colour, marker) in groups.items():
        rows = part if group is None else part[part[spec.hue] == group]
        if rows.empty:
            continue
        points = _points(rows, spec)
        if spec.kind == "scatter":
            ax.plot(rows[spec.x], rows[spec.y], marker, color=colour, ls="none", alpha=0.85)
        else:
            line = "none" if spec.theory else "-"
            ax.errorbar(points.index, points["mean"], points["error"], fmt=marker, ls=line, color=colour, capsize=2)
        if spec.theory:
            ax.plot(points["theory"].dropna(), "--", color=colour, zorder=1)
    for exponent, label, *anchor in spec.slopes:
        rows = part
        for column, group in zip((spec.hue, spec.col), anchor, strict=False):
            rows = rows[rows[column] == group]
        if rows.empty:
            continue
        curve, colour = rows.groupby(spec.x)[spec.y].mean(), groups[anchor[0]][0] if anchor else FADED[theme]
        line = (1.0 if anchor else 1.35) * curve.iloc[-1] * (curve.index.to_numpy(float) / curve.index[-1]) ** exponent
        ax.plot(curve.index, line, ls=(0, (4, 3)), color=colour, lw=1, alpha=0.8, zorder=0)
        # the label stands above its line
        i, side = len(line) // 2, dict(xytext=(4, 5)) if exponent < 0 else dict(xytext=(-4, 5), ha="right")
        ax.annotate(
            label, (curve.index[i], line[i]), color=colour, textcoords="offset points", fontsize="small", **side
        )


def _bars(ax, part, spec, groups, theme):
    names, width = list(dict.fromkeys(part[spec.x])), 0.8 / len(groups)
    for i, (group, (colour, _)) in enumerate(groups.items()):
        points = _points(part if group is None else part[part[spec.hue] == group], spec).reindex(names)
        place = np.arange(len(names)) + (i - (len(groups) - 1) / 2) * width
        look = dict(ecolor=INK[theme], error_kw={"lw": 1})
        ax.bar(place, points["mean"], width * 0.92, yerr=points["error"], color=colour, **look)
        ax.plot(place, points["theory"], ls="none", marker="_", ms=14, mew=2, color=INK[theme])
    ax.set_xticks(range(len(names)), map(str, names), rotation=30 if max(len(str(n)) for n in names) > 6 else 0)
    ax.set_yscale("log" if "y" in spec.log else "linear")


def _heatmap(ax, part, spec, groups, theme):
    grid = part.pivot_table(index=spec.y, columns=spec.x, values=spec.value)
    look = dict(norm="log" if "c" in spec.log else None, cmap="gray" if spec.kind == "image" else "viridis")
    look["rasterized"] = spec.kind == "image"  # a path for each pixel would be megabytes
    mesh = ax.pcolormesh(np.arange(grid.shape[1] + 1), np.arange(grid.shape[0] + 1), grid.to_numpy(), **look)
    if spec.kind == "image":
        ax.set(aspect="equal", xticks=[], yticks=[], ylim=(len(grid), 0))
        return
    for setter, values in ((ax.set_xticks, grid.columns), (ax.set_yticks, grid.index)):
        step = -(-len(values) // 9)
        names = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in values[::step]]
        setter(np.arange(0, len(values), step) + 0.5, names)
    ax.figure.colorbar(mesh, ax=ax, label=spec.labels.get(spec.value, spec.value))


def _legend(groups, spec, theme) -> list[Line2D]:
    line = "-" if spec.kind == "line" and not spec.theory else "none"
    looks = [(str(g) if not isinstance(g, float) else f"{g:g}", *look) for g, look in groups.items() if g is not None]
    handles = [Line2D([], [], color=c, marker="s" if spec.kind == "bar" else m, ls=line, label=n) for n, c, m in looks]
    if spec.theory and spec.kind != "bar":
        handles.append(Line2D([], [], color=FADED[theme], ls="--", label=spec.labels.get(spec.theory, "theory")))
    return handles


def _display(id: str, png: bytes, alt: str, caption: str) -> None:
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:  # a script: the files are what it wanted
        return
    picture = f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}" alt="{html.escape(alt)}" style="max-width:100%">'
    page = f"<figure>{picture}<figcaption>{html.escape(caption)}</figcaption></figure>"
    marker = {"application/vnd.quire.figure+json": {"id": id}}
    display({"text/html": page, "text/plain": f"[{id}] {caption}", **marker}, raw=True)
