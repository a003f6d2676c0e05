"""Frozen heads: a class is a unit vector in the space of embeddings, the logits are scaled cosines with it.

This is how an open-vocabulary model classifies without having seen a label (its vectors come from a text encoder), and it is
kept fixed while the encoder is fine-tuned, so that all tasks share every trained weight.
"""

import torch
from torch import nn
from torch.nn import functional

from quire.types import Float, Int, Tensor

__all__ = ["FrozenHead", "class_vectors", "nearest_class"]


def class_vectors(num_classes: int, width: int, generator: torch.Generator) -> Float[Tensor, "classes width"]:
    """Random unit vectors, nearly orthogonal where ``width`` is large: a text tower that knows no similarities.

    >>> vectors = class_vectors(5, 64, torch.Generator())
    >>> bool(torch.allclose(vectors.norm(dim=1), torch.ones(5)))
    True
    """
    return functional.normalize(torch.randn(num_classes, width, generator=generator), dim=1)


class FrozenHead(nn.Module):
    """An encoder and a head that is not trained: logits = scale · cos(z, e_c).

    Args:
        encoder: from inputs to embeddings ``[batch, width]``.
        head: unit vectors e_c, one row for each class.
        scale: an inverse temperature.
    """

    def __init__(self, encoder: nn.Module, head: Float[Tensor, "classes width"], *, scale: float):
        super().__init__()
        self.encoder, self.scale = encoder, scale
        self.register_buffer("head", head)

    def forward(self, inputs: Tensor) -> Float[Tensor, "batch classes"]:
        """Logits."""
        return self.scale * functional.normalize(self.encoder(inputs), dim=-1) @ self.head.T


def nearest_class(
    embeddings: Float[Tensor, "... width"], head: Float[Tensor, "classes width"] | None
) -> Int[Tensor, "..."]:
    """The class with the largest logit; the length of the embedding does not matter. Without a head, of the outputs."""
    return (embeddings if head is None else embeddings @ head.to(embeddings).T).argmax(-1)
