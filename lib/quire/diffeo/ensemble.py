r"""Maximum-entropy diffeomorphisms of an image.

Among displacement fields τ that vanish on the frame and have a given mean ‖∇τ‖², the one of maximal
entropy is Gaussian, independent mode by mode:

    τ(u, v) = Σ_{(i, j) ∈ K_c} C_ij sin(iπu) sin(jπv),    C_ij ~ N(0, T/(i² + j²)),    the same law for
    both components.

A draw is kept as its coefficients at T = 1, so that one draw can be scaled to every temperature (common
random numbers) and has the same continuous field at every image size. The map s → s - τ(s) is the identity
on the frame; if its Jacobian is positive everywhere it is a diffeomorphism of the square (degree
argument). The Jacobian is analytic, from cosines (:mod:`quire.diffeo.fields`).
"""

import math
from dataclasses import KW_ONLY, dataclass

import torch

from quire.cite import cites
from quire.diffeo import laws
from quire.diffeo.bilinear import warp_bilinear
from quire.diffeo.fields import Temperature, determinant, field_gradient, folding_temperature, root, superposition
from quire.diffeo.modes import active_modes, sine_basis, wave_numbers
from quire.diffeo.resampling import warp
from quire.types import Bool, Float, Tensor

__all__ = ["MaxEntropyDiffeo"]


