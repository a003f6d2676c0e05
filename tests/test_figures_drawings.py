"""What drawings show: means and errors, groups and their looks, guides where they belong, labels, ticks."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_figures import GRID, ROWS, TEXT

from quire.figures import (
    Level,
    Place,
    PowerLaw,
    bars,
    curves,
    custom,
    figure,
    heatmap,
    label_columns,
    pictures,
    scatter,
)
from quire.figures.base import NARROW, WIDE, Drawing
from quire.figures.kinds import points
from quire.figures.labels import labels_of
from quire.figures.palette import palette
from quire.record import current


def drawn(drawing: Drawing, *guides):
    """The axes of a drawing on a light page."""
    drawing.check("toy-drawn", guides)
    return drawing.canvas("light", {}, guides).axes


def picture(name: str, *drawing) -> str:
    """The source of a figure's light picture; its texts stand there as comments."""
    figure(name, *drawing, **TEXT)
    return current().file(f"{name}.svg").read_text()


def test_rows_that_share_a_point_are_averaged_with_their_standard_error():
    """One row has no error."""
    part = ROWS[(ROWS["kind"] == "b") & (ROWS["panel"] == "x")]
    found = points(part, x="p", y="e", theory="theory")
    assert found.index.tolist() == [1, 2, 4, 8] and found["theory"].tolist() == [1, 0.5, 0.25, 0.125]
    np.testing.assert_allclose(found["mean"], 1.05 / found.index)
    np.testing.assert_allclose(found["error"], 0.05 / found.index)
    assert points(part.drop_duplicates("p"), x="p", y="e")["error"].tolist() == [0.0] * 4
    assert points(part, x="p", y="e", error="error")["error"].tolist() == [0.01] * 4
    assert points(part[::-1], x="p", y="e").index.tolist() == [1, 2, 4, 8]  # numbers in their order
    assert points(ROWS[::-1], x="kind", y="e").index.tolist() == ["b", "a"]  # names as they come


def test_curves_join_means_unless_a_theory_does():
    """Markers alone beside a dashed theory of the same colour."""
    [ax] = drawn(curves(ROWS, x="p", y="e", by="kind", log="y"))
    assert [line.get_linestyle() for line in ax.lines if len(line.get_xdata()) == 4 and line.get_label()[0] == "_"][
        :1
    ] == ["-"]
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    [ax] = drawn(curves(ROWS, x="p", y="e", by="kind", theory="theory"))
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert [list(line.get_ydata()) for line in dashed] == [list(np.array([1, 2, 4, 8]) ** -b) for b in (0.5, 1.0)]
    assert [line.get_color() for line in dashed] == ["#0173b2", "#de8f05"]


def test_a_theory_is_drawn_where_nothing_is_measured():
    """Few points leave the dashed line."""
    [ax] = drawn(curves(ROWS.assign(e=float("nan")), x="p", y="e", theory="theory"))
    assert [len(line.get_xdata()) for line in ax.lines if line.get_linestyle() == "--"] == [4]


def test_scatter_shows_each_row():
    """And its theory, if there is one."""
    [ax] = drawn(scatter(ROWS, x="p", y="e", by="kind", theory="theory"))
    shown = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert [len(line.get_xdata()) for line in shown] == [len(ROWS) // 2] * 2
    assert sum(line.get_linestyle() == "--" for line in ax.lines) == 2


def test_bars_stand_side_by_side():
    """As high as their means; names in the order in which they come, turned where they are long."""
    rows = ROWS[ROWS.p <= 2].replace({"kind": {"a": "long name"}})
    [ax] = drawn(bars(rows, x="kind", y="e", by="p", theory="theory", log=True))
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, [1.05, 1.05, 1.05 * 2**-0.5, 1.05 * 0.5])
    lefts, rights = [bar.get_x() for bar in ax.patches], [bar.get_x() + bar.get_width() for bar in ax.patches]
    assert rights[0] < lefts[2] < rights[2] < lefts[1] and ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_xticklabels()] == ["long name", "b"]
    assert ax.get_xticklabels()[0].get_rotation() == 30


