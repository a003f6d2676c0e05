"""Architectures of the networks on patches: convolutional, locally connected, fully connected."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["FullyConnectedConfig", "TreeConfig"]

Readout = Literal["mean_field", "ntk"]
Whitening = Literal["norm", "variance", "centred", "none"]
Bias = Literal["none", "zero", "normal"]


@dataclass(frozen=True, kw_only=True)
class TreeConfig:
    """A network whose filters match the tree: ``depth`` layers of filters of ``filter_size`` inputs, then a
    readout.

    Attributes:
        filter_size: filter size and stride, the branching of the tree; ``filter_size**depth`` inputs.
        depth: number of hidden layers, the depth of the tree.
        width: channels of each hidden layer.
        num_classes: outputs.
        vocab: number of symbols of token inputs; None for real inputs, one number per position.
        weight_sharing: True for the convolutional network, False for the locally-connected one.
        readout: "mean_field" (1/width) or "ntk" (1/sqrt(width)).
        whitening: encoding of the tokens, see :func:`quire.nets.whitening_constants`; unused for real inputs.
        bias: hidden biases: "none", "zero" or "normal" (their initial value).
        init_scale: standard deviation of the initial weights.
    """

    filter_size: int
    depth: int
    width: int
    num_classes: int
    vocab: int | None
    weight_sharing: bool = True
    readout: Readout = "mean_field"
    whitening: Whitening = "norm"
    bias: Bias = "none"
    init_scale: float = 1.0

    @property
    def num_inputs(self) -> int:
        """Length of the input."""
        return self.filter_size**self.depth


@dataclass(frozen=True, kw_only=True)
class FullyConnectedConfig:
    """A fully-connected network; depth one is the shallow, one-hidden-layer network.

    Attributes:
        num_inputs: length of the input (tokens, or real components).
        depth: number of hidden layers.

    The other attributes are those of :class:`TreeConfig`.
    """

    num_inputs: int
    depth: int
    width: int
    num_classes: int
    vocab: int | None
    readout: Readout = "mean_field"
    whitening: Whitening = "norm"
    bias: Bias = "none"
    init_scale: float = 1.0
