"""Hierarchical kernels: against a scalar recursion, neural-tangents, golden arrays, shallow kernels; laws and errors."""

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quire.deep_kernels import (
    Architecture,
    effective_dimension,
    fully_connected,
    hierarchical_diagonal,
    hierarchical_gram,
    hierarchical_gram_by_level,
    hierarchical_kernel,
    hierarchical_kernel_by_level,
    meta_patches,
    sample_spheres,
    tile_bytes,
    tree_tangent_kernel,
)
from quire.deep_kernels.recursion import arc_cosine_step
from quire.hierarchy import one_hot
from quire.kernels import ReluNNGP, ReluNTK, arccos_kernel_degree0, arccos_kernel_degree1, local
from quire.rng import generator

GOLDEN = Path(__file__).parent / "golden" / "hierarchical.npz"
CASES = {"2x4": ((2,), 4), "2-2": ((2, 2), 1), "2-2-2": ((2, 2, 2), 1), "3-3": ((3, 3), 1), "3-2x2": ((3, 2), 2)}
ROUNDING = {"rtol": 1e-11, "atol": 1e-11}  # of cosines, over sqrt(1 - cosine²) for the closest of random pairs
SHAPES = st.tuples(  # of an architecture, which is built in the test: a checked class is not for strategies
    st.tuples(st.integers(2, 3), st.lists(st.integers(1, 3), max_size=3)).map(lambda sizes: (sizes[0], *sizes[1])),
    st.integers(1, 3),
)


def draw(tree, num, *key):
    return sample_spheres(
        num, tree.num_nodes(1), patch_size=tree.filter_sizes[0], generator=generator("hierarchical", *key)
    )


def scalar_kernel(x, y, tree, kind):
    """The recursion as it is written, for one pair, in Python floats."""
    size = tree.filter_sizes[0]
    pairs = [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]
    level = [(sum(a * b for a, b in zip(u, v, strict=True)),) * 2 for u, v in pairs]
    for filter_size in (1, *tree.filter_sizes[1:]):
        groups = [level[i : i + filter_size] for i in range(0, len(level), filter_size)]
        level = []
        for group in groups:
            a = max(-1.0, min(1.0, sum(r for r, _ in group) / filter_size))
            b = sum(n for _, n in group) / filter_size
            zero = (math.pi - math.acos(a)) / math.pi
            one = (math.sqrt(1 - a * a) + a * (math.pi - math.acos(a))) / math.pi
            level.append((one, one + zero * b))
    return sum(pair[kind == "ntk"] for pair in level) / len(level)


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, kind=st.sampled_from(["ntk", "nngp"]), seed=st.integers(0, 99), tile=st.integers(1, 7))
def test_any_architecture_against_the_scalar_recursion(shape, kind, seed, tile):
    tree = Architecture(*shape)
    left, right = draw(tree, 5, seed, "left"), draw(tree, 4, seed, "right")
    kernel = hierarchical_kernel(left, right, architecture=tree, kind=kind, tile=tile)
    expected = [[scalar_kernel(x, y, tree, kind) for y in right.tolist()] for x in left.tolist()]
    torch.testing.assert_close(kernel, torch.tensor(expected, dtype=torch.float64), **ROUNDING)


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, kind=st.sampled_from(["ntk", "nngp"]), seed=st.integers(0, 99))
def test_laws_of_a_gram_matrix(shape, kind, seed):
    tree = Architecture(*shape)
    inputs = draw(tree, 12, seed)
    gram = hierarchical_gram(inputs, architecture=tree, kind=kind, tile=5)
    assert torch.equal(gram, gram.T)
    assert (gram.diagonal() == hierarchical_diagonal(levels=tree.depth - 1, kind=kind)).all()
    assert torch.linalg.eigvalsh(gram)[0] > -1e-12
    torch.testing.assert_close(
        gram, hierarchical_kernel(inputs, inputs, architecture=tree, kind=kind), atol=1e-6, rtol=0
    )
    whole = hierarchical_gram(inputs, architecture=tree, kind=kind, tile=100)
    torch.testing.assert_close(gram, whole, **ROUNDING)


@settings(max_examples=15, deadline=None)
@given(shape=SHAPES, kind=st.sampled_from(["ntk", "nngp"]))
def test_all_levels_in_one_pass_are_the_cut_networks(shape, kind):
    tree = Architecture(*shape)
    left, right = draw(tree, 6, "left"), draw(tree, 5, "right")
    grams = hierarchical_gram_by_level(left, architecture=tree, kind=kind)
    kernels = hierarchical_kernel_by_level(left, right, architecture=tree, kind=kind)
    for level in range(1, tree.depth):
        cut = tree.cut(level)
        assert cut.input_length == tree.input_length
        torch.testing.assert_close(grams[level - 1], hierarchical_gram(left, architecture=cut, kind=kind))
        torch.testing.assert_close(kernels[level - 1], hierarchical_kernel(left, right, architecture=cut, kind=kind))