@cites("petrini2021diffeo", "maximum-entropy diffeomorphisms")
@dataclass(frozen=True)
class MaxEntropyDiffeo:
    """The ensemble for images of ``size`` × ``size`` pixels with wave numbers up to ``cutoff``.

    Args:
        size: n, pixels along one side.
        cutoff: c.
        rule: "paper" (i² + j² ≤ c²) or "repo" (√(i² + j²) < c + ½, used in every published measurement).

    >>> ensemble = MaxEntropyDiffeo(28, 3, rule="repo")
    >>> draw = ensemble.sample(4, torch.Generator().manual_seed(0))
    >>> images = torch.rand(4, 1, 28, 28)
    >>> torch.equal(ensemble.warp(images, draw, 0.0, interpolation="nearest"), images)
    True
    """

    size: int
    cutoff: int
    _: KW_ONLY
    rule: str

    def __post_init__(self) -> None:
        active_modes(self.cutoff, self.rule)
        sine_basis(self.size, self.cutoff)

    def sample(
        self,
        num_fields: int,
        generator: torch.Generator,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> Float[Tensor, "fields 2 cutoff cutoff"]:
        """Independent coefficients at T = 1: component (x, y), then wave numbers along x and y.

        Normal numbers of single precision on the generator's device (four times faster to draw than double), scaled
        in double precision and moved: the same fields for every ``device`` and ``dtype``.
        """
        shape = (num_fields, 2, self.cutoff, self.cutoff)
        normal = torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float32)
        amplitude = active_modes(self.cutoff, self.rule) / wave_numbers(self.cutoff).sqrt()
        return (normal * amplitude.to(normal.device)).to(device=device, dtype=dtype)

    def displacement(
        self, coefficients: Float[Tensor, "fields 2 cutoff cutoff"], temperature: Temperature
    ) -> Float[Tensor, "fields 2 size size"]:
        """The field in pixels, n·τ on the inclusive grid linspace(0, 1, n) (the convention of the
        published code).

        Args:
            coefficients: a draw of :meth:`sample`.
            temperature: T, one number or one per field.
        """
        scaled = self.size * root(temperature, coefficients) * self._checked(coefficients)
        return superposition(scaled, self.size)

    def jacobian(
        self,
        coefficients: Float[Tensor, "fields 2 cutoff cutoff"],
        temperature: Temperature,
        *,
        grid_size: int,
    ) -> Float[Tensor, "fields 2 2 grid grid"]:
        """∂(s - τ)_a/∂s_b in the unit square, on an inclusive grid of ``grid_size`` points along each side.

        Returns:
            axis 1 is the component a, axis 2 the direction b of the derivative (x, y), then row y and
            column x.
        """
        gradient = self._gradient(coefficients, grid_size) * root(temperature, coefficients).unsqueeze(-1)
        identity = torch.eye(2, dtype=gradient.dtype, device=gradient.device)
        return identity.view(1, 2, 2, 1, 1) - gradient

    def critical_temperature(
        self, coefficients: Float[Tensor, "fields 2 cutoff cutoff"], *, grid_size: int | None = None
    ) -> Float[Tensor, " fields"]:
        """The temperature at which each draw stops being a diffeomorphism.

        Exact on the grid (:func:`quire.diffeo.fields.folding_temperature`): the probability of a bijection at T is the
        fraction of draws above T.

        Args:
            coefficients: a draw of :meth:`sample`.
            grid_size: points along each side; at least 65 and 8c + 1 if not given.
        """
        return folding_temperature(self._gradient(coefficients, self._grid(grid_size)))

    def is_diffeo(
        self,
        coefficients: Float[Tensor, "fields 2 cutoff cutoff"],
        temperature: Temperature,
        *,
        grid_size: int | None = None,
    ) -> Bool[Tensor, " fields"]:
        """Whether the analytic Jacobian is positive at every point of the grid."""
        jacobian = self.jacobian(coefficients, temperature, grid_size=self._grid(grid_size))
        return (determinant(jacobian) > 0).flatten(1).all(1)

    def gradient_energy(
        self, coefficients: Float[Tensor, "fields 2 cutoff cutoff"], temperature: Temperature
    ) -> Float[Tensor, " fields"]:
        """∫|∇τ|² of each draw, exactly (Parseval): (π²/4) Σ C_ij² (i² + j²)."""
        square = wave_numbers(self.cutoff).to(coefficients) * coefficients**2 * root(temperature, coefficients) ** 2
        return math.pi**2 / 4 * square.sum((1, 2, 3))

    def warp(
        self,
        images: Float[Tensor, "batch channel size size"],
        coefficients: Float[Tensor, "fields 2 cutoff cutoff"],
        temperature: Temperature,
        *,
        interpolation: str,
    ) -> Float[Tensor, "batch channel size size"]:
        """Warp each image by its own field, or all by the same if there is one; fields never leave the cache.

        Raises:
            ValueError: images of another size; see also :func:`quire.diffeo.warp`.
        """
        size = images.shape[-1]
        if size != self.size:
            raise ValueError(f"this ensemble is for {self.size} × {self.size} images, got {size} × {size}")
        if interpolation == "bilinear" and len(coefficients) == len(images):
            working = torch.promote_types(torch.promote_types(images.dtype, coefficients.dtype), torch.float32)
            scaled = self.size * root(temperature, coefficients) * self._checked(coefficients)
            found = warp_bilinear(images.to(working), coefficients=scaled.to(working))
            if found is not None:
                return found.to(images.dtype)
        return warp(images, self.displacement(coefficients, temperature), interpolation=interpolation)

    def temperature(self, displacement: float | int, *, law: str) -> float:
        """T of a typical displacement in pixels; see :func:`quire.diffeo.temperature`."""
        return laws.temperature(displacement, self.cutoff, size=self.size, law=law, rule=self.rule)

    def typical_displacement(self, temperature: float | int, *, law: str) -> float:
        """Typical displacement in pixels at T; see :func:`quire.diffeo.typical_displacement`."""
        return laws.typical_displacement(temperature, self.cutoff, size=self.size, law=law, rule=self.rule)

    def temperature_range(self) -> laws.TemperatureRange:
        """Admissible temperatures; see :func:`quire.diffeo.temperature_range`."""
        return laws.temperature_range(self.cutoff, size=self.size)

    def _grid(self, grid_size: int | None) -> int:
        return max(65, 8 * self.cutoff + 1) if grid_size is None else grid_size

    def _gradient(self, coefficients: Tensor, grid_size: int) -> Tensor:
        return field_gradient(self._checked(coefficients), grid_size)

    def _checked(self, coefficients: Tensor) -> Tensor:
        if coefficients.shape[-1] != self.cutoff:
            raise ValueError(f"expected coefficients of cutoff {self.cutoff}, got {coefficients.shape[-1]}")
        return coefficients
