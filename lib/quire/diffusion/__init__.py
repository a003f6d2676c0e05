"""Diffusion: score machines of a training set (:mod:`quire.diffusion.scores`)."""

from quire.diffusion.classifier_layers import LayerScales, above_floor, layer_cosines, layer_scales
from quire.diffusion.scores.calibration import agreement, best_scale
from quire.diffusion.scores.machines import BoundaryBroken, Equivariant, EquivariantLocal, Ideal, Local
from quire.diffusion.scores.mosaic import Sources
from quire.diffusion.scores.scheduled import ScheduledMachine, nearest_scales
from quire.diffusion.scores.score_machine import ScoreMachine
from quire.diffusion.scores.similarity import Nearest, nearest, pearson

__all__ = [
    "BoundaryBroken",
    "Equivariant",
    "EquivariantLocal",
    "Ideal",
    "LayerScales",
    "Local",
    "Nearest",
    "ScheduledMachine",
    "ScoreMachine",
    "Sources",
    "above_floor",
    "agreement",
    "best_scale",
    "layer_cosines",
    "layer_scales",
    "nearest",
    "nearest_scales",
    "pearson",
]
