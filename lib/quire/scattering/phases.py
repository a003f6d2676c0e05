r"""What is done to complex coefficients, point by point: some keep the phase, some keep the amplitude (guth2022phase).

A biased rectifier is half an even function and half an odd one, :math:`\rho(t-b) = \tfrac12\rho(|t|-b) + \tfrac12\mathrm{sgn}(t)\,\rho(|t|-b)` for
:math:`b\ge0`: an amplitude with a dead zone, and a soft threshold.
"""

from collections.abc import Callable

import torch

from quire.types import Float, Tensor

__all__ = ["NONLINEARITIES", "applied", "real_parts"]


def _soft(z: Tensor, threshold: Tensor) -> Tensor:
    amplitude = z.abs()
    return z * ((amplitude - threshold).relu() / amplitude.clamp(min=torch.finfo(amplitude.dtype).tiny))


def _rectified(z: Tensor, threshold: Tensor) -> Tensor:
    return torch.complex((z.real - threshold).relu(), (z.imag - threshold).relu())


_FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "linear": lambda z, threshold: z,  # keeps everything
    "soft": _soft,  # z/|z| max(|z| - b, 0): keeps the phase
    "rectified": _rectified,  # max(· - b, 0) of the real and of the imaginary part
    "modulus": lambda z, threshold: z.abs(),  # keeps the amplitude
}
NONLINEARITIES = tuple(_FUNCTIONS)


def applied(z: Tensor, name: str, threshold: float | Tensor = 0.0) -> Tensor:
    """A nonlinearity of complex numbers; complex, but for the modulus.

    Args:
        z: complex.
        name: of NONLINEARITIES.
        threshold: b, that broadcasts with z; the modulus has none.

    Raises:
        ValueError: an unknown name, or a negative threshold.

    >>> z = torch.tensor([3 + 4j, 0.3j])
    >>> [applied(z, name, 1.0).tolist() for name in ("soft", "modulus")]
    [[(2.4000000953674316+3.200000047683716j), 0j], [5.0, 0.30000001192092896]]
    """
    if name not in _FUNCTIONS:
        raise ValueError(f"expected a nonlinearity of {list(NONLINEARITIES)}, got {name!r}")
    threshold = torch.as_tensor(threshold, dtype=z.real.dtype, device=z.device)
    if bool((threshold < 0).any()):
        raise ValueError(f"a threshold must not be negative, got {float(threshold.min())}")
    return _FUNCTIONS[name](z, threshold)


def real_parts(z: Tensor, name: str) -> Float[Tensor, "..."]:
    """The numbers that a nonlinearity gives, in a new second axis: one for the modulus, real and imaginary part otherwise."""
    return z.real.unsqueeze(1) if name == "modulus" else torch.stack([z.real, z.imag], 1)