def test_a_heat_map_has_a_field_for_each_pair():
    """In order; of many values every second one is named; rows that share a field are averaged."""
    field, scale = drawn(heatmap(GRID, x="i", y="j", value="v", labels={"v": "value"}))
    grid = field.collections[0].get_array()
    assert grid.shape == (3, 12) and grid[2, 11] == 14 and grid[0, 0] == 1
    assert [text.get_text() for text in field.get_xticklabels()] == ["0", "2", "4", "6", "8", "10"]
    assert [text.get_text() for text in field.get_yticklabels()] == ["0", "0.333", "0.667"]
    assert scale.get_ylabel() == "value" and field.collections[0].norm.__class__.__name__ == "Normalize"
    logarithmic = drawn(heatmap(GRID, x="i", y="j", value="v", log=True))[0]
    assert logarithmic.collections[0].norm.__class__.__name__ == "LogNorm"


def test_a_custom_drawing_is_drawn_once_for_each_picture():
    """On the axes of its layout, with its table."""
    calls = []
    figure("toy-own", custom(lambda axes, rows: calls.append((axes.shape, len(rows))), GRID, layout=(2, 3)), **TEXT)
    assert calls == [((2, 3), len(GRID))] * 5  # light, dark, paper; light and dark for a small screen


def test_a_small_screen_gets_panels_one_below_the_other():
    """None of them wider than it is; a narrow drawing stays as it is; legends stand below."""
    wide = curves(ROWS, x="p", y="e", by="kind", panels="panel", size=(4.0, 3.0))
    narrow = wide.narrow()
    assert narrow.frame.wrap == 1 and narrow.frame.size[0] <= NARROW and narrow.narrow() is None
    assert [ax.get_title() for ax in drawn(narrow)] == ["x", "y", "z"]
    width, height = narrow.canvas("light", {}, []).get_size_inches()
    assert width <= NARROW < height
    assert curves(ROWS, x="p", y="e", size=(3.6, 3.0)).narrow() is None
    own = custom(lambda axes, rows: None, GRID, layout=(1, 3), size=(3.0, 2.0)).narrow()
    assert tuple(own.canvas("light", {}, []).get_size_inches()) == (3.0, 6.0) and own.narrow() is None


def test_a_table_keeps_what_tells_repetitions_apart_and_its_dictionary_the_lines():
    rows = ROWS.assign(seed=range(len(ROWS)))
    assert list(curves(rows, x="p", y="e").table) == ["p", "e", "seed"]
    figure("toy-lines", curves(rows, x="p", y="e", log="xy"), PowerLaw(-1, "β = 1"), Level(0.5), **TEXT)
    entry = current().figures()["toy-lines"]
    assert entry["lines"] == ["power law of exponent -1, beside the mean: β = 1", "horizontal line at 0.5"]
    assert set(entry["columns"]) == {"p", "e", "seed"}


def test_panels_follow_the_table_and_fill_lines():
    """Words stand by themselves, numbers with their column's name, unless that is said to be empty."""
    axes = drawn(curves(ROWS, x="p", y="e", panels="panel", wrap=2))
    assert [ax.get_title() for ax in axes] == ["x", "y", "z", ""] and not axes[3].axison
    assert [ax.get_title() for ax in drawn(curves(ROWS, x="p", y="e", panels="size"))][:2] == ["size: 1.5", "size: 3.0"]
    unnamed = curves(ROWS, x="p", y="e", panels="size", labels={"size": ""})
    assert [ax.get_title() for ax in drawn(unnamed)][:2] == ["1.5", "3.0"]


@pytest.mark.parametrize("share, number", [(True, 1), (False, 3)])
def test_panels_share_their_axes_or_not(share, number):
    """The label of an axis that is shared is said once."""
    axes = drawn(curves(ROWS, x="p", y="e", panels="panel", share=share, size=(2.4, 2.0)))
    assert sum(bool(ax.get_ylabel()) for ax in axes) == number


def test_limits_are_kept():
    """Those that are given."""
    [ax] = drawn(curves(ROWS, x="p", y="e", limits={"x": (0, 20), "y": (-1, 2)}))
    assert ax.get_xlim() == (0, 20) and ax.get_ylim() == (-1, 2)


