"""Is the law of the details given the coarse field log-concave? The smallest eigenvalue of its Hessian says it.

At the finest scale -log p(x̄ | x₁) = E(Gᵀx₁ + Ḡᵀx̄) + const(x₁), so that its Hessian is exactly Ḡ H(x) Ḡᵀ. (For lower bands the same matrix
holds the finer coefficients fixed; the true conditional law integrates them out.)
"""

import torch

from quire.multiscale.phi4 import checked_coupling, checked_fields, hessian_product
from quire.multiscale.wavelets import Band
from quire.types import Float, Tensor

__all__ = ["conditional_hessian", "smallest_eigenvalues"]

CLOSED = 1e-10  # what is left of an image, relative to it, when the vectors so far span it: degenerate eigenvalues


def conditional_hessian(
    field: Float[Tensor, "side side"], coupling: float, band: Band
) -> Float[Tensor, "coefficients coefficients"]:
    """Ḡ H(x) Ḡᵀ at one φ⁴ field, the whole matrix.

    Raises:
        ValueError: bad fields or coupling.
    """
    basis = band.synthesise(torch.eye(int(band.details.sum()), dtype=field.dtype))
    return band.analyse(hessian_product(field.expand_as(basis), basis, coupling))


def smallest_eigenvalues(
    fields: Float[Tensor, "batch side side"],
    coupling: float,
    *,
    band: Band | None,
    steps: int,
    generator: torch.Generator,
) -> Float[Tensor, "batch"]:
    """Smallest eigenvalue of the Hessian at each φ⁴ field, of all fields at once, by Lanczos' method.

    Every basis is kept orthogonal in full, and no matrix is built. The values tend to the exact ones from above.

    Args:
        fields: at which.
        coupling: β.
        band: of the conditional law; None for the joint one.
        steps: of Lanczos, fewer if there are fewer coefficients.
        generator: of the first vector, and of those that replace a direction which is used up.

    Raises:
        ValueError: bad fields or coupling, single precision, or fewer than one step.
    """
    checked_fields(fields)
    checked_coupling(coupling)
    if fields.dtype != torch.float64:
        raise ValueError(
            f"orthogonality is kept to 1e-10: expected float64, got {fields.dtype}; convert with .double()"
        )
    if steps < 1:
        raise ValueError(f"Lanczos needs one step or more, got {steps}")
    size = fields[0].numel() if band is None else int(band.details.sum())

    def product(vectors: Tensor) -> Tensor:
        if band is None:
            return hessian_product(fields, vectors.reshape(fields.shape), coupling).flatten(1)
        return band.analyse(hessian_product(fields, band.synthesise(vectors), coupling))

    first = torch.randn(len(fields), size, dtype=fields.dtype, generator=generator)
    basis = (first / first.norm(dim=1, keepdim=True))[:, None]
    images = product(basis[:, 0])[:, None]
    for _ in range(min(steps, size) - 1):
        basis = torch.cat([basis, _next_vectors(basis, images[:, -1], generator)[:, None]], 1)
        images = torch.cat([images, product(basis[:, -1])[:, None]], 1)
    projected = basis @ images.mT
    return torch.linalg.eigvalsh((projected + projected.mT) / 2)[:, 0]


def _next_vectors(basis: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
    """The part of each image that its basis does not span, of unit length; a random one where the basis spans all of it."""
    fresh = torch.randn(images.shape, dtype=images.dtype, generator=generator)
    rest = _orthogonal_to(basis, images)
    closed = rest.norm(dim=1, keepdim=True) < CLOSED * images.norm(dim=1, keepdim=True).clamp(min=1)
    rest = torch.where(closed, _orthogonal_to(basis, fresh), rest)
    rest = _orthogonal_to(basis, rest / rest.norm(dim=1, keepdim=True))  # once more, as the first time leaves rounding
    return rest / rest.norm(dim=1, keepdim=True)


def _orthogonal_to(basis: Tensor, vectors: Tensor) -> Tensor:
    return vectors - ((basis @ vectors[:, :, None]).mT @ basis)[:, 0]
