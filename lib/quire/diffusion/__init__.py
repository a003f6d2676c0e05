"""Diffusion: score machines of a training set (:mod:`quire.diffusion.scores`)."""

from quire.diffusion.scores.machines import BoundaryBroken, Equivariant, EquivariantLocal, Ideal, Local
from quire.diffusion.scores.mosaic import Sources
from quire.diffusion.scores.score_machine import ScoreMachine

__all__ = [
    "BoundaryBroken",
    "Equivariant",
    "EquivariantLocal",
    "Ideal",
    "Local",
    "ScoreMachine",
    "Sources",
]