def test_short_logarithmic_axes_have_ticks_to_read():
    """The abscissae where they are few, else round numbers."""
    [ax] = drawn(curves(ROWS, x="p", y="e", log="xy"))
    assert list(ax.get_xticks()) == [1, 2, 4, 8] and len(ax.get_yticks()) > 3
    many = pd.DataFrame({"p": range(1, 21), "e": range(1, 21)})
    [ax] = drawn(curves(many, x="p", y="e", log="x"))
    assert {1, 2, 5, 10, 20} <= set(ax.get_xticks())
    odd = pd.DataFrame({"p": [0.783441, 0.814418, 2.1], "e": [1.0, 2.0, 3.0]})  # few, but with names that would overlap
    [ax] = drawn(scatter(odd, x="p", y="e", log="x"))
    assert {1, 1.5, 2} <= set(ax.get_xticks()) and not {0.783441} & set(ax.get_xticks())
    [ax] = drawn(curves(many.assign(p=128 * (1 + many.p / 3)), x="p", y="e", log="x"))  # 300 and 400 would touch
    assert {200, 500, 1000} <= set(ax.get_xticks()) and not {300, 400} & set(ax.get_xticks())
    [ax] = drawn(curves(many[:7], x="p", y="e", log="x"))
    assert {1, 1.5, 2, 3, 4, 5, 7} <= set(ax.get_xticks())
    [ax] = drawn(curves(many.assign(p=10.0 ** (many.p / 6)), x="p", y="e", log="x"))  # three decades: powers of ten
    assert all(tick == 10 ** round(np.log10(tick)) for tick in ax.get_xticks())


@pytest.mark.parametrize(("low", "high"), [(0.0245, 0.055), (0.032, 0.039), (310.0, 390.0), (2100.0, 4900.0)])
def test_a_short_axis_of_long_numbers_has_room_for_them(low, high):
    """Of a single tick in its interval matplotlib made ten, one over the other."""
    rows = pd.DataFrame({"x": np.geomspace(low, high, 9), "y": 1.0})
    [ax] = drawn(scatter(rows, x="x", y="y", log="x"))
    ax.figure.draw_without_rendering()
    inside = [text for text in ax.get_xticklabels() if low <= text.get_position()[0] <= high]
    boxes = sorted((text.get_window_extent() for text in inside), key=lambda box: box.x0)
    assert 1 <= len(boxes) <= 5 and all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize("value", [0.01, 1.0, 135.73829570576422])
@pytest.mark.parametrize("kind", [curves, scatter])
def test_a_logarithmic_axis_with_one_value_has_a_scale(value, kind):
    """One seed at one size; the point stands in the middle, unless limits are given or another panel has more."""
    rows = pd.DataFrame({"size": [16], "error": [value], "half": ["a"]})
    text = picture("toy-one", kind(rows, x="size", y="error", log="xy"))
    assert text.count("<!-- 16 -->") == 1
    [ax] = drawn(kind(rows, x="size", y="error", log="xy", limits={"x": (1, 100)}))
    low, high = ax.get_ylim()
    assert 0.4 * value < low < 0.5 * value and 2 * value < high < 2.5 * value and ax.get_xlim() == (1, 100)
    [ax] = drawn(kind(rows, x="size", y="error", log="xy"), Level(10 * value, "above"), PowerLaw(-1, "a"))
    assert ax.get_ylim()[0] < value and ax.get_ylim()[1] > 10 * value
    twice = kind(pd.concat([rows, rows.assign(half="b")]), x="size", y="error", panels="half", log="xy")
    picture("toy-twice", twice, Level(value, "here"), Place(16), PowerLaw(-1, "a"))
    both = pd.concat([rows, rows.assign(error=100 * value, half="b")])
    for ax in drawn(kind(both, x="size", y="error", panels="half", log="y")):
        low, high = ax.get_ylim()
        assert low < value and high > 100 * value


@pytest.mark.parametrize(
    "anchor, panels",
    [
        ({}, 3),
        ({"through": "b"}, 3),
        ({"through": "b", "panel": "y"}, 1),
        ({"panel": "y"}, 1),
        ({"through": "c"}, 0),
        ({"through": "b", "panel": "w"}, 0),
    ],
)
def test_a_power_law_is_drawn_where_it_belongs(anchor, panels):
    """In each panel that has its group; nowhere else."""
    drawing = curves(ROWS, x="p", y="e", by="kind", panels="panel", log="xy")
    assert picture("toy-slopes", drawing, PowerLaw(-1.0, "here!", **anchor)).count("<!-- here! -->") == panels


