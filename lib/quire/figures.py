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

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from quire.provenance import folder, read_json, write_atomic, write_json

__all__ = ["figure"]

COLOURS = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#56b4e9", "#949494", "#ca9161"]
MARKERS = "osD^vPX*"
INK = {"light": "#222222", "dark": "#e6e6e6"}
FADED = {"light": "#767676", "dark": "#a0a0a0"}


def figure(
    id: str,
    table: pd.DataFrame,
    *,
    alt: str,
    caption: str,
    x: str | None = None,
    y: str | None = None,
    hue: str | None = None,
    col: str | None = None,
    theory: str | None = None,
    band: str | None = None,
    value: str | None = None,
    kind: str = "line",
    log: str = "",
    labels: dict[str, str] | None = None,
    slopes: Sequence[tuple] = (),
    hline: Sequence[tuple[float, str]] = (),
    vline: Sequence[tuple[float, str]] = (),
    limits: dict[str, tuple[float, float]] | None = None,
    share: bool = True,
    wrap: int = 3,
    size: tuple[float, float] = (3.6, 3.0),
    layout: tuple[int, int] = (1, 1),
    draw: Callable | None = None,
) -> None:
    """Draw a figure and write its table.

    Args:
        id: name of the figure and its files: lower-case words joined by hyphens, the chapter's name first.
        table: tidy rows.
        alt: what a reader who cannot see the picture needs to know, a sentence or two.
        caption: what the figure shows.
        x, y: columns of the axes.
        hue: column that colours (and marks) the groups; numbers get a sequential palette.
        col: column whose values each get a panel.
        theory: column drawn as a dashed line.
        band: column with the standard error of ``y``; without it rows that share a point give one.
        value: column of the colours of a heat map.
        kind: "line", "scatter", "bar", "heatmap" or "custom".
        log: the axes that are logarithmic, "", "x", "y" or "xy" ("c" for the colours of a heat map).
        labels: text for columns, with units.
        slopes: (exponent, label) or (exponent, label, hue value): dashed power laws, through the last point of that group.
        hline, vline: (position, label) of reference lines.
        limits: axis limits by "x" and "y".
        share: panels share their axes.
        wrap: panels in a row.
        size: width and height of a panel in inches.
        layout: rows and columns of panels of a custom figure.
        draw: for kind "custom", a function of (array of axes, table).

    Raises:
        ValueError: the id or the alternative text does not serve, or the kind is unknown.
        KeyError: a column is not in the table.
    """
    if not re.fullmatch(r"[a-z0-9_]+(-[a-z0-9_]+)+", id):
        raise ValueError(f'a figure is named "<chapter>-<words>" in lower case, got {id!r}')
    if len(alt.strip()) < 20 or len(caption.strip()) < 10:
        raise ValueError(
            f"figure {id}: alt (≥ 20 characters) and caption (≥ 10) say what is seen, got {alt!r}, {caption!r}"
        )
    if kind not in ("line", "scatter", "bar", "heatmap", "custom") or (kind == "custom") != (draw is not None):
        raise ValueError(
            f'figure {id}: kind is "line", "scatter", "bar", "heatmap" or "custom" (with draw=), got {kind!r}'
        )
    used = [c for c in dict.fromkeys([col, hue, x, y, theory, band, value]) if c is not None]
    if missing := [c for c in used if c not in table.columns]:
        raise KeyError(f"figure {id}: columns {missing} are not in the table, which has {list(table.columns)}")
    if table.empty:
        raise ValueError(f"figure {id}: the table has no rows")
    for axis, column in (("x", x), ("y", y)):
        if axis in log and column and not (table[column].dropna() > 0).all():
            raise ValueError(f"figure {id}: {column} has values ≤ 0, which a logarithmic {axis} axis cannot show")
    spec = dict(
        x=x, y=y, hue=hue, theory=theory, band=band, value=value, kind=kind, log=log, slopes=slopes, hline=hline
    )
    spec |= dict(vline=vline, limits=limits or {}, labels=labels or {})
    run, written = (
        folder("run"),
        {"light": f"{id}.svg", "dark": f"{id}.dark.svg", "png": f"{id}.png", "table": f"{id}.csv"},
    )
    for theme in ("light", "dark"):
        with plt.rc_context(_style(theme)):
            if kind == "custom":
                canvas, axes = plt.subplots(*layout, figsize=(size[0] * layout[1], size[1] * layout[0]), squeeze=False)
                draw(axes, table)
            else:
                canvas = _panels(table, spec, theme, col, share, wrap, size)
            write_atomic(run / written[theme], _save(canvas, "svg", metadata={"Date": None}))
            if theme == "light":
                png = _save(canvas, "png", dpi=144, transparent=False, facecolor="white")
                write_atomic(run / written["png"], png)
            plt.close(canvas)
    kept = table[used] if kind != "custom" and used else table
    write_atomic(run / written["table"], kept.to_csv(index=False).encode())
    index = read_json(run / "figures.json", {})
    number = index.get(id, {}).get("number", len(index) + 1)
    write_json(run / "figures.json", {**index, id: {**written, "alt": alt, "caption": caption, "number": number}})
    _display(id, png, alt, caption)


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


