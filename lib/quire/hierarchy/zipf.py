r"""Rules that are used with Zipf frequencies, and an ideal learner of them.

The k-th rule of a bottom symbol, of frequency f_k ∝ k^-(1+a), is learned once it has been seen often enough, at
P_k = n_c m^(L-1) / f_k. A datum is misread when one of its strings uses a rule not yet known: with F = Σ_{f_k P ≤ 1} f_k the
missing mass and n strings per datum the error is 1 - (1-F)^n ~ n F, which falls as P^(-a/(1+a)) until the rarest rule.

Source: cagnetta2025zipf, ideal learner.
"""

from collections.abc import Sequence

import numpy as np
import torch

from quire.cite import cites
from quire.types import Float, Tensor

__all__ = ["oracle_error", "zipf_law"]


@cites("cagnetta2025zipf", "Zipf law of the rules")
def zipf_law(num_rules: int, exponent: float) -> tuple[float, ...]:
    """Rule probabilities proportional to k^-(1+a), k = 1..m.

    Args:
        num_rules: m.
        exponent: a > 0; ``float("inf")`` leaves the first rule only.

    >>> zipf_law(2, 1.0)
    (0.8, 0.2)
    """
    if num_rules < 1 or not exponent > 0:
        raise ValueError(
            f"a Zipf law needs num_rules >= 1 and exponent > 0, got {num_rules} and {exponent}: raise them"
        )
    weights = np.arange(1, num_rules + 1, dtype=float) ** -(1.0 + exponent)
    return tuple(float(w) for w in weights / weights.sum())


@cites("cagnetta2025zipf", "ideal learner of Zipf rules")
def oracle_error(law: Sequence[float], data: Float[Tensor, "sizes"], *, num_strings: int) -> Float[Tensor, "sizes"]:
    """Error of the learner that knows exactly the rules with f_k P > 1.

    Args:
        law: frequencies of the rules.
        data: P in units of n_c m^(L-1), the data that a rule of frequency one needs.
        num_strings: strings of a datum written by these rules, s^(L-1).

    >>> oracle_error((0.8, 0.2), torch.tensor([1.0, 2.0, 10.0]), num_strings=1).round(decimals=6).tolist()
    [1.0, 0.2, 0.0]
    """
    frequencies = torch.as_tensor(law, dtype=torch.float64)
    unknown = (frequencies[None] * data.double()[:, None] <= 1).double() @ frequencies
    return 1 - (1 - unknown.clamp(max=1)) ** num_strings
