"""Figures: their names and texts, their files, their number, what is refused before a file is written."""

import re

import pandas as pd
import pytest

from quire.figures import Level, Place, PowerLaw, _check_kinds, bars, curves, custom, figure, heatmap, pictures, scatter
from quire.figures.palette import INK
from quire.record import current

TEXT = {"alt": "Two lines fall from left to right.", "caption": "Two power laws."}
ROWS = pd.DataFrame(
    [
        {
            "p": p,
            "e": p**-b * (1 + 0.1 * s),
            "kind": name,
            "panel": c,
            "theory": p**-b,
            "error": 0.01,
            "size": 1.5 * p,
            "unused": 0,
        }
        for p in (1, 2, 4, 8)
        for name, b in (("a", 0.5), ("b", 1.0))
        for c in "xyz"
        for s in range(2)
    ]
)
GRID = pd.DataFrame([{"i": i, "j": j / 3, "v": i + j + 1.0, "c": c} for i in range(12) for j in range(3) for c in "uv"])
LAWS = (PowerLaw(-1.0, "β = 1"), PowerLaw(-1.0, "β = 1", through="b"), PowerLaw(-1.0, "none", through="c"))


def draw(axes, rows):
    """A drawing of one's own."""
    axes[1, 0].plot(rows["i"], rows["v"])


FULL = dict(x="p", y="e", by="kind", panels="panel", theory="theory", log="xy", wrap=2)
DRAWINGS = {
    "curves": (
        curves(ROWS, **FULL, labels={"p": "points"}, limits={"x": (0.5, 10)}),
        *LAWS,
        Level(0.5, "half"),
        Place(2),
    ),
    "error": (curves(ROWS, x="p", y="e", error="error", by="size"),),
    "scatter": (scatter(ROWS, x="p", y="e", by="kind", theory="theory", share=False), Level(1)),
    "bars": (bars(ROWS, x="kind", y="e", by="p", theory="theory", log=True, panels="panel"), Level(1.0, "one")),
    "words": (bars(ROWS, x="kind", y="e", error="error", size=(5, 3)),),
    "heatmap": (heatmap(GRID, x="i", y="j", value="v", log=True, panels="c"), Place(3, "here")),
    "custom": (custom(draw, GRID, layout=(2, 1)),),
    "pictures": (pictures([[[0.0, 1.0], [2.0, 3.0]]] * 3, titles="abc", layout=(2, 2)),),
}
DRAWN = {"custom": len(GRID), "heatmap": len(GRID), "pictures": 3}


@pytest.mark.parametrize("kind", DRAWINGS)
def test_every_kind_leaves_two_pictures_a_png_and_its_table(kind):
    """Light and dark pages each have their ink; the table has what is drawn and nothing else; equal calls, equal bytes."""
    run, name = current(), f"toy-{kind}"
    written = []
    for _ in range(2):
        figure(name, *DRAWINGS[kind], **TEXT)
        written.append({p.name: p.read_bytes() for p in run.path.iterdir() if not p.name.startswith(".")})
    assert written[0] == written[1] and b"<dc:date>" not in written[0][f"{name}.svg"]
    entry = run.figures()[name]
    files = {"light": f"{name}.svg", "dark": f"{name}.dark.svg", "png": f"{name}.png", "table": f"{name}.csv"}
    more = {"pixels": f"{name}.npz"} if kind == "pictures" else {}
    if "narrow" in entry:
        more |= {"narrow": f"{name}.narrow.svg", "narrow_dark": f"{name}.narrow.dark.svg"}
    said = {"columns": entry["columns"], "lines": entry["lines"]}
    assert entry == {**files, **more, **said, "number": 1, **TEXT}
    assert set(written[0]) == {"figures.json", *files.values(), *more.values()}
    for looks in (("light", "dark"), ("narrow", "narrow_dark"))[: 1 + ("narrow" in entry)]:
        light, dark = (run.file(entry[look]).read_text() for look in looks)
        assert light.startswith("<?xml") and light != dark
        assert INK["dark"] in dark and INK["dark"] not in light and INK["light"] in light and INK["light"] not in dark
    assert set(entry["columns"]) == set(pd.read_csv(run.file(entry["table"])).columns)
    assert run.file(entry["png"]).read_bytes().startswith(b"\x89PNG")
    kept = pd.read_csv(run.file(entry["table"]))
    assert len(kept) == DRAWN.get(kind, len(ROWS)) and "unused" not in kept.columns


def test_figures_are_numbered_in_the_order_of_the_chapter():
    """One that is drawn again keeps its number."""
    for name in ("toy-b", "toy-a", "toy-b"):
        figure(name, curves(ROWS, x="p", y="e"), **TEXT)
    assert {name: entry["number"] for name, entry in current().figures().items()} == {"toy-b": 1, "toy-a": 2}