def _palette(values: list, theme: str) -> dict:
    numbers = all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in values)
    if numbers and len(values) > 2:
        low, high = (0.0, 0.82) if theme == "light" else (0.28, 1.0)
        colours = [plt.get_cmap("viridis")(t) for t in np.linspace(low, high, len(values))]
    else:
        colours = [COLOURS[i % len(COLOURS)] for i in range(len(values))]
    return {v: (colour, MARKERS[i % len(MARKERS)]) for i, (v, colour) in enumerate(zip(values, colours, strict=True))}


def _panels(table, spec, theme, col, share, wrap, size):
    panels = list(dict.fromkeys(table[col])) if col else [None]
    columns = min(wrap, len(panels))
    lines = -(-len(panels) // columns)
    canvas, axes = plt.subplots(
        lines, columns, figsize=(size[0] * columns, size[1] * lines), squeeze=False,
        sharex=share and spec["kind"] != "bar", sharey=share,
    )  # fmt: skip
    hue, labels = spec["hue"], spec["labels"]
    groups = (
        _palette(sorted(set(table[hue])) if _numeric(table, hue) else list(dict.fromkeys(table[hue])), theme)
        if hue
        else {}
    )
    for ax, panel in zip(axes.flat, panels, strict=False):
        part = table if panel is None else table[table[col] == panel]
        draw_panel = {"heatmap": _heatmap, "bar": _bars}.get(spec["kind"], _curves)
        draw_panel(ax, part, spec, groups, theme)
        for position, label in spec["hline"]:
            ax.axhline(position, color=FADED[theme], ls=":", lw=1)
            ax.annotate(
                label, (0.99, position), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize="small"
            )
        for position, label in spec["vline"]:
            ax.axvline(position, color=FADED[theme], ls=":", lw=1)
            ax.annotate(
                label,
                (position, 0.98),
                xycoords=("data", "axes fraction"),
                rotation=90,
                ha="right",
                va="top",
                fontsize="small",
            )
        if panel is not None:
            ax.set_title(f"{labels.get(col, col)}: {panel}" if _numeric(table, col) else str(panel))
        ax.set(**{f"{axis}lim": limit for axis, limit in spec["limits"].items()})
        ax.set_xlabel(labels.get(spec["x"], spec["x"]))
        ax.set_ylabel(labels.get(spec["y"], spec["y"]))
        ax.label_outer() if share else None
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    if handles := _legend(groups, spec, theme):
        canvas.legend(handles=handles, loc="outside right center", title=labels.get(hue, hue) if hue else None)
    return canvas


def _numeric(table, column) -> bool:
    return column is not None and table[column].dtype.kind in "if"


def _curves(ax, part, spec, groups, theme):
    x, y, hue = spec["x"], spec["y"], spec["hue"]
    for axis in spec["log"]:
        ax.set(**{f"{axis}scale": "log"})
    for value in groups or [None]:
        rows = part if value is None else part[part[hue] == value]
        colour, marker = groups.get(value, (COLOURS[0], "o"))
        if rows.empty:
            continue
        if spec["kind"] == "scatter":
            ax.plot(rows[x], rows[y], marker, color=colour, ls="none", alpha=0.85)
        else:
            points = rows.groupby(x)[y].agg(["mean", "sem"]).reset_index()
            error = (
                rows.groupby(x)[spec["band"]].mean().to_numpy() if spec["band"] else points["sem"].fillna(0).to_numpy()
            )
            dashed = spec["theory"] is not None
            ax.errorbar(
                points[x], points["mean"], error, fmt=marker, ls="none" if dashed else "-", color=colour, capsize=2
            )
        if spec["theory"]:
            curve = rows.dropna(subset=[spec["theory"]]).groupby(x)[spec["theory"]].mean()
            ax.plot(curve.index, curve.to_numpy(), "--", color=colour, zorder=1)
    for exponent, label, *anchor in spec["slopes"]:
        rows = part[part[hue] == anchor[0]] if anchor else part
        if rows.empty:
            continue
        curve = rows.groupby(x)[y].mean()
        colour = groups[anchor[0]][0] if anchor else FADED[theme]
        end, shift = curve.index[-1], 1.0 if anchor else 1.35
        line = shift * curve.iloc[-1] * (np.asarray(curve.index, float) / end) ** exponent
        ax.plot(curve.index, line, ls=(0, (4, 3)), color=colour, lw=1, alpha=0.8, zorder=0)
        middle = len(line) // 2
        ax.annotate(
            label,
            (curve.index[middle], line[middle]),
            xytext=(4, 5),
            textcoords="offset points",
            fontsize="small",
            color=colour,
        )


def _bars(ax, part, spec, groups, theme):
    names, values = list(dict.fromkeys(part[spec["x"]])), list(groups) or [None]
    width = 0.8 / len(values)
    for i, value in enumerate(values):
        rows = part if value is None else part[part[spec["hue"]] == value]
        means = rows.groupby(spec["x"], sort=False)[spec["y"]].agg(["mean", "sem"]).reindex(names)
        error = (
            rows.groupby(spec["x"], sort=False)[spec["band"]].mean().reindex(names) if spec["band"] else means["sem"]
        )
        place = np.arange(len(names)) + (i - (len(values) - 1) / 2) * width
        ax.bar(place, means["mean"], width * 0.92, yerr=error.fillna(0), color=groups.get(value, (COLOURS[0],))[0],
               ecolor=INK[theme], error_kw={"lw": 1})  # fmt: skip
        if spec["theory"]:
            marks = rows.groupby(spec["x"], sort=False)[spec["theory"]].mean().reindex(names)
            ax.plot(place, marks, ls="none", marker="_", ms=14, mew=2, color=INK[theme])
    ax.set_xticks(
        range(len(names)),
        [str(n) for n in names],
        rotation=30 if max(len(str(n)) for n in names) > 6 else 0,
        ha="center",
    )
    ax.set_yscale("log" if "y" in spec["log"] else "linear")


def _heatmap(ax, part, spec, groups, theme):
    grid = part.pivot_table(index=spec["y"], columns=spec["x"], values=spec["value"])
    norm = "log" if "c" in spec["log"] else None
    image = ax.pcolormesh(
        np.arange(grid.shape[1] + 1), np.arange(grid.shape[0] + 1), grid.to_numpy(), cmap="viridis", norm=norm
    )
    for setter, values in ((ax.set_xticks, grid.columns), (ax.set_yticks, grid.index)):
        step = -(-len(values) // 9)
        setter(
            np.arange(0, len(values), step) + 0.5,
            [f"{v:.3g}" if isinstance(v, float) else str(v) for v in values[::step]],
        )
    ax.figure.colorbar(image, ax=ax, label=spec["labels"].get(spec["value"], spec["value"]))


def _legend(groups, spec, theme) -> list[Line2D]:
    line = "-" if spec["kind"] == "line" and not spec["theory"] else "none"
    handles = [
        Line2D([], [], color=c, marker=m, ls=line, label=f"{v:g}" if isinstance(v, float) else str(v))
        for v, (c, m) in groups.items()
    ]
    if spec["theory"] and spec["kind"] != "bar":
        handles.append(Line2D([], [], color=FADED[theme], ls="--", label=spec["labels"].get(spec["theory"], "theory")))
    return handles


def _save(canvas, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    canvas.savefig(buffer, format=form, bbox_inches="tight", **options)
    return buffer.getvalue()


def _display(id: str, png: bytes, alt: str, caption: str) -> None:
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:  # a script: the files are what it wanted
        return
    picture = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    page = f'<figure><img src="{picture}" alt="{html.escape(alt)}" style="max-width:100%"><figcaption>{html.escape(caption)}</figcaption></figure>'
    display(
        {"text/html": page, "text/plain": f"[{id}] {caption}", "application/vnd.quire.figure+json": {"id": id}},
        raw=True,
    )
