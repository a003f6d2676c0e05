"""Vision nets by name: the zoo of Petrini et al. (NeurIPS 2021) and its reduced form for the book."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch

from quire.cite import cites
from quire.nets.resnet import resnet
from quire.nets.vision import VisionNet, fully_connected_vision, initialize, lenet, vgg

__all__ = ["build", "vision_names"]

_VGG = {  # convolutions per stage, widths of Simonyan & Zisserman
    "vgg11": ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    "vgg13": ((64, 64), (128, 128), (256, 256), (512, 512), (512, 512)),
    "vgg16": ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3),
    "vgg19": ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4),
}
_NETS: dict[str, Callable[..., VisionNet]] = {
    "fc-l2": partial(fully_connected_vision, hidden=1, width=256),
    "fc-l4": partial(fully_connected_vision, hidden=3, width=64),
    "fc-l6": partial(fully_connected_vision, hidden=5, width=64),
    "lenet": lenet,
    "vgg3": partial(vgg, stages=((8,), (16,), (32,)), batch_norm=False, global_pool=False),
    "vgg3-bn": partial(vgg, stages=((8,), (16,), (32,)), batch_norm=True, global_pool=False),
    "vgg3-bn-gap": partial(vgg, stages=((16,), (32,), (64,)), batch_norm=True, global_pool=True),
    "vgg6-bn-gap": partial(vgg, stages=((16, 16), (32, 32), (64, 64)), batch_norm=True, global_pool=True),
    "resnet18": partial(resnet, blocks=(2, 2, 2, 2), width=64),
    "resnet34": partial(resnet, blocks=(3, 4, 6, 3), width=64),
    "resnet10-small": partial(resnet, blocks=(1, 1, 1, 1), width=16),
}
for _name, _stages in _VGG.items():
    _NETS[_name] = partial(vgg, stages=_stages, batch_norm=False, global_pool=True)
    _NETS[f"{_name}-bn"] = partial(vgg, stages=_stages, batch_norm=True, global_pool=True)


def vision_names() -> list[str]:
    """Names that :func:`build` knows."""
    return sorted(_NETS)


@cites("petrini2021diffeo", "networks compared")
def build(
    name: str,
    *,
    input_shape: tuple[int, int, int],
    num_classes: int,
    generator: torch.Generator,
    init: Literal["uniform", "he"] = "uniform",
    dtype: torch.dtype = torch.float32,
) -> VisionNet:
    """A vision net with weights drawn from ``generator``; it gives logits and has ``probe_layers``.

    Args:
        name: "fc-l2", "fc-l4", "fc-l6", "lenet", "vgg3", "vgg3-bn", "vgg3-bn-gap", "vgg6-bn-gap" (book
            scale), "vgg11" … "vgg19", with "-bn", "resnet18", "resnet34" (paper scale), "resnet10-small".
        input_shape: (channels, height, width).
        num_classes: number of logits.
        generator: CPU generator of the initial weights.
        init: see :func:`initialize`.
        dtype: of the parameters; the draws are the same.

    Raises:
        ValueError: unknown name, or images too small for the net's poolings.

    >>> net = build("vgg3-bn-gap", input_shape=(1, 28, 28), num_classes=10, generator=torch.Generator().manual_seed(0))
    >>> net.probe_layers
    ('pool1', 'pool2', 'pool3', 'gap', 'output')
    """
    if name not in _NETS:
        raise ValueError(f"name must be one of {vision_names()}, got {name!r}")
    if len(input_shape) != 3 or min(input_shape) < 1 or num_classes < 1:
        raise ValueError(
            f"input_shape must be (channels, height, width) and num_classes positive, got {input_shape}, {num_classes}"
        )
    with torch.device("meta"):  # no draw from the global generator
        net = _NETS[name](tuple(input_shape), num_classes)
    net = net.to_empty(device="cpu").to(dtype, memory_format=torch.channels_last)  # twice as fast on a CPU
    return initialize(net, generator=generator, scheme=init)