def refused(error, message, *drawing, id="toy-curve", **texts):
    """A figure is refused, and nothing is written."""
    with pytest.raises(error, match=message):
        figure(id, *drawing, **{**TEXT, **texts})
    assert not current().path.exists()


LINES = curves(ROWS, x="p", y="e")
TEXTS = [
    ({"alt": "too short"}, "alt .* say what is seen"),
    ({"caption": ""}, r"caption \(≥ 10\)"),
    ({"caption": "A\tria of $\theta$ and others."}, r"caption has the control character '\\t' in .* write TeX as r"),
    ({"alt": "A sentence that\nis broken in two lines."}, r"alt has the control character '\\n'"),
]


@pytest.mark.parametrize("texts, message", TEXTS)
def test_texts_say_what_is_seen_on_one_line(texts, message):
    """TeX in a string that is not raw is found out."""
    refused(ValueError, message, LINES, **texts)


def test_alt_and_caption_are_required():
    """No picture without words."""
    with pytest.raises(TypeError, match="alt"):
        figure("toy-curve", LINES, caption="A caption of some length.")
    with pytest.raises(TypeError, match="caption"):
        figure("toy-curve", LINES, alt="An alternative text of some length.")


@pytest.mark.parametrize("id", ["curve", "Toy-curve", "toy-", "toy curve", "../toy-curve", "toy-a\n"])
def test_a_figure_has_a_name(id):
    """Its files are named by it."""
    refused(ValueError, "a figure is named", LINES, id=id)


def test_a_value_that_a_logarithm_does_not_know_is_named():
    """Data, theory and colours, each with its axis and the way out."""
    way_out = "clip or drop them, or draw this axis linear"
    refused(
        ValueError,
        f"e has values ≤ 0, which a logarithmic y axis .*{way_out}",
        curves(ROWS.assign(e=-1.0), x="p", y="e", log="y"),
    )
    refused(
        ValueError, "p has values ≤ 0, which a logarithmic x axis", scatter(ROWS.assign(p=0), x="p", y="e", log="x")
    )
    theory = curves(ROWS.assign(theory=0.0), x="p", y="e", theory="theory", log="y")
    refused(ValueError, "theory has values ≤ 0", theory)
    refused(ValueError, "e has values ≤ 0", bars(ROWS.assign(e=0.0), x="kind", y="e", log=True))
    refused(ValueError, "logarithmic c axis", heatmap(GRID.assign(v=0.0), x="i", y="j", value="v", log=True))
    refused(ValueError, "log names axes among 'xy', got 'c'", curves(ROWS, x="p", y="e", log="c"))


def test_columns_exist():
    """The message has those that do; an empty table has them too."""
    refused(LookupError, r"\['q'\] are not in the table, which has \['p'", curves(ROWS, x="q", y="e"))
    refused(LookupError, r"\['p', 'e'\] are not in the table, which has \[\]", curves(pd.DataFrame(), x="p", y="e"))
    refused(ValueError, "the table has no columns", custom(draw, pd.DataFrame()))


@pytest.mark.parametrize(
    "drawing, message",
    [
        (curves(ROWS, x="p", y="e", limits={"z": (0, 1)}), r'limits are given by "x" and "y", got \[\'z\'\]'),
        (curves(ROWS, x="p", y="e", wrap=0), "wrap must be ≥ 1 and size > 0, got 0"),
        (curves(ROWS, x="p", y="e", size=(0, 1)), "size > 0, got 3 and"),
        (curves(ROWS, x="p", y="e", labels={"p": "$\theta$"}), r"label of p has the control character '\\t'"),
        (custom(draw, GRID, layout=(0, 1)), "layout must be ≥ 1"),
        (custom(draw, GRID, size=(1, -1)), "size > 0"),
    ],
)
def test_a_frame_has_room(drawing, message):
    """Limits of axes that exist, panels that can be drawn."""
    refused(ValueError, message, drawing)


def test_an_unknown_argument_is_named_with_the_known_ones():
    """All kinds on axes share those of the frame."""
    for kind in (curves, scatter, bars):
        with pytest.raises(TypeError, match=r"unknown arguments \['hue'\].* takes labels, limits, share, wrap, size"):
            kind(ROWS, x="p", y="e", hue="kind")
    with pytest.raises(TypeError, match=r"unknown arguments \['by'\]"):
        heatmap(GRID, x="i", y="j", value="v", by="c")