def test_symmetries_of_the_tree():
    tree = Architecture((2, 2, 2))
    x, y = draw(tree, 6, "x"), draw(tree, 6, "y")
    kernel = hierarchical_kernel(x, y, architecture=tree, kind="ntk")
    patches = torch.arange(8).reshape(4, 2)
    siblings = patches[[1, 0, 2, 3]].flatten()
    cousins = patches[[2, 3, 0, 1]].flatten()
    strangers = patches[[2, 1, 0, 3]].flatten()
    for order in (siblings, cousins):
        moved = hierarchical_kernel(x[:, order], y[:, order], architecture=tree, kind="ntk")
        torch.testing.assert_close(moved, kernel, rtol=1e-14, atol=1e-14)
    moved = hierarchical_kernel(x[:, strangers], y[:, strangers], architecture=tree, kind="ntk")
    assert (moved - kernel).abs().max() > 1e-3
    rotation = torch.linalg.qr(torch.randn(4, 2, 2, generator=generator("rotation"), dtype=torch.float64))[0]
    turned = [torch.einsum("pij,npj->npi", rotation, z.unflatten(1, (4, 2))).flatten(1) for z in (x, y)]
    torch.testing.assert_close(hierarchical_kernel(*turned, architecture=tree, kind="ntk"), kernel)


@pytest.mark.parametrize(("kind", "constituent"), [("ntk", ReluNTK()), ("nngp", ReluNNGP())])
def test_shallow_kernels_are_the_special_case(kind, constituent):
    tree = Architecture((3,), readout_size=4)
    x, y = draw(tree, 7, "x"), draw(tree, 6, "y")
    shallow = local(x, y, constituent=constituent, filter_size=3, stride=3) * 3  # patches over sqrt(3) there
    torch.testing.assert_close(hierarchical_kernel(x, y, architecture=tree, kind=kind), shallow)
    one = fully_connected(6, hidden_layers=1)
    x, y = draw(one, 7, "x"), draw(one, 6, "y")
    shallow = local(x, y, constituent=constituent, filter_size=6, cyclic=False) * 6
    torch.testing.assert_close(hierarchical_kernel(x, y, architecture=one, kind=kind), shallow)


