"""Networks that somebody else pre-trained, as image encoders: plain modules from images to embeddings, with a frozen head beside.

Nothing is downloaded here. What is absent is named in the error, with what to install or where to put it.
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from quire.nets import EfficientNetLite0
from quire.types import Float, Int, Tensor

__all__ = ["Embedding", "clip_encoder", "imagenet_encoder", "mean_head", "text_head"]


class Embedding(nn.Module):
    """One method of a module as its forward pass: ``encode_image``, ``get_image_features``, ``features``."""

    def __init__(self, model: nn.Module, method: str):
        super().__init__()
        if not callable(getattr(model, method, None)):
            raise ValueError(f"{type(model).__name__} has no method {method!r} that gives embeddings of images")
        self.model, self.method = model, method

    def forward(self, images: Tensor) -> Float[Tensor, "batch width"]:
        """Embeddings, not normalised."""
        found = getattr(self.model, self.method)(images)
        return getattr(found, "pooler_output", found)  # a record of outputs in some versions


def imagenet_encoder(weights: str | Path | None, *, generator: torch.Generator) -> Embedding:
    """EfficientNet-Lite0 up to its 1280 features.

    Args:
        weights: a file of tensors by name, such as :func:`quire.data.imagenet_weights` finds; None for random weights.
        generator: of the random ones.

    Raises:
        RuntimeError: the tensors of the file are not those of the network.
    """
    net = EfficientNetLite0(generator=generator)
    if weights is not None:
        net.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"), strict=True)
    net._fc.requires_grad_(False)
    return Embedding(net.eval(), "features")


def clip_encoder(model: nn.Module) -> Embedding:
    """The image tower of a CLIP model: of open_clip (``encode_image``) or of transformers (``get_image_features``).

    The text tower stays with it and is frozen. To make one: ``open_clip.create_model("ViT-B-32-quickgelu", pretrained="openai")``, or
    ``CLIPModel.from_pretrained("openai/clip-vit-base-patch32")``; both download their weights.

    Raises:
        ValueError: the model has neither method.
    """
    method = next((name for name in ("encode_image", "get_image_features") if hasattr(model, name)), None)
    if method is None:
        raise ValueError(
            f"{type(model).__name__} is no CLIP model: install the extra [clip] and give a model of open_clip or transformers"
        )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(("visual.", "vision_model.", "visual_projection.")))
    return Embedding(model.eval(), method)


@torch.no_grad()
def text_head(model: nn.Module, tokens: Int[Tensor, "classes templates length"]) -> Float[Tensor, "classes width"]:
    """Zero-shot head: of each class the mean of the normalised embeddings of its sentences, normalised again."""
    method = next((name for name in ("encode_text", "get_text_features") if hasattr(model, name)), None)
    if method is None:
        raise ValueError(f"{type(model).__name__} embeds no text: give the whole CLIP model, not its image tower")
    found = Embedding(model, method)(tokens.flatten(0, 1))
    return functional.normalize(functional.normalize(found, dim=-1).unflatten(0, tokens.shape[:2]).mean(1), dim=-1)


@torch.no_grad()
def mean_head(
    encoder: nn.Module, images: Tensor, labels: Int[Tensor, " images"], *, batch: int = 128
) -> Float[Tensor, "classes width"]:
    """A head without text: of each class the mean of its images' normalised embeddings, normalised.

    Raises:
        ValueError: a class between zero and the largest label has no image.
    """
    found = torch.cat([functional.normalize(encoder(part), dim=-1) for part in images.split(batch)])
    counts = torch.bincount(labels)
    if len(labels) != len(images) or not bool((counts > 0).all()):
        raise ValueError(f"each class needs an image, and each image a label: got {counts.tolist()} of {len(images)}")
    return functional.normalize(found.new_zeros(len(counts), found.shape[1]).index_add(0, labels, found), dim=1)
