"""The theory of a fully-connected student on the sphere, where its modes are known: spherical harmonics."""

import torch

from quire.deep_kernels import harmonic_counts, harmonic_transform, quadrature
from quire.experiments.locality.kernels_by_name import named
from quire.regression import ModeSpectrum, self_consistent_curve
from quire.types import Float, Tensor

__all__ = ["sphere_theory"]

NODES = 128  # of the integral over the cosine, in which the teacher's kernel is smooth but at its end


def sphere_theory(
    *, teacher: str, dim: int, degrees: int, num_pairs: int, sizes: list, seed: int, generator: torch.Generator
) -> list[dict]:
    """The self-consistent theory for a student that sees all pixels and a local teacher, inputs uniform on the unit sphere.

    The student's kernel depends on the cosine t of two inputs, and its eigenvalue of degree k is the mean of K(t) P_k(t). The
    teacher's power in degree k is the number of its harmonics times the mean of K_T(x, y) P_k(x·y) over independent x and y: a
    mean over pairs at each cosine, the same pairs turned to all cosines so that their noise is smooth in t, then the integral.

    Args:
        teacher: name of the teacher's kernel, a local one such as "3lc".
        dim: pixels per input.
        degrees: harmonics of the degrees below this one; what is beyond acts as a ridge, or cannot be learned.
        num_pairs: pairs of directions.
        sizes: training-set sizes.
        seed: of the pairs.
        generator: draws them.

    Returns:
        size and predicted_error, one row each.

    Raises:
        ValueError: the teacher is not local.
    """
    constituent = named(f"{dim}fc", dim).constituent
    angles, _ = quadrature(dim, NODES)
    transform = harmonic_transform(dim, NODES, degrees)
    eigenvalues = transform @ constituent(2 - 2 * torch.cos(angles))
    counts = harmonic_counts(dim, degrees)
    power = (transform @ _means(teacher, dim, torch.cos(angles), num_pairs, generator) * counts).clamp_min(0)
    tails = (1 - float(eigenvalues @ counts), 1 - float(power.sum()))  # both kernels are one on the diagonal
    modes = ModeSpectrum(eigenvalues, counts, power, student_tail=max(tails[0], 0.0), unlearnable=max(tails[1], 0.0))
    errors = self_consistent_curve(modes, sizes, ridge=0.0).errors.tolist()
    return [{"size": size, "predicted_error": error} for size, error in zip(sizes, errors, strict=True)]


def _means(
    teacher: str, dim: int, cosines: Float[Tensor, " nodes"], num_pairs: int, generator: torch.Generator
) -> Float[Tensor, " nodes"]:
    """Mean of a local kernel over pairs of unit vectors with given cosines."""
    name = named(teacher, dim)
    if name.architecture != "lc":
        raise ValueError(f'the teacher must be local, such as "3lc", got {teacher!r}')
    first, other = (
        torch.nn.functional.normalize(torch.randn(num_pairs, dim, generator=generator, dtype=torch.float64))
        for _ in range(2)
    )
    across = torch.nn.functional.normalize(other - (other * first).sum(1, keepdim=True) * first)
    means = []
    for cosine in cosines:
        squares = ((1 - cosine) * first - (1 - cosine**2).sqrt() * across).square()
        patches = sum(squares.roll(-shift, 1) for shift in range(name.filter_size))
        means.append(name.constituent(patches).mean())
    return torch.stack(means)