def test_one_step_is_the_two_arc_cosine_kernels():
    cosine = torch.linspace(-1, 1, 201, dtype=torch.float64)
    tangent = torch.linspace(0, 3, 201, dtype=torch.float64)
    feature, total = arc_cosine_step(cosine.clone(), tangent.clone())
    torch.testing.assert_close(feature, arccos_kernel_degree1(cosine), rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(total, feature + tangent * arccos_kernel_degree0(cosine), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(("vocab", "branching", "depth"), [(3, 2, 3), (5, 3, 2), (2, 4, 1)])
def test_the_recursion_on_tokens_is_that_on_spheres(vocab, branching, depth):
    """Whitened one-hot tokens, the first filter over ``branching`` of them: N of the one is Σ + Θ of the other."""
    tokens = torch.randint(vocab, (6, branching**depth), generator=generator("tokens", vocab))
    inputs = one_hot(tokens, vocab, whiten=True, dtype=torch.float64).flatten(1)
    tree = Architecture((branching * vocab,) + (branching,) * (depth - 1))
    on_spheres = hierarchical_kernel(inputs, inputs, architecture=tree, kind="ntk", normalise=True)
    on_tokens = tree_tangent_kernel(tokens, tokens, vocab=vocab, branching=branching)
    # equal tokens have cosine one only to rounding on the spheres, and the arc-cosine takes its square root
    torch.testing.assert_close(on_tokens, on_spheres, rtol=0, atol=1e-6)
    apart = ~torch.eye(len(tokens), dtype=torch.bool) & (on_tokens < depth + 1 - 1e-9)
    torch.testing.assert_close(on_tokens[apart], on_spheres[apart], **ROUNDING)
    assert apart.any()


@pytest.mark.parametrize("name", CASES)
def test_golden_arrays_of_neural_tangents(name):
    stored = np.load(GOLDEN)
    tree = Architecture(*CASES[name])
    left, right = (torch.from_numpy(stored[f"{name}/{side}"]) for side in ("left", "right"))
    for kind in ("ntk", "nngp"):
        kernel = hierarchical_kernel(left, right, architecture=tree, kind=kind)
        torch.testing.assert_close(kernel, torch.from_numpy(stored[f"{name}/{kind}"]), rtol=1e-13, atol=1e-14)


@settings(max_examples=8, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 99))
def test_random_architectures_against_neural_tangents(shape, seed):
    tree = Architecture(*shape)
    pytest.importorskip("jax")
    left, right = draw(tree, 4, seed, "left"), draw(tree, 3, seed, "right")
    for kind, expected in oracle(tree, left.numpy(), right.numpy()).items():
        kernel = hierarchical_kernel(left, right, architecture=tree, kind=kind)
        torch.testing.assert_close(kernel, torch.from_numpy(expected), **ROUNDING)


def oracle(tree, left, right) -> dict:
    """The same network as layers of neural_tangents.stax."""
    with warnings.catch_warnings():  # of jax, about names that the last neural-tangents still uses
        warnings.simplefilter("ignore", DeprecationWarning)
        import neural_tangents_compat  # noqa: F401
        from neural_tangents import stax

    layers = []
    for position, size in enumerate(tree.filter_sizes):
        gain = math.sqrt(2.0 * (size if position == 0 else 1))
        layers += [stax.Conv(1, (size,), strides=(size,), padding="VALID", W_std=gain, b_std=None), stax.Relu()]
    kernel = stax.serial(*layers, stax.Flatten(), stax.Dense(1, W_std=1.0, b_std=None))[2]
    found = kernel(left[..., None], right[..., None], ("ntk", "nngp"))
    return {"ntk": np.array(found.ntk), "nngp": np.array(found.nngp)}


def test_effective_dimensions_and_meta_patches():
    tree = Architecture((3, 2, 2), readout_size=2)
    assert [effective_dimension(tree, level) for level in (1, 2, 3)] == [2, 4, 8]
    rows = meta_patches(tree)
    assert [sum(row["level"] == level for row in rows) for level in (1, 2, 3)] == [8, 4, 2]
    for level in (1, 2, 3):
        spans = [(row["start"], row["stop"]) for row in rows if row["level"] == level]
        assert spans[0][0] == 0
        assert spans[-1][1] == tree.input_length == 24
        assert all(a[1] == b[0] for a, b in zip(spans, spans[1:], strict=False))
    for row in rows:
        if row["parent"] >= 0:
            parent = next(r for r in rows if (r["level"], r["node"]) == (row["level"] + 1, row["parent"]))
            assert parent["start"] <= row["start"] < row["stop"] <= parent["stop"]


def test_inputs_off_the_spheres_are_refused_or_normalised():
    tree = Architecture((2, 2))
    inputs = draw(tree, 5, "off")
    scaled = inputs.clone()
    scaled[3, 2:] *= 2
    with pytest.raises(ValueError, match=r"norm 1, got 2 at sample 3, patch 1: pass normalise=True"):
        hierarchical_gram(scaled, architecture=tree, kind="ntk")
    torch.testing.assert_close(
        hierarchical_gram(scaled, architecture=tree, kind="ntk", normalise=True),
        hierarchical_gram(inputs, architecture=tree, kind="ntk"),
    )
    scaled[1, :2] = 0
    with pytest.raises(ValueError, match="a patch is zero"):
        hierarchical_gram(scaled, architecture=tree, kind="ntk", normalise=True)
    scaled[1, 0] = math.nan
    with pytest.raises(ValueError, match="finite"):
        hierarchical_gram(scaled, architecture=tree, kind="ntk", normalise=True)


def test_every_other_error_names_its_remedy(monkeypatch):
    inputs = draw(Architecture((2, 2, 2)), 3, "errors")
    with pytest.raises(ValueError, match="readout_size=2 averages over the 2 nodes"):
        hierarchical_gram(inputs, architecture=Architecture((2, 2)), kind="ntk")
    with pytest.raises(ValueError, match="whose product divides 8"):
        hierarchical_gram(inputs, architecture=Architecture((3, 2)), kind="ntk")
    with pytest.raises(ValueError, match='"ntk" or "nngp"'):
        hierarchical_gram(inputs, architecture=Architecture((2, 2, 2)), kind="tangent")
    with pytest.raises(ValueError, match="≥ 1"):
        Architecture((2, 0))
    with pytest.raises(ValueError, match="at least one filter"):
        Architecture(())
    with pytest.raises(ValueError, match="levels 1 to 2, got 3"):
        effective_dimension(Architecture((2, 2)), 3)
    with pytest.raises(ValueError, match="at least one of each"):
        sample_spheres(0, 2, patch_size=2, generator=generator("none"))
    with pytest.raises(ValueError, match="tile must be"):
        hierarchical_gram(inputs, architecture=Architecture((2, 2, 2)), kind="ntk", tile=0)
    monkeypatch.setattr("quire.device.available_memory", lambda device=None: 100)
    with pytest.raises(MemoryError, match=r"\(1, 3, 3\) kernel and its tiles"):
        hierarchical_gram(inputs, architecture=Architecture((2, 2, 2)), kind="ntk")


def test_memory_is_the_result_and_one_tile():
    assert tile_bytes(num_patches=4, tile=128, element_size=8) == 6 * 4 * 128 * 128 * 8
    small = draw(Architecture((2, 2)), 6, "float32").float()
    gram = hierarchical_gram(small, architecture=Architecture((2, 2)), kind="ntk")
    assert gram.dtype == torch.float32
    assert hierarchical_kernel(small[:0], small, architecture=Architecture((2, 2)), kind="ntk").shape == (0, 6)
