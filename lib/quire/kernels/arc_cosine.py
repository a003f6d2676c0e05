r"""Arc-cosine kernels: moments of two rectified Gaussian variables, functions of their correlation :math:`t`.

.. math::
    \kappa_0(t) = \frac{\pi - \arccos t}{\pi}, \qquad
    \kappa_1(t) = \frac{\sqrt{1-t^2} + t\,(\pi - \arccos t)}{\pi}

Near :math:`t=1` they lose half of the digits of :math:`1-t`.

Source: cho2009kernel (arc-cosine kernels of degree 0 and 1).
"""

import math

import torch

from quire.cite import cites
from quire.types import Float, Tensor

__all__ = ["arccos_kernel_degree0", "arccos_kernel_degree1"]


@cites("cho2009kernel", "arc-cosine kernel of degree 0")
def arccos_kernel_degree0(cosine: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    r"""Probability that two ReLUs are both active, times two: :math:`\kappa_0(t) = 1 - \arccos(t)/\pi`.

    >>> arccos_kernel_degree0(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)).tolist()
    [0.0, 0.5, 1.0]
    """
    return 1 - torch.acos(cosine.clamp(-1, 1)) / math.pi


@cites("cho2009kernel", "arc-cosine kernel of degree 1")
def arccos_kernel_degree1(cosine: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    r"""Covariance of two ReLUs of gain two: :math:`\kappa_1(t) = [\sqrt{1-t^2} + t(\pi-\arccos t)]/\pi`.

    >>> values = arccos_kernel_degree1(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64))
    >>> bool(torch.allclose(values, torch.tensor([0.0, 1 / math.pi, 1.0], dtype=torch.float64)))
    True
    """
    t = cosine.clamp(-1, 1)
    return ((1 - t * t).sqrt() + t * (math.pi - torch.acos(t))) / math.pi
