r"""How much of a function a kernel method finds from data, and that the sum over an orthogonal basis is the number of data.

Without ridge the prediction is linear in the values at the data, and its trace is their number: the learnabilities
:math:`\langle f, \hat f\rangle/\langle f, f\rangle` of an orthogonal basis add up to it, whatever the kernel (simon2023eigenlearning).
"""

import torch

from quire.types import Float, Int, Tensor

__all__ = ["learnability"]


def learnability(
    kernel: Float[Tensor, "places _"], chosen: Int[Tensor, " samples"], functions: Float[Tensor, "functions _"]
) -> Float[Tensor, " functions"]:
    """⟨f, f̂⟩ / ⟨f, f⟩ over all places, with f̂ what kernel regression without ridge makes of f at the chosen ones.

    Args:
        kernel: between all places of a finite space, symmetric.
        chosen: the training points, different from one another.
        functions: one in each row, none zero.

    Raises:
        ValueError: a point is chosen twice, shapes do not fit, or a function is zero.

    >>> learnability(torch.eye(4).double(), torch.tensor([0, 2]), torch.eye(4).double()).tolist()
    [1.0, 0.0, 1.0, 0.0]
    """
    places = len(kernel)
    if kernel.shape != (places, places) or functions.shape[-1] != places:
        raise ValueError(
            f"expected a square kernel and functions of as many values, got {list(kernel.shape)} and {list(functions.shape)}"
        )
    if len(chosen.unique()) != len(chosen) or not len(chosen):
        raise ValueError(f"training points must be different, and at least one: got {chosen.tolist()[:10]}")
    sizes = functions.square().sum(1)
    if not bool((sizes > 0).all()):
        raise ValueError("a function is zero everywhere: it has no learnability")
    coefficients = torch.linalg.solve(kernel[chosen][:, chosen], functions[:, chosen].mT)
    found = (kernel[:, chosen] @ coefficients).mT
    return (functions * found).sum(1) / sizes
