r"""Stability of a network, at its output and layer by layer.

The functions f_k are the activations after chosen modules, read by forward hooks in one pass per set of
images. The network is put in evaluation mode and restored. What batch normalisation does then is a
convention, because running averages mean nothing before training:

* ``normalization="running"``: the running averages, as at test time;
* ``"batch"``: the statistics of each probed batch, x, τx and x + η apart (the published code at
  initialisation);
* ``"reference"``: the statistics of the unperturbed images, for all three.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from quire.cite import cites
from quire.diffeo.perturbation import Perturbation
from quire.diffeo.relative import Stability, relative_stability
from quire.types import Float, Tensor

__all__ = ["NORMALIZATIONS", "activations", "layer_stability", "rectified_layers", "stability"]

NORMALIZATIONS = ("running", "batch", "reference")
OUTPUT = "output"


@cites("petrini2021diffeo", "definition of relative stability")
def stability(
    network: nn.Module, perturbation: Perturbation, *, reduce: str, denominator: str, normalization: str
) -> Stability:
    """D_f, G_f and R_f of a network's output.

    Args:
        network: f; its mode and its buffers are left as they were.
        perturbation: of :func:`quire.diffeo.perturb`.
        reduce: "mean", "median" or "median_coordinate".
        denominator: "off_diagonal" or "all_pairs".
        normalization: "running", "batch" or "reference", for networks with batch normalisation.
    """
    conventions = {"reduce": reduce, "denominator": denominator, "normalization": normalization}
    return layer_stability(network, perturbation, layers=[], **conventions)[OUTPUT]


@cites("tomasini2022spatial", "pooling in space and over channels")
def layer_stability(
    network: nn.Module,
    perturbation: Perturbation,
    *,
    layers: Sequence[str],
    reduce: str,
    denominator: str,
    normalization: str,
) -> dict[str, Stability]:
    """The same after each named module, in order, and at the output (key "output").

    Raises:
        ValueError: unknown layer or convention.
    """
    images = (perturbation.reference, perturbation.warped, perturbation.noisy)
    with _normalized(network, normalization, perturbation.reference):
        values = [activations(network, batch, layers=layers) for batch in images]
    return {
        name: relative_stability(*(value[name] for value in values), reduce=reduce, denominator=denominator)
        for name in values[0]
    }


@torch.no_grad()
def activations(network: nn.Module, images: Float[Tensor, "batch ..."], *, layers: Sequence[str]) -> dict[str, Tensor]:
    """Activations after the named modules and the output, flattened to [batch, features].

    Raises:
        ValueError: a name that is not a module, or a module that one pass uses several times.

    >>> network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> values = activations(network, torch.ones(5, 2), layers=["1"])
    >>> {name: list(value.shape) for name, value in values.items()}
    {'1': [5, 3], 'output': [5, 1]}
    """
    modules = dict(network.named_modules())
    unknown = [name for name in layers if name not in modules]
    if unknown:
        raise ValueError(f"{unknown} are not modules of the network: choose among {[name for name in modules if name]}")
    found: dict[str, Tensor] = {}

    def keep(name: str):
        def hook(module, inputs, output) -> None:
            if name in found:
                raise ValueError(f"module {name!r} is used several times in one pass: give each use its own module")
            found[name] = output.flatten(1).clone()  # a later in-place operation must not reach it

        return hook

    handles = [modules[name].register_forward_hook(keep(name)) for name in layers]
    try:
        found[OUTPUT] = network(images).flatten(1)
    finally:
        for handle in handles:
            handle.remove()
    return found


def rectified_layers(network: nn.Module) -> list[str]:
    """Names of the modules at which layers are usually compared: each ReLU, or the pooling right after it.

    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3), nn.ReLU())
    >>> rectified_layers(network)
    ['2', '4']
    """
    pools = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
    leaves = [(name, module) for name, module in network.named_modules() if not list(module.children())]
    chosen: list[str] = []
    for index, (name, module) in enumerate(leaves):
        after_relu = index > 0 and isinstance(leaves[index - 1][1], nn.ReLU)
        if isinstance(module, nn.ReLU):
            chosen.append(name)
        elif isinstance(module, pools) and after_relu:
            chosen[-1] = name
    return chosen


@contextmanager
def _normalized(network: nn.Module, normalization: str, reference: Tensor) -> Iterator[None]:
    """Evaluation mode with the chosen statistics; mode and buffers restored afterwards."""
    if normalization not in NORMALIZATIONS:
        raise ValueError(f"normalization must be one of {NORMALIZATIONS}, got {normalization!r}")
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    modes = {module: module.training for module in network.modules()}
    kept = [(norm, norm.running_mean, norm.running_var, norm.num_batches_tracked, norm.momentum) for norm in norms]
    network.eval()
    try:
        if normalization != "running":
            for norm in norms:
                norm.running_mean = norm.running_var = norm.num_batches_tracked = None
        if normalization == "reference":
            _freeze(network, norms, reference)
        yield
    finally:
        for norm, mean, variance, tracked, momentum in kept:
            norm.running_mean, norm.running_var, norm.num_batches_tracked = mean, variance, tracked
            norm.momentum = momentum
        for module, mode in modes.items():
            module.training = mode


@torch.no_grad()
def _freeze(network: nn.Module, norms: list[_BatchNorm], reference: Tensor) -> None:
    """Record the statistics of one batch at every normalisation, then use them."""

    def record(norm: _BatchNorm, inputs) -> None:
        others = [axis for axis in range(inputs[0].ndim) if axis != 1]
        statistics[norm] = (inputs[0].mean(others), inputs[0].var(others, unbiased=False))

    statistics: dict[_BatchNorm, tuple[Tensor, Tensor]] = {}
    handles = [norm.register_forward_pre_hook(record) for norm in norms]
    try:
        network(reference)
    finally:
        for handle in handles:
            handle.remove()
    for norm, (mean, variance) in statistics.items():
        norm.running_mean, norm.running_var = mean, variance
