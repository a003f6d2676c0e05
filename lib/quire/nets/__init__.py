"""Networks: ensembles for hierarchical data, and vision nets.

Ensembles (:class:`Ensemble`) hold several networks of one architecture in tensors with a leading member axis:
``tree_cnn(TreeConfig(...), generators=[...])`` (convolutional or locally connected),
``fully_connected(...)`` (deep, or shallow at depth one), ``attention_only(...)``; ``stack([net, ...])``
makes one of plain modules. ``build(name, ...)`` gives a vision net. ``activations(net, inputs)`` gives the
hidden layers of any of them.
"""

from quire.nets.by_name import build, vision_names
from quire.nets.denoisers import Denoiser, denoising_resnet, denoising_unet
from quire.nets.efficientnet_lite import EfficientNetLite0
from quire.nets.ensemble import Ensemble, check_generators
from quire.nets.patch_config import FullyConnectedConfig, TreeConfig
from quire.nets.patches import PatchEnsemble, fully_connected, tree_cnn
from quire.nets.probes import activations
from quire.nets.residual_mlp import ResidualMLP
from quire.nets.stacked import StackedEnsemble, stack
from quire.nets.tokens import encode, token_linear, whitening_constants
from quire.nets.transformer import AttentionConfig, AttentionEnsemble, attention_only
from quire.nets.tree_unets import TreeUNet, tree_unet
from quire.nets.vision import VisionNet, initialize
from quire.nets.window_nets import WindowDenoiser, window_denoiser

__all__ = [
    "AttentionConfig",
    "AttentionEnsemble",
    "Denoiser",
    "EfficientNetLite0",
    "Ensemble",
    "FullyConnectedConfig",
    "PatchEnsemble",
    "ResidualMLP",
    "StackedEnsemble",
    "TreeConfig",
    "TreeUNet",
    "VisionNet",
    "WindowDenoiser",
    "activations",
    "attention_only",
    "build",
    "check_generators",
    "denoising_resnet",
    "denoising_unet",
    "encode",
    "fully_connected",
    "initialize",
    "stack",
    "token_linear",
    "tree_cnn",
    "tree_unet",
    "vision_names",
    "whitening_constants",
    "window_denoiser",
]
