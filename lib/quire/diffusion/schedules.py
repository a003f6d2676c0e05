r"""Schedules of noise: the fraction of signal kept at each level, from the cleanest to the noisiest.

Gaussian noise: :math:`x_t = \sqrt{\bar\alpha_t}\,x + \sqrt{1-\bar\alpha_t}\,z`; a schedule is the tensor ``alphas_cumprod``
of :math:`\bar\alpha_t`, entry t for level t + 1 of T. Masking: a token is hidden with probability :math:`1-\alpha(t)`, t in [0, 1].

Source: Ho, Jain & Abbeel, NeurIPS 2020 (linear); Nichol & Dhariwal, ICML 2021 (cosine); Sahoo et al., NeurIPS 2024 (log-linear).
"""

import math

import torch

from quire.types import Float, Tensor

__all__ = ["check_alphas_cumprod", "cosine_schedule", "linear_schedule", "log_linear_mask_rate"]


def linear_schedule(num_levels: int, *, first: float = 1e-4, last: float = 0.02) -> Float[Tensor, " levels"]:
    r"""Products of 1 - β, the β evenly spaced from the first to the last, float64.

    Raises:
        ValueError: no level, or β that are not 0 < first ≤ last < 1.

    >>> linear_schedule(2, first=0.5, last=0.5).tolist()
    [0.5, 0.25]
    """
    _check_levels(num_levels)
    if not 0 < first <= last < 1:
        raise ValueError(f"the noise of a step must obey 0 < first <= last < 1, got {first} and {last}")
    return (1 - torch.linspace(first, last, num_levels, dtype=torch.float64)).cumprod(0)


def cosine_schedule(
    num_levels: int, *, shift: float = 0.008, normalised: bool = True, largest_beta: float | None = 0.999
) -> Float[Tensor, " levels"]:
    r"""Squared cosine, float64; there are two conventions, which differ in where the offset 0.008 stands.

    With ``shift`` o and u = t/T, t = 1 … T, the standard one is :math:`\bar\alpha = f(u)/f(0)`,
    :math:`f(u) = \cos^2\!\big(\tfrac{u + o}{1 + o}\tfrac{\pi}{2}\big)`; steps that lose more than ``largest_beta`` are cut.
    Without normalising, f has no offset in its numerator: :math:`\bar\alpha = \cos^2\!\big(\tfrac{u}{1 + o}\tfrac{\pi}{2}\big)`,
    which never reaches zero and is not cut (kamb2025analytic, released code).

    Args:
        num_levels: T.
        shift: o.
        normalised: the standard convention.
        largest_beta: bound of the noise of one step in the standard convention; None: none.

    Raises:
        ValueError: no level, a negative shift, or a bound outside of (0, 1).

    >>> cosine_schedule(2, shift=0.0, largest_beta=None).round(decimals=6).tolist()
    [0.5, 0.0]
    >>> round(float(cosine_schedule(20, normalised=False)[-1]), 6)
    0.000155
    """
    _check_levels(num_levels)
    if not shift >= 0:
        raise ValueError(f"shift must be >= 0, got {shift}")
    if largest_beta is not None and not 0 < largest_beta < 1:
        raise ValueError(f"largest_beta must lie in (0, 1), or be None, got {largest_beta}")
    times = torch.arange(num_levels + 1, dtype=torch.float64) / num_levels
    if not normalised:
        return (times[1:] / (1 + shift) * math.pi / 2).cos().square()
    kept = ((times + shift) / (1 + shift) * math.pi / 2).cos().square()
    lost = 1 - kept[1:] / kept[:-1]
    return (1 - lost.clamp_max(largest_beta or 1.0)).cumprod(0)


def log_linear_mask_rate(times: Float[Tensor, " times"], *, least: float = 0.0) -> Float[Tensor, " times"]:
    r"""Probability that a token is hidden at time t in [0, 1] of the log-linear schedule, (1 - least) t.

    It keeps :math:`\alpha(t) = e^{-\sigma(t)}` with :math:`\sigma = -\log(1 - (1 - \epsilon)\,t)`: "log-linear" is σ, the
    probability is linear. With ``least`` ε above zero the noisiest level hides not quite all.

    Raises:
        ValueError: times outside of [0, 1], or ``least`` outside of [0, 1).

    >>> log_linear_mask_rate(torch.tensor([0.0, 0.25, 1.0])).tolist()
    [0.0, 0.25, 1.0]
    """
    if not bool(((times >= 0) & (times <= 1)).all()):
        raise ValueError(f"times must lie in [0, 1], got {times.tolist()}")
    if not 0 <= least < 1:
        raise ValueError(f"least must lie in [0, 1), got {least}")
    return (1 - least) * times


def check_alphas_cumprod(alphas_cumprod: Float[Tensor, " levels"]) -> Float[Tensor, " levels"]:
    """The schedule in float64, if it is one.

    Raises:
        ValueError: not a vector of fractions in [0, 1] that never grow.
    """
    kept = torch.as_tensor(alphas_cumprod).double()
    if kept.ndim != 1 or not len(kept) or not bool(((kept >= 0) & (kept <= 1)).all()):
        raise ValueError("alphas_cumprod must be a vector of fractions in [0, 1], the signal kept at each level")
    if bool((kept.diff() > 0).any()):
        raise ValueError("alphas_cumprod must not grow from a level to the next, noisier one: reverse it")
    return kept


def _check_levels(num_levels: int) -> None:
    if num_levels < 1:
        raise ValueError(f"num_levels must be at least 1, got {num_levels}")
