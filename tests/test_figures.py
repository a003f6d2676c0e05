"""Figures: their files, their table, their errors."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quire import figures
from quire.figures import figure
from quire.provenance import folder, read_json

TEXT = {"alt": "Two lines fall from left to right.", "caption": "Two power laws."}
ROWS = pd.DataFrame(
    [
        {"p": p, "e": p**-b * (1 + 0.1 * s), "kind": name, "panel": c, "theory": p**-b, "error": 0.01, "size": 1.5 * p, "unused": 0}
        for p in (1, 2, 4, 8) for name, b in (("a", 0.5), ("b", 1.0)) for c in "xyz" for s in range(2)
    ]
)  # fmt: skip
GRID = pd.DataFrame([{"i": i, "j": j / 3, "v": i + j + 1.0, "c": c} for i in range(12) for j in range(3) for c in "uv"])
KINDS = {
    "line": dict(x="p", y="e", hue="kind", col="panel", theory="theory", log="xy", wrap=2, labels={"p": "points"},
                 slopes=[(-1.0, "β = 1"), (-1.0, "β = 1", "b"), (-1.0, "none", "c")], hline=[(0.5, "half")], vline=[(2.0, "two")], limits={"x": (0.5, 10.0)}),
    "band": dict(x="p", y="e", band="error", hue="size"),
    "scatter": dict(kind="scatter", x="p", y="e", hue="kind"),
    "bar": dict(kind="bar", x="kind", y="e", hue="p", theory="theory", log="y", col="panel"),
    "words": dict(kind="bar", x="kind", y="e", band="error"),
    "heatmap": dict(kind="heatmap", x="i", y="j", value="v", log="c", col="c"),
    "image": dict(kind="image", x="i", y="j", value="v"),
    "custom": dict(kind="custom", draw=lambda axes, table: axes[1, 0].plot(table["i"], table["v"]), layout=(2, 1)),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_leaves_two_pictures_a_png_and_its_table(kind):
    table = GRID if kind in ("heatmap", "image", "custom") else ROWS
    figure(f"toy-{kind}", table, **KINDS[kind], **TEXT)
    run = folder("run")
    entry = read_json(run / "figures.json")[f"toy-{kind}"]
    assert entry == {"light": f"toy-{kind}.svg", "dark": f"toy-{kind}.dark.svg", "png": f"toy-{kind}.png", "table": f"toy-{kind}.csv", "number": 1, **TEXT}  # fmt: skip
    light, dark = (run / entry[theme] for theme in ("light", "dark"))
    assert light.read_bytes().startswith(b"<?xml") and light.read_bytes() != dark.read_bytes()
    assert figures.INK["dark"] in dark.read_text() and figures.INK["dark"] not in light.read_text()
    assert (run / entry["png"]).read_bytes().startswith(b"\x89PNG")
    kept = pd.read_csv(run / entry["table"])
    assert len(kept) == len(table) and "unused" not in kept.columns


@pytest.mark.parametrize("anchor, panels", [((), 3), (("b",), 3), (("b", "y"), 1), (("c",), 0), (("b", "w"), 0)])
def test_a_slope_is_drawn_where_it_is_anchored(anchor, panels):
    figure(
        "toy-slopes", ROWS, x="p", y="e", hue="kind", col="panel", log="xy", slopes=[(-1.0, "here!", *anchor)], **TEXT
    )
    assert (folder("run") / "toy-slopes.svg").read_text().count("<!-- here! -->") == panels


def test_the_same_table_gives_the_same_bytes():
    written = []
    for _ in range(2):
        figure("toy-curve", ROWS, **KINDS["line"], **TEXT)
        written.append({p.name: p.read_bytes() for p in folder("run").iterdir()})
    assert written[0] == written[1] and len(written[0]) == 5
    assert b"<dc:date>" not in written[0]["toy-curve.svg"]


def test_figures_are_numbered_in_the_order_of_the_chapter():
    for name in ("toy-b", "toy-a", "toy-b"):
        figure(name, ROWS, x="p", y="e", **TEXT)
    assert {k: v["number"] for k, v in read_json(folder("run") / "figures.json").items()} == {"toy-b": 1, "toy-a": 2}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"alt": "too short"}, "alt .* say what is seen"), ({"caption": ""}, "caption"), ({"kind": "pie"}, "expected a kind.*'pie'"),
        ({"kind": "custom"}, r"custom \(draw\)"), ({"kind": "heatmap"}, r"heatmap \(x, y, value\)"), ({"x": None}, r"line \(x, y\)"),
        ({"table": ROWS.assign(e=-1.0), "log": "y"}, "e has values ≤ 0, which a logarithmic y axis"), ({"table": ROWS[:0]}, "no rows"),
        ({"table": ROWS.assign(p=0), "log": "x"}, "p has values ≤ 0"), ({"table": ROWS.assign(theory=0.0), "theory": "theory", "log": "y"}, "theory has"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_before_a_file_is_written(changes, message):
    given = {"table": ROWS, "x": "p", "y": "e", **TEXT, **changes}
    with pytest.raises(ValueError, match=message):
        figure("toy-curve", given.pop("table"), **given)
    assert not folder("run").exists()


@pytest.mark.parametrize("id", ["curve", "Toy-curve", "toy-", "toy curve", "../toy-curve"])
def test_a_figure_has_a_name(id):
    with pytest.raises(ValueError, match="a figure is named"):
        figure(id, ROWS, x="p", y="e", **TEXT)


def test_alt_and_caption_are_required_and_columns_exist():
    with pytest.raises(TypeError):
        figure("toy-curve", ROWS, x="p", y="e")
    with pytest.raises(LookupError, match=r"\['q'\] are not in the table, which has \['p'"):
        figure("toy-curve", ROWS, x="q", y="e", **TEXT)


def test_rows_that_share_a_point_are_averaged_with_their_standard_error():
    spec = figures.SimpleNamespace(x="p", y="e", band=None, theory="theory")
    part = ROWS[(ROWS["kind"] == "b") & (ROWS["panel"] == "x")]
    points = figures._points(part, spec)
    assert points.index.tolist() == [1, 2, 4, 8] and points["theory"].tolist() == [1, 0.5, 0.25, 0.125]
    np.testing.assert_allclose(points["mean"], 1.05 / points.index)
    np.testing.assert_allclose(points["error"], 0.05 / points.index)
    alone = figures._points(part.drop_duplicates("p"), spec)
    assert alone["error"].tolist() == [0.0] * 4


@settings(max_examples=25)
@given(
    st.lists(st.integers(-5, 5) | st.floats(-5, 5), min_size=1, max_size=12, unique=True),
    st.sampled_from(["light", "dark"]),
)
def test_every_group_has_a_look_of_its_own(values, theme):
    palette = figures._palette(pd.DataFrame({"h": values}), "h", theme)
    assert list(palette) == sorted(values) and len({(str(c), m) for c, m in palette.values()}) == len(values)


def test_a_notebook_shows_the_picture_with_its_text(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.get_ipython", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    figure("toy-curve", ROWS, x="p", y="e", alt='A "line" that falls & falls on.', caption="A <power> law.")
    [bundle] = shown
    assert bundle["application/vnd.quire.figure+json"] == {"id": "toy-curve"}
    assert 'alt="A &quot;line&quot; that falls &amp; falls on."' in bundle["text/html"]
    assert re.search("<figcaption>A &lt;power&gt; law.</figcaption>", bundle["text/html"])