def test_a_power_law_passes_the_last_point_of_its_curve():
    """In its colour; one that belongs to no group stands off the mean of all."""
    drawing = curves(ROWS, x="p", y="e", by="kind", log="xy")
    [ax] = drawn(drawing, PowerLaw(-2, "steep", through="b"), PowerLaw(-1, "all"))
    through, free = ax.lines[-2:]
    np.testing.assert_allclose(through.get_ydata(), 1.05 / 8 * (np.array([1, 2, 4, 8]) / 8.0) ** -2)
    assert through.get_color() == "#de8f05"
    last = ROWS[ROWS.p == 8].e.mean()
    np.testing.assert_allclose(free.get_ydata(), 1.35 * last * (np.array([1, 2, 4, 8]) / 8.0) ** -1)
    missing = ROWS.assign(e=ROWS.e.where(ROWS.p < 8))
    [ax] = drawn(curves(missing, x="p", y="e"), PowerLaw(-1, "all"))
    np.testing.assert_allclose(ax.lines[-1].get_ydata()[-1], 1.35 * ROWS[ROWS.p == 4].e.mean())


def test_levels_and_places_are_drawn_in_each_panel():
    """The label of a level stands beside the last panel of each line, that of a place in each."""
    drawing = curves(ROWS, x="p", y="e", panels="panel", wrap=2)
    text = picture("toy-guides", drawing, Level(0.5, "level"), Place(2, "place"), Level(0.1))
    assert text.count("<!-- level -->") == 2 and text.count("<!-- place -->") == 3
    axes = drawn(drawing, Level(0.5, "level"), Place(2, "place"))[:3]
    assert all(list(ax.lines[-2].get_ydata()) == [0.5, 0.5] and list(ax.lines[-1].get_xdata()) == [2, 2] for ax in axes)


@pytest.mark.parametrize(
    "drawing, guide, message",
    [
        (bars(ROWS, x="kind", y="e"), PowerLaw(1, "x"), "a PowerLaw goes with curves or scatter, not with Bars"),
        (heatmap(GRID, x="i", y="j", value="v"), PowerLaw(1, "x"), "not with Heatmap"),
        (
            curves(ROWS, x="p", y="e"),
            PowerLaw(1, "x", through="a"),
            r"PowerLaw\(through='a'\) needs a drawing with by=…",
        ),
        (
            scatter(ROWS, x="p", y="e"),
            PowerLaw(1, "x", panel="a"),
            r"PowerLaw\(panel='a'\) needs a drawing with panels=…",
        ),
        (curves(ROWS, x="p", y="e"), Level(1, "$\beta$"), r"label of a Level has the control character '\\x08'"),
        (curves(ROWS, x="p", y="e"), PowerLaw(1, "$\tau$"), r"label of a PowerLaw has the control character '\\t'"),
        (custom(print, ROWS), Level(1), "a custom drawing draws its own guides, got Level"),
        (pictures([[[1.0]]]), Place(1), "pictures have none; got Place"),
    ],
)
def test_a_guide_that_does_not_fit_is_refused(drawing, guide, message):
    """Before anything is drawn."""
    with pytest.raises(ValueError, match=message):
        figure("toy-guide", drawing, guide, **TEXT)
    assert not current().path.exists()


def legend(drawing: Drawing) -> list[tuple]:
    """Name and line of each entry, and the title."""
    [found] = drawing.canvas("light", {"kind": "sort"}, ()).legends
    return [found.get_title().get_text(), *((line.get_label(), line.get_linestyle()) for line in found.get_lines())]


