"""Cells of the tangent kernel on the data of two tasks: is it one block for each?"""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from quire.device import resolve
from quire.experiments.disentanglement.networks import encoder_of
from quire.experiments.disentanglement.tasks import task_of
from quire.tangent import cross_ratio, label_weighted_energy, local_energy, tangent_gram
from quire.types import Tensor

__all__ = ["localisation"]

LEADING = 20  # eigenvectors whose local energy is shown


class _Logits(nn.Module):
    """The encoder's embedding, and the scalar products with the class vectors of one task."""

    def __init__(self, encoder: nn.Module, head: Tensor):
        super().__init__()
        self.encoder = encoder
        self.register_buffer("head", head)

    def forward(self, images: Tensor) -> Tensor:
        return self.encoder(images) @ self.head.T


def localisation(
    *,
    start: Mapping[str, Tensor],
    first: str,
    second: str,
    kernel_images: int,
    seed: int,
    device: str = "cpu",
) -> list[dict]:
    """The tangent kernel of the first task's logits, on test images of it and of a second task.

    Args:
        start: θ0.
        first, second: names of tasks.
        kernel_images: of each.
        seed: of the images.
        device: where it is computed.

    Returns:
        One row: cross (between tasks over within), energy (weighted by the labels), and polarised, the mean of |2 E - 1| over leading
        eigenvectors with the energy E on the first task: one where each lives on one of the two.
    """
    splits = dict(images=1, validation=1, test=kernel_images, seed=seed)
    own, other = (task_of(name, **splits) for name in (first, second))
    number = min(len(own.test.labels), len(other.test.labels))
    images = torch.cat([own.test.images[:number], other.test.images[:number]]).to(resolve(device))
    net = encoder_of(start).to(images.device)
    gram = tangent_gram(_Logits(net, own.head.to(images.device)), images).double().cpu()
    mine = torch.arange(2 * number) < number
    labels = functional.one_hot(own.test.labels[:number], len(own.head)).double()
    centred = torch.cat([labels - labels.mean(0), torch.zeros_like(labels)])
    leading = torch.linalg.eigh(gram).eigenvectors[:, -LEADING:]
    shares = torch.stack([local_energy(leading[:, k : k + 1])[mine].sum() for k in range(leading.shape[1])])
    found = {"cross": cross_ratio(gram, mine), "energy": label_weighted_energy(gram, centred, mine)}
    return [found | {"polarised": float((2 * shares - 1).abs().mean())}]
