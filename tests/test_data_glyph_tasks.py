"""Glyph-8: eight tasks in styles of their own, a control and the web; reproducible, disjoint, and refused out of range."""

import numpy as np
import pytest

from quire.data import TASKS, glyph_task_classes, load
from quire.data.glyph_styles import STYLES, styled

FEW = dict(num_samples=30, num_test=10)


@pytest.mark.parametrize("task", [*TASKS, "control"])
def test_a_task_has_its_classes_and_is_the_same_again(task):
    data = load("glyph-tasks", task=task, **FEW, cache=False)
    again = load("glyph-tasks", task=task, **FEW)
    kept = load("glyph-tasks", task=task, **FEW)
    assert data.inputs.shape == (30, 16, 16) and data.test_inputs.shape == (10, 16, 16)
    assert len(data.classes) == (27 if task == "control" else 10) and set(data.labels) <= set(range(len(data.classes)))
    for other in (again, kept):
        assert np.array_equal(data.inputs, other.inputs) and np.array_equal(data.test_labels, other.test_labels)
    other = load("glyph-tasks", task=task, **FEW, seed=1)
    assert not np.array_equal(data.inputs, other.inputs)


def test_a_larger_set_begins_with_the_smaller_and_the_test_split_is_another():
    small, large = (load("glyph-tasks", task="greek", num_samples=n, num_test=10) for n in (10, 40))
    assert np.array_equal(small.inputs, large.inputs[:10]) and not np.array_equal(small.inputs, small.test_inputs)
    digits = load("glyph-tasks", task="digits", num_samples=1097, num_test=700)
    both = np.concatenate([digits.inputs, digits.test_inputs]).reshape(1797, -1)
    stored = load("digits").inputs.reshape(1797, -1)
    assert len(np.unique(both, axis=0)) == len(np.unique(stored, axis=0))


def test_the_web_has_every_class_and_no_character_is_in_two_tasks():
    classes = glyph_task_classes("web")
    assert len(classes) == 107
    for name in (*TASKS, "control"):
        own = "".join(glyph_task_classes(name))
        assert len(set(own)) == len(own)
    scripts = [set(glyph_task_classes(name)) for name in (*TASKS, "control")]
    assert sum(len(one) for one in scripts) == len(set.union(*scripts)) == 107
    web = load("glyph-tasks", task="web", num_samples=120, num_test=0)
    assert web.inputs.shape == (9 * 120, 16, 16) and web.test_inputs is None
    assert set(web.labels) == set(range(107))


def test_styles_are_what_they_are_called():
    image, noise = np.zeros((1, 16, 16)), np.linspace(0, 0.999, 256).reshape(1, 16, 16)
    image[0, 2, 3] = 1.0
    assert np.array_equal(styled(image, "inverted", uniform=noise), 1 - image)
    assert styled(image, "turned", uniform=noise)[0, 12, 2] == 1
    assert styled(image, "mirrored", uniform=noise).argmax() == 2 * 16 + 12
    assert (styled(np.zeros_like(image), "salted", uniform=noise) == 1).mean() == pytest.approx(0.2, abs=0.005)
    assert styled(np.ones_like(image), "edges", uniform=noise)[0, 3, 3] == 0
    assert styled(image, "striped", uniform=noise)[0, 2, 3] == 1
    assert np.ptp(styled(image * 0, "shaded", uniform=noise)) == pytest.approx(0.45)
    for style in STYLES:
        assert np.array_equal(styled(image, style, uniform=noise, strength=0.0), image)
    with pytest.raises(ValueError, match="style must be one of"):
        styled(image, "sepia", uniform=noise)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "runes"}, "task must be one of digits, .*got 'runes'"),
        ({"task": "greek", "num_samples": 0}, "num_samples ≥ 1"),
        ({"task": "greek", "seed": -1}, "seed ≥ 0"),
        ({"task": "digits", "num_samples": 1500, "num_test": 500}, "there are 1797 handwritten digits"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        load("glyph-tasks", **options)
