"""A module as one function of its inputs and weights, with every derivative and every batch transform: what linearising asks for."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from quire.types import Tensor

__all__ = ["as_function", "check_params"]


@contextmanager
def as_function(model: nn.Module) -> Iterator[None]:
    """Within: evaluation mode, and attention by its formula. Modes and switches are put back.

    Dropout and the statistics of a batch would make the model another function each time. Two paths of torch know neither a
    forward derivative nor a batch of weights: fused attention kernels, and the fast path of ``nn.MultiheadAttention``.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    modes = {module: module.training for module in model.modules()}
    torch.backends.mha.set_fastpath_enabled(False)
    model.eval()
    try:
        with sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "`torch.jit.script", DeprecationWarning
            )  # torch's own, of forward derivatives
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, mode in modes.items():
            module.training = mode


def check_params(model: nn.Module, params: Mapping[str, Tensor], *, stacked: bool = False) -> None:
    """All parameters of the model by name, and some of its buffers, in its shapes (``stacked``: behind a leading axis).

    Raises:
        ValueError: a parameter is missing, a name is not the model's, or a shape is another.
    """
    parameters = dict(model.named_parameters())
    known = {**parameters, **dict(model.named_buffers())}
    unknown, lacking = sorted(params.keys() - known.keys()), sorted(parameters.keys() - params.keys())
    if unknown or lacking:
        raise ValueError(
            f"params must name the model's parameters: {lacking} are missing, {unknown} are not the model's"
        )
    for name, tensor in params.items():
        shape = tensor.shape[1:] if stacked else tensor.shape
        if shape != known[name].shape:
            before = "any number, then " if stacked else ""
            raise ValueError(
                f"{name} must have the shape {before}{list(known[name].shape)}, got {list(tensor.shape)}: "
                "is it of another architecture?"
            )