def test_a_drawing_and_guides_are_asked_for():
    """Not a table, and not a list of guides; said by name, without the checks of types that tests run under."""
    with pytest.raises(TypeError, match="figure toy-a: expected a drawing made by curves, .*got a DataFrame"):
        _check_kinds("toy-a", ROWS, ())
    with pytest.raises(TypeError, match=r"expected PowerLaw, Level or Place, got a list: .*unpacked, \*guides"):
        _check_kinds("toy-a", LINES, ([Level(1)],))


EMPTY = {
    "curves": curves(ROWS[:0], x="p", y="e", by="kind", panels="panel", log="xy"),
    "unknown": curves(ROWS.assign(e=float("nan")), x="p", y="e"),
    "scatter": scatter(ROWS[:0], x="p", y="e", theory="theory"),
    "bars": bars(ROWS[:0], x="kind", y="e", log=True),
    "heatmap": heatmap(GRID.assign(v=float("nan")), x="i", y="j", value="v", log=True),
    "custom": custom(draw, GRID[:0]),
    "pictures": pictures([]),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_few_points_leave_an_empty_frame_that_says_so(kind):
    """The notebook goes on; the page, the picture and who cannot see it are told."""
    guides = [Level(1.0, "one")] if kind in ("curves", "scatter", "bars", "heatmap") else []
    figure("toy-empty", EMPTY[kind], *guides, **TEXT)
    entry = current().figures()["toy-empty"]
    assert entry["caption"] == "Two power laws. (There are no data at these parameters.)"
    assert entry["alt"] == "An empty frame: there are no data at these parameters."
    picture = current().file(entry["light"]).read_text()
    assert picture.count("<!-- no data at these parameters -->") == 1 and "<!-- one -->" not in picture
    table = pd.read_csv(current().file(entry["table"]))
    assert len(table.columns) >= 2


@pytest.mark.parametrize("points", [ROWS[:1], ROWS[ROWS.p == 4]])
def test_one_seed_or_one_point_is_drawn_without_a_warning(points):
    """A user's smallest parameters; warnings are errors here."""
    for drawing in (curves, scatter):
        figure("toy-one", drawing(points, **FULL), *LAWS, **TEXT)
    figure("toy-one", bars(points, x="kind", y="e", by="p"), **TEXT)
    figure("toy-one", heatmap(points, x="p", y="kind", value="e", log=True), **TEXT)


HOLES = pd.DataFrame(
    {"p": [1.0, 2.0, 4.0], "e": [1.0, float("inf"), 0.5], "s": [float("nan"), 0.1, float("inf")], "k": ["a", None, "b"]}
)


@pytest.mark.parametrize(
    "drawing",
    [
        curves(HOLES, x="p", y="e", error="s", by="k", log="xy"),
        curves(HOLES, x="e", y="p", panels="k", log="xy"),
        scatter(HOLES, x="p", y="e", by="k"),
        bars(HOLES, x="k", y="e", by="p", error="s", log=True),
        heatmap(HOLES, x="p", y="k", value="e", log=True),
        heatmap(HOLES.assign(e=float("inf")), x="p", y="k", value="e", log=True),
    ],
)
def test_what_is_missing_or_infinite_is_left_out(drawing):
    """A standard error of one seed, a ratio to nothing; the table keeps what was given."""
    figure("toy-holes", drawing, **TEXT)
    kept = pd.read_csv(current().file("toy-holes.csv"))
    assert "inf" in current().file("toy-holes.csv").read_text() and len(kept) == 3
    assert "nan" not in re.findall(r"<!-- (\w+) -->", current().file("toy-holes.svg").read_text())


def test_a_notebook_shows_the_picture_with_its_text(monkeypatch):
    """What looks like HTML is text; the mark tells the page which figure stands here."""
    shown = []
    monkeypatch.setattr("quire.figures.display.get_ipython", lambda: True)
    monkeypatch.setattr("quire.figures.display.display", lambda bundle, raw: shown.append(bundle))
    caption = "A <script>alert(1)</script> & a law, $e < p^{-1}$."
    figure("toy-curve", LINES, alt='A "line" that falls & <b>falls</b> on.', caption=caption)
    [bundle] = shown
    assert bundle["application/vnd.quire.figure+json"] == {"id": "toy-curve"}
    assert 'alt="A &quot;line&quot; that falls &amp; &lt;b&gt;falls&lt;/b&gt; on."' in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    seen = "A &lt;script&gt;alert(1)&lt;/script&gt; &amp; a law, $e &lt; p^{-1}$."
    assert re.search(re.escape(f"<figcaption>{seen}</figcaption>"), bundle["text/html"])
    assert current().figures()["toy-curve"]["caption"] == caption  # kept as it is: whoever shows it escapes it
    assert bundle["text/plain"] == f"[toy-curve] {caption}"
