"""Diffusion: exact denoising of hierarchical data and its mean field, blocks of change, and score machines of a training set."""

from quire.diffusion.blocks import Blocks, changed, line_distances, pair_blocks, patch_distances, tree_blocks
from quire.diffusion.branching_process import (
    Branching,
    branching,
    correlation_exponent,
    length_exponent,
    mean_field_correlation,
    mean_field_susceptibility,
    susceptibility_diverges,
)
from quire.diffusion.chain import PersistentChain
from quire.diffusion.classifier_layers import LayerScales, above_floor, layer_cosines, layer_scales
from quire.diffusion.draws import draw_symbols
from quire.diffusion.evidence import (
    epsilon_evidence,
    gaussian_evidence,
    gaussian_noise,
    mask,
    mask_evidence,
    uniform_evidence,
    uniform_noise,
)
from quire.diffusion.forward_backward import TrueBeliefs, restored_nodes, true_beliefs, true_nodes
from quire.diffusion.gaussian_samplers import AncestralSampler, DDIMSampler, Step
from quire.diffusion.losses import masked_loss, noise_loss, uniform_loss
from quire.diffusion.masked_samplers import MaskedSampler, sample_any_order
from quire.diffusion.mean_field import MeanField
from quire.diffusion.schedules import cosine_schedule, linear_schedule, log_linear_mask_rate
from quire.diffusion.scores.calibration import agreement, best_scale
from quire.diffusion.scores.machines import BoundaryBroken, Equivariant, EquivariantLocal, Ideal, Local
from quire.diffusion.scores.mosaic import Sources
from quire.diffusion.scores.scheduled import ScheduledMachine, nearest_scales
from quire.diffusion.scores.score_machine import ScoreMachine
from quire.diffusion.scores.similarity import Nearest, nearest, pearson
from quire.diffusion.uniform_diffusion import UniformSampler, uniform_posterior

__all__ = [
    "AncestralSampler",
    "Blocks",
    "BoundaryBroken",
    "Branching",
    "DDIMSampler",
    "Equivariant",
    "EquivariantLocal",
    "Ideal",
    "LayerScales",
    "Local",
    "MaskedSampler",
    "MeanField",
    "Nearest",
    "PersistentChain",
    "ScheduledMachine",
    "ScoreMachine",
    "Sources",
    "Step",
    "TrueBeliefs",
    "UniformSampler",
    "above_floor",
    "agreement",
    "best_scale",
    "branching",
    "changed",
    "correlation_exponent",
    "cosine_schedule",
    "draw_symbols",
    "epsilon_evidence",
    "gaussian_evidence",
    "gaussian_noise",
    "layer_cosines",
    "layer_scales",
    "length_exponent",
    "line_distances",
    "linear_schedule",
    "log_linear_mask_rate",
    "mask",
    "mask_evidence",
    "masked_loss",
    "mean_field_correlation",
    "mean_field_susceptibility",
    "nearest",
    "nearest_scales",
    "noise_loss",
    "pair_blocks",
    "patch_distances",
    "pearson",
    "restored_nodes",
    "sample_any_order",
    "susceptibility_diverges",
    "tree_blocks",
    "true_beliefs",
    "true_nodes",
    "uniform_evidence",
    "uniform_loss",
    "uniform_noise",
    "uniform_posterior",
]
