r"""Mercer spectra of convolutional and local kernels on the torus, in closed form up to a Fourier transform.

On uniform data the constituent is diagonal in plane waves, :math:`C(u)=\sum_{k\in\mathbb Z^s} c_k e^{2\pi i k\cdot u}`.

* Patches that do not overlap: the constant has :math:`\Lambda_0=c_0`, all others :math:`\Lambda_k = c_k/N_p`. Local
  kernels have one plane wave per patch, hence :math:`N_p`-fold levels; convolutional ones only their symmetric sum.
* Overlapping cyclic patches, :math:`2s\le d+1`: a mode whose support has cyclic length :math:`r\le s` fits into
  :math:`s-r+1` patches, so that :math:`\Lambda_q = \frac{s-r+1}{d}\,c_k`. Local: :math:`d`-fold; convolutional: once.

The two architectures have the *same eigenvalues*, with multiplicities that differ by :math:`N_p`: locality sets the
exponent, weight sharing a factor of :math:`N_p` in the number of points. Traces: :math:`C(0)` for local kernels,
:math:`c_0 + (C(0)-c_0)/N_p` for convolutional ones; what the cut leaves out is the ``tail``, from these exact traces.

Source: favero2021locality, Lemmas on the spectra; favero2025physics, Chapter 2; overlapping case derived here.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import torch

from quire.cite import cites
from quire.device import require_memory
from quire.kernels.constituent import Constituent
from quire.types import Float, Int, Tensor

__all__ = ["PatchSpectrum", "fourier_coefficients", "patch_spectrum"]

_SQUARED_RADIUS = 0.5  # of every patch on the torus, where a pixel is the two coordinates of a point on the unit circle


@dataclass(frozen=True)
class PatchSpectrum:
    """Eigenvalues of a convolutional or local kernel on the torus, one level per frequency of one patch.

    Levels are labelled by non-negative frequencies, first coordinate first; ``signs`` counts the equal ones with other
    signs, ``positions`` the places at which a mode can sit. ``multiplicities`` is their product for a local kernel and
    ``signs`` alone for a convolutional one. The constant, with eigenvalue ``constant``, stands apart.
    """

    filter_size: int
    positions: int
    overlapping: bool
    shared: bool
    constant: float
    frequencies: Int[Tensor, "level filter"]
    signs: Float[Tensor, " level"]
    eigenvalues: Float[Tensor, " level"]
    tail: float

    @property
    def multiplicities(self) -> Float[Tensor, " level"]:
        """Modes per level."""
        return self.signs * (1 if self.shared else self.positions)

    @property
    def trace(self) -> float:
        """Sum of all eigenvalues, the tail included."""
        return self.constant + float(self.multiplicities @ self.eigenvalues) + self.tail


def _on_torus(constituent: Constituent, squared_chord: Tensor, filter_size: int) -> Tensor:
    """Values at given squared chords, summed over the pixels of a patch: all patches have the norm √s."""
    if constituent.geometry == "distances":
        return constituent(squared_chord)
    return constituent(1 - squared_chord / (2 * filter_size)).mul_(_SQUARED_RADIUS)


def fourier_coefficients(
    constituent: Constituent, *, filter_size: int, max_frequency: int, oversampling: int = 8
) -> Float[Tensor, "..."]:
    r"""Fourier coefficients of a stationary constituent on the torus, with chords for distances.

    The kernel is even in each coordinate: a cosine transform of 1/2^s of the cell, on g = ``oversampling`` points for each period of
    the largest frequency. Coefficients that fall as :math:`k^{-p}` get their aliases added: at frequency k of a largest K about
    :math:`(gK/k - 1)^{-p}` of themselves for each neighbouring image. With g = 8 and a cusp (p = 1 + s), a coefficient is off by 6 %
    of itself at most, at the largest frequencies; on an axis at K/2 by 1.5 % (s = 1), 0.3 % (2), 0.03 % (3).

    Args:
        constituent: of the "distances" or the "cosines" kind.
        filter_size: number of coordinates.
        max_frequency: largest frequency kept in each coordinate.
        oversampling: points of the grid for each period of the largest frequency, an even number from 4 on.

    Returns:
        coefficients for frequencies 0..max_frequency in every coordinate.

    Raises:
        ValueError: lengths that are not positive, a grid that is too coarse, or a constituent of another kind.
        MemoryError: the grid does not fit.

    >>> from quire.kernels import Laplacian
    >>> c = fourier_coefficients(Laplacian(1.0), filter_size=1, max_frequency=1024)
    >>> abs(float(c[0] + 2 * c[1:].sum()) - 1) < 1e-3
    True
    """
    if filter_size < 1 or max_frequency < 1:
        raise ValueError(f"filter_size and max_frequency must be ≥ 1, got {filter_size} and {max_frequency}")
    if constituent.geometry not in ("distances", "cosines"):
        raise ValueError(
            f"constituent must be a function of a distance or a cosine, got {constituent}: see Constituent"
        )
    if oversampling < 4 or oversampling % 2:
        raise ValueError(f"oversampling must be an even number from 4 on, got {oversampling}: 8 is a good start")
    half = oversampling * max_frequency // 2
    require_memory(8 * 4 * (half + 1) ** filter_size, f"a {filter_size}-dimensional cosine transform")
    chord = 4 * np.sin(np.pi * np.arange(half + 1) / (2 * half)) ** 2  # as in torus_embedding
    squared = chord
    for _ in range(filter_size - 1):
        squared = np.add.outer(squared, chord)
    values = _on_torus(constituent, torch.from_numpy(squared), filter_size).numpy()
    transform = scipy.fft.dctn(values, type=1, overwrite_x=True) / (2 * half) ** filter_size
    return torch.from_numpy(transform[(slice(0, max_frequency + 1),) * filter_size].copy())


@cites("favero2021locality", "Lemmas on the spectra of convolutional and local kernels")
def patch_spectrum(
    constituent: Constituent, *, filter_size: int, dim: int, overlapping: bool, shared: bool, max_frequency: int
) -> PatchSpectrum:
    """Mercer spectrum of a kernel averaged over cyclic patches, for uniform data on the torus.

    Args:
        constituent: of the "distances" or the "cosines" kind.
        filter_size: pixels per patch.
        dim: pixels per input.
        overlapping: stride one, or stride equal to the filter size.
        shared: convolutional (shared filters and average pooling) or local.
        max_frequency: largest frequency kept in each coordinate.

    Raises:
        ValueError: overlapping patches with ``2 * filter_size > dim + 1``, where a mode can fit into patches on either
            side; patches that do not tile the input; lengths that are not positive.
    """
    if overlapping and 2 * filter_size > dim + 1:
        raise ValueError(
            f"overlapping patches need 2 * filter_size ≤ dim + 1 = {dim + 1}, got filter_size = {filter_size}: "
            "a longer patch meets itself around the circle, and its modes have no single level"
        )
    if not overlapping and dim % filter_size:
        raise ValueError(f"filter_size must divide dim = {dim}, got {filter_size}: or take overlapping patches")
    cube = fourier_coefficients(constituent, filter_size=filter_size, max_frequency=max_frequency)
    positions = dim if overlapping else dim // filter_size
    axis = torch.arange(max_frequency + 1, dtype=torch.int32)
    frequencies = torch.cartesian_prod(*[axis] * filter_size).reshape(-1, filter_size)
    keep = frequencies[:, 0] > 0 if overlapping else (frequencies > 0).any(1)  # one representative per position
    frequencies, coefficients = frequencies[keep], cube.flatten()[keep]
    signs = 2.0 ** (frequencies > 0).sum(1).double()
    fits = torch.ones_like(coefficients)
    if overlapping:
        order = torch.arange(1, filter_size + 1, dtype=torch.int32)
        support = ((frequencies > 0) * order).amax(1)
        fits = (filter_size - support + 1).double()
    constant = float(cube.flatten()[0])
    eigenvalues = (fits * coefficients / positions).clamp_min(0)
    total = float(constituent.diagonal(torch.tensor(_SQUARED_RADIUS, dtype=torch.float64)))
    kept = float(signs @ eigenvalues) * positions
    tail = max(total - constant - kept, 0.0) / (positions if shared else 1)
    return PatchSpectrum(filter_size, positions, overlapping, shared, constant, frequencies, signs, eigenvalues, tail)