def test_the_legend_names_groups_and_theory():
    """With the line that they have in the picture."""
    columns = dict(x="p", y="e", by="kind")
    assert legend(curves(ROWS, **columns)) == ["sort", ("a", "-"), ("b", "-")]
    assert legend(curves(ROWS, **columns, theory="theory")) == ["sort", ("a", "None"), ("b", "None"), ("theory", "--")]
    assert legend(scatter(ROWS, **columns)) == ["sort", ("a", "None"), ("b", "None")]
    assert legend(bars(ROWS, x="p", y="e", by="kind", theory="theory")) == ["sort", ("a", "None"), ("b", "None")]
    assert legend(curves(ROWS, x="p", y="e", by="size"))[1:3] == [("1.5", "-"), ("3", "-")]
    assert curves(ROWS, x="p", y="e").canvas("light", {}, ()).legends == []


@settings(max_examples=25)
@given(
    st.lists(st.integers(-5, 5) | st.floats(-5, 5), min_size=1, max_size=12, unique=True),
    st.sampled_from(["light", "dark"]),
)
def test_every_group_has_a_look_of_its_own(values, theme):
    """Numbers in their order."""
    looks = palette(pd.DataFrame({"h": values}), "h", theme)
    assert list(looks) == sorted(values) and len({(str(c), m) for c, m in looks.values()}) == len(values)


def test_more_than_two_numbers_get_a_sequential_palette():
    """Two numbers, and words, are colours apart."""
    three, two = (list(palette(pd.DataFrame({"h": h}), "h", "light").values()) for h in ([4, 1, 2], [4, 1]))
    green = [colour[1] for colour, _ in three]
    assert (np.diff(green) > 0).all()
    assert [colour for colour, _ in two] == ["#0173b2", "#de8f05"]
    many = palette(pd.DataFrame({"h": [f"{i}" for i in range(64)]}), "h", "light")
    assert len(set(many.values())) == 64  # colours come again with other markers
    words = palette(pd.DataFrame({"h": ["c", "a", "b"]}), "h", "dark")
    assert list(words) == ["c", "a", "b"] and words["b"] == ("#029e73", "D")


def test_columns_are_named_once_for_a_chapter():
    """By the first word of the id; a drawing may say otherwise; another chapter is not touched."""
    label_columns("toy", p="points $P$", e="chapter's error")
    text = picture("toy-labels", curves(ROWS, x="p", y="e", labels={"e": "own error"}))
    assert "<!-- points $P$ -->" in text and "<!-- own error -->" in text and "chapter's error" not in text
    assert "<!-- p -->" in picture("other-labels", curves(ROWS, x="p", y="e"))
    label_columns("toy", p="again")
    assert dict(labels_of("toy-labels")) == {"p": "again"} and dict(labels_of("toyish-x")) == {}


@pytest.mark.parametrize(
    "chapter, labels, message",
    [
        ("Toy-x", {}, "labels are said for a chapter .*got 'Toy-x'"),
        ("toy", {"p": "$\theta$"}, "label of p has the control"),
    ],
)
def test_labels_that_do_not_serve_are_refused(chapter, labels, message):
    """A chapter's name, and text."""
    with pytest.raises(ValueError, match=message):
        label_columns(chapter, **labels)


def test_sixteen_words_look_different():
    looks = palette(pd.DataFrame({"h": [f"w{i}" for i in range(16)]}), "h", "light")
    assert len(set(looks.values())) == 16


def test_a_row_is_no_wider_than_a_column_of_text():
    """Panels go on in the next line; the lowest of each column has the name of its axis, though the line is not full."""
    close = curves(ROWS, x="p", y="e", by="kind", panels="panel", size=(3.0, 2.0)).canvas("light", {}, [])
    assert close.get_size_inches()[0] <= WIDE and all(ax.get_xlabel() for ax in close.axes)  # a little narrower
    three = curves(ROWS, x="p", y="e", by="kind", panels="panel", size=(3.6, 2.0))
    figure_of = three.canvas("light", {}, [])
    assert figure_of.get_size_inches()[0] <= WIDE
    axes = [ax for ax in figure_of.axes if ax.axison]
    assert [bool(ax.get_xlabel()) for ax in axes] == [False, True, True]
    shapes = []
    own = custom(lambda axes, rows: shapes.append(axes.shape), GRID, layout=(1, 3), size=(3.0, 2.0))
    assert tuple(own.canvas("light", {}, []).get_size_inches()) == (6.0, 4.0) and shapes == [(1, 3)]
