"""Task arithmetic and the tangent space of the weights (ortizjimenez2023tangent).

A :class:`TaskVector` is a difference of weights; ``linearize(model)`` gives the model's first-order expansion, which is trained like
any module; ``linear_response`` and ``nonlinear_response`` say how outputs depend on the coefficients of task vectors, and
``disentanglement_error`` compares them on a grid. ``tangent_gram`` is the empirical tangent kernel. Merging: ``summed``, ``ties``,
``tall_masks``, ``consensus``, ``linear_scaling``.
"""

from quire.tangent.disentanglement import Disentanglement, disentanglement_error, interaction
from quire.tangent.encoders import Embedding, clip_encoder, imagenet_encoder, mean_head, text_head
from quire.tangent.heads import FrozenHead, class_vectors, nearest_class
from quire.tangent.layer_scaling import linear_scaling
from quire.tangent.linearized import Linearized, linear_parts, linearize
from quire.tangent.localisation import cross_ratio, label_weighted_energy, local_energy
from quire.tangent.merging import consensus, mask_counts, summed, tall_masks, ties
from quire.tangent.minimum_norm import minimum_norm_vector
from quire.tangent.responses import Response, linear_response, nonlinear_response, stack_vectors
from quire.tangent.tangent_kernel import tangent_gram
from quire.tangent.task_vector import TaskVector

__all__ = [
    "Disentanglement",
    "Embedding",
    "FrozenHead",
    "Linearized",
    "Response",
    "TaskVector",
    "class_vectors",
    "clip_encoder",
    "consensus",
    "cross_ratio",
    "disentanglement_error",
    "imagenet_encoder",
    "interaction",
    "label_weighted_energy",
    "linear_parts",
    "linear_response",
    "linear_scaling",
    "linearize",
    "local_energy",
    "mask_counts",
    "mean_head",
    "minimum_norm_vector",
    "nearest_class",
    "nonlinear_response",
    "stack_vectors",
    "summed",
    "tall_masks",
    "tangent_gram",
    "text_head",
    "ties",
]
