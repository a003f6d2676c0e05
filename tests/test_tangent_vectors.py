"""Task vectors: the algebra of differences of weights, on disk and back, and what is refused."""

import math

import numpy as np
import pytest
import torch
from tangent_models import direction, drawn, flat, made, weights_of

from quire.tangent import TaskVector, stack_vectors


def two():
    return TaskVector({"a": drawn(3, 2), "b": drawn(4, seed=1)}), TaskVector(
        {"a": drawn(3, 2, seed=2), "b": drawn(4, seed=3)}
    )


def test_the_algebra_is_that_of_vectors():
    a, b = two()
    x, y = flat(a), flat(b)
    for vector, numbers in (
        (a + b, x + y),
        (a - b, x - y),
        (-a, -x),
        (2.5 * a, 2.5 * x),
        (a * 2, 2 * x),
        (a / 4, x / 4),
        (np.float64(0.5) * a, 0.5 * x),
        (sum([a, b, a]), 2 * x + y),
        (a.scaled_by_layer(lambda name: {"a": 2.0, "b": 0.0}[name]), torch.cat([2 * x[:6], 0 * x[6:]])),
    ):
        assert isinstance(vector, TaskVector)
        torch.testing.assert_close(flat(vector), numbers, rtol=0, atol=1e-15)
    assert a.dot(b) == pytest.approx(float(x @ y), rel=1e-14)
    assert a.norm() == pytest.approx(float(x.norm()), rel=1e-14)
    assert a.cosine(b) == pytest.approx(float(x @ y / x.norm() / y.norm()), rel=1e-13)
    assert math.isnan((0 * a).cosine(b))


def test_lengths_are_summed_in_double_precision():
    ones = TaskVector({"a": torch.full((20_000_001,), 1.0), "b": torch.full((3,), 1e-4)})
    assert ones.dot(ones) == pytest.approx(20_000_001 + 3e-8, rel=1e-15)


def test_between_and_apply_are_inverse_and_leave_integers_alone():
    net, _ = made("normalised")
    start = weights_of(net)
    assert any(not tensor.is_floating_point() for tensor in start.values())  # the counter of the batch norm
    end = {n: t + 1 if not t.is_floating_point() else t + drawn(*t.shape) for n, t in start.items()}
    vector = TaskVector.between(start, end)
    moved = vector.apply_to(start)
    assert moved.keys() == start.keys()
    for name, tensor in moved.items():
        expected = end if tensor.is_floating_point() else start
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=1e-15)
    half = vector.apply_to(start, scale=0.5)
    torch.testing.assert_close(half["0.weight"], (start["0.weight"] + end["0.weight"]) / 2)
    net.load_state_dict(moved)  # strict


def test_disk_and_back(tmp_path):
    vector = TaskVector({"a": drawn(3, 2).T, "b": torch.ones(2, dtype=torch.bfloat16), "c": torch.tensor(0.5)})
    vector.save(tmp_path / "tau.safetensors")
    back = TaskVector.load(tmp_path / "tau.safetensors")
    assert back.tensors.keys() == vector.tensors.keys()
    for name, tensor in vector.tensors.items():
        assert back.tensors[name].dtype == tensor.dtype and torch.equal(back.tensors[name], tensor)


def test_tied_weights_can_be_saved(tmp_path):
    shared = drawn(3)
    TaskVector({"a": shared, "b": shared}).save(tmp_path / "tau.safetensors")
    assert torch.equal(TaskVector.load(str(tmp_path / "tau.safetensors")).tensors["b"], shared)


def test_vectors_do_not_change_their_parts():
    a, b = two()
    before = flat(a).clone()
    _ = a + b, -a, 2 * a, a.apply_to(dict(b.tensors))
    assert torch.equal(flat(a), before)


def test_stacked():
    a, b = two()
    stacked = stack_vectors([a, b])
    assert torch.equal(stacked["a"][1], b.tensors["a"]) and stacked["b"].shape == (2, 4)


def test_other_names_are_refused():
    a, _ = two()
    other = TaskVector({"a": drawn(3, 2), "c": drawn(4)})
    for call in (
        lambda: a + other,
        lambda: a - other,
        lambda: a.dot(other),
        lambda: a.cosine(other),
        lambda: TaskVector.between(a.tensors, other.tensors),
        lambda: a.apply_to(other.tensors),
        lambda: stack_vectors([a, other]),
    ):
        with pytest.raises(ValueError, match="same names"):
            call()
    with pytest.raises(ValueError, match="got 0"):
        stack_vectors([])


def test_other_shapes_and_kinds_are_refused():
    a, b = two()
    wide = TaskVector({"a": drawn(3, 1), "b": drawn(4)})  # would broadcast
    for call in (
        lambda: a + wide,
        lambda: a.dot(wide),
        lambda: wide.apply_to(a.tensors),
        lambda: TaskVector.between(a.tensors, wide.tensors),
        lambda: stack_vectors([a, wide]),
    ):
        with pytest.raises(ValueError, match="one shape"):
            call()
    with pytest.raises(ValueError, match="one shape and kind"):
        TaskVector.between(a.tensors, {**b.tensors, "b": torch.ones(4, dtype=torch.int64)})


def test_what_is_no_vector_is_refused():
    with pytest.raises(ValueError, match="one tensor at least"):
        TaskVector({})
    with pytest.raises(ValueError, match="one tensor at least"):
        TaskVector.between({"n": torch.tensor(1)}, {"n": torch.tensor(2)})
    with pytest.raises(ValueError, match="only real tensors"):
        TaskVector({"n": torch.tensor([1, 2])})
    with pytest.raises(TypeError):
        TaskVector([1.0])
    with pytest.raises(TypeError):
        TaskVector({"a": [1.0]})
    a, _ = two()
    for call in (lambda: a + 1, lambda: a * a, lambda: a - 2.0, lambda: a / a, lambda: a * "2"):
        with pytest.raises(TypeError):
            call()
    assert direction(made("dense")[0]).norm() > 0
