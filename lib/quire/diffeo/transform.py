"""Maximum-entropy diffeomorphisms as a callable transform, for training and data pipelines.

One image [C, H, W] or a batch [N, C, H, W] in, the same out; displacements in pixels; a new field per
image unless ``same_on_batch``; reproducible from its generator, or torch's own, which a ``DataLoader`` seeds anew in
each worker and epoch; the field is returned on request, so that key points and masks follow.
"""

from dataclasses import KW_ONLY, dataclass

import torch

from quire.diffeo.ensemble import MaxEntropyDiffeo
from quire.diffeo.resampling import warp
from quire.types import Shaped, Tensor

__all__ = ["RandomDiffeo"]


@dataclass(frozen=True)
class RandomDiffeo:
    """Warp images by random diffeomorphisms of a typical displacement.

    Args:
        displacement: typical displacement in pixels, or the ends (low, high) of a uniform draw per field.
        cutoff: c.
        rule: "paper" or "repo", the modes that the cut-off keeps.
        law: "asymptotic" or "exact", the meaning of ``displacement``.
        interpolation: "bilinear", "gaussian" or "nearest".
        p: probability that an image is transformed.
        same_on_batch: one field for the whole batch.
        return_field: also return the displacement [N, 2, H, W] in pixels, (x, y) order: the result at p
            was read at p - field.

    >>> transform = RandomDiffeo(1.0, 3, rule="repo", law="asymptotic", interpolation="bilinear")
    >>> transform(torch.rand(5, 3, 32, 32), torch.Generator().manual_seed(0)).shape
    torch.Size([5, 3, 32, 32])
    >>> transform(torch.zeros(3, 32, 32, dtype=torch.uint8)).dtype  # as a step of a pipeline
    torch.uint8
    """

    displacement: float | int | tuple[float, float]
    cutoff: int
    _: KW_ONLY
    rule: str
    law: str
    interpolation: str
    p: float | int = 1.0
    same_on_batch: bool = False
    return_field: bool = False

    def __post_init__(self) -> None:
        low, high = self._ends()
        if not 0 <= low <= high:
            raise ValueError(
                f"displacement must be ≥ 0 pixels, or (low, high) with low ≤ high, got {self.displacement}"
            )
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must be a probability, got {self.p}")

    def __call__(
        self, images: Shaped[Tensor, "*batch channel size size"], generator: torch.Generator | None = None
    ) -> Shaped[Tensor, "*batch channel size size"] | tuple[Tensor, Tensor]:
        """Transform one image or a batch.

        Args:
            images: real numbers, or integers, to which the result is rounded.
            generator: of the fields; None: torch's default one. (A generator of one's own that a data set holds is copied
                into each worker of a ``DataLoader``, so that all of them draw the same fields.)

        Raises:
            ValueError: not [C, H, W] or [N, C, H, W] with H = W, or a displacement that no invertible
            field of this cut-off
                reaches at this size.
        """
        if images.ndim not in (3, 4) or images.shape[-1] != images.shape[-2]:
            raise ValueError(f"expected square images [C, H, W] or [N, C, H, W], got {list(images.shape)}: pad them")
        generator = torch.default_generator if generator is None else generator
        whole = not images.is_floating_point()
        batch = images if images.ndim == 4 else images.unsqueeze(0)
        batch = batch.float() if whole else batch
        ensemble = MaxEntropyDiffeo(images.shape[-1], self.cutoff, rule=self.rule)
        field = self._field(ensemble, 1 if self.same_on_batch else len(batch), generator, batch)
        warped = warp(batch, field, interpolation=self.interpolation)
        if self.interpolation == "gaussian":  # an image that is left alone is not smoothed either
            still = (field == 0).flatten(1).all(1).expand(len(batch)).view(-1, 1, 1, 1)
            warped = torch.where(still, batch, warped)
        warped = (warped.round() if whole else warped).reshape(images.shape).to(images.dtype)
        return (warped, field.expand(len(batch), -1, -1, -1)) if self.return_field else warped

    def _field(self, ensemble: MaxEntropyDiffeo, num_fields: int, generator: torch.Generator, batch: Tensor) -> Tensor:
        low, high = self._ends()
        largest = ensemble.typical_displacement(ensemble.temperature_range().high, law=self.law)
        if high > largest:
            raise ValueError(
                f"displacement {high} exceeds {largest:.2f} pixels, beyond which fields of cutoff "
                f"{self.cutoff} fold at size {ensemble.size}: lower one of them, or upsample the images"
            )
        dtype = torch.promote_types(batch.dtype, torch.float32)
        draw = ensemble.sample(num_fields, generator, device=batch.device, dtype=dtype)
        uniform = torch.rand((2, num_fields), generator=generator, device=generator.device).to(draw)
        displacement = (low + (high - low) * uniform[0]) * (uniform[1] < self.p)
        return ensemble.displacement(draw, ensemble.temperature(1.0, law=self.law) * displacement**2)

    def _ends(self) -> tuple[float, float]:
        return self.displacement if isinstance(self.displacement, tuple) else (self.displacement, self.displacement)
