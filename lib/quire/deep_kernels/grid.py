r"""The kernel of a tree on a grid of cosines, one axis per patch, averaged over the patches outside.

Cosines that live on an axis of their own broadcast: each node of the tree is evaluated on the axes of the patches below
it and of no others, so that only the top node costs the whole grid. It is filled slice by slice along the first axis.
"""

from math import prod

import torch

from quire.deep_kernels.architecture import Architecture
from quire.deep_kernels.harmonics import quadrature
from quire.deep_kernels.recursion import arc_cosine_step, check_kind
from quire.device import require_memory
from quire.types import Tensor

__all__ = ["average_kernel", "patches_below_top"]

CHUNK = 2**21  # grid points of one pass of the recursion


def patches_below_top(tree: Architecture, network: Architecture) -> int:
    """Patches of the tree below one top node of the network."""
    patch_size, covered = tree.filter_sizes[0], prod(network.filter_sizes)
    if network.filter_sizes[0] % patch_size or network.input_length != tree.input_length:
        raise ValueError(
            f"the network {network} must cover the {tree.input_length} inputs of the tree with first filters that are "
            f"multiples of its patches of size {patch_size}: change filter_sizes or readout_size"
        )
    return covered // patch_size


def average_kernel(tree, network, kind, patches, nodes, average_nodes) -> Tensor:
    """Kernel of one top node on the grid of the first ``patches`` patches, averaged over the other patches below it."""
    check_kind(kind)
    averaged = patches_below_top(tree, network) - patches
    patch_size = tree.filter_sizes[0]
    angles, _ = quadrature(patch_size, nodes)
    other_angles, weights = quadrature(patch_size, average_nodes)
    cosines, others = torch.cos(angles), torch.cos(other_angles)
    per_slice = nodes ** max(patches - 1, 0) * average_nodes**averaged  # points for one value of the first axis
    require_memory(
        8 * (nodes**patches + 6 * max(CHUNK, per_slice)),
        f"a grid of {nodes}^{patches} cosines, averaged over {average_nodes}^{averaged}",
    )

    def averaged_over(first: Tensor) -> Tensor:
        axes = [first, *[cosines] * (patches - 1), *[others] * averaged] if patches else [others] * averaged
        leaves = [axis.reshape((-1,) + (1,) * (len(axes) - 1 - place)) for place, axis in enumerate(axes)]
        output = _broadcast_recursion(leaves, network.filter_sizes, network.filter_sizes[0] // patch_size, kind)
        for _ in range(averaged):
            output = output @ weights
        return output

    if not patches:
        return averaged_over(others)
    result = torch.empty((nodes,) * patches, dtype=torch.float64)
    step = max(1, CHUNK // max(1, per_slice))
    for start in range(0, nodes, step):
        result[start : start + step] = averaged_over(cosines[start : start + step])
    return result


def _broadcast_recursion(leaves: list[Tensor], filter_sizes: tuple[int, ...], merged: int, kind: str) -> Tensor:
    """The recursion of one tree on tensors that broadcast: each node lives on the axes of its own patches only."""
    features = _group_means(leaves, merged)
    tangents = features if kind == "ntk" else [None] * len(features)
    for position, filter_size in enumerate(filter_sizes):
        if position:
            features = _group_means(features, filter_size)
            tangents = _group_means(tangents, filter_size) if kind == "ntk" else [None] * len(features)
        steps = [arc_cosine_step(feature, tangent) for feature, tangent in zip(features, tangents, strict=True)]
        features, tangents = ([step[part] for step in steps] for part in (0, 1))
    return tangents[0] if kind == "ntk" else features[0]


def _group_means(tensors: list[Tensor], size: int) -> list[Tensor]:
    if size == 1:
        return tensors
    return [sum(tensors[start : start + size]) / size for start in range(0, len(tensors), size)]
