"""Training: one loop for single networks and for ensembles of seeds, grammars and training-set sizes.

``train(net, MemberData, config=TrainConfig(...), generators=[...])`` gives a :class:`TrainResult`;
``evaluate`` and ``predict`` read the trained networks; ``random_shift`` augments images. What is minimised is a name
("cross_entropy") or a callable, see :mod:`quire.training.objectives`; ``denoising`` and ``masked_prediction`` are ready.
"""

from quire.training.augment import random_shift
from quire.training.batch import Batch
from quire.training.config import TrainConfig
from quire.training.corruptions import denoising, masked_prediction
from quire.training.data import MemberData
from quire.training.evaluation import evaluate, predict
from quire.training.loop import train
from quire.training.loss_functions import errors, losses
from quire.training.objectives import Objective
from quire.training.optimizers import FlatOptimizer
from quire.training.result import TrainResult
from quire.training.sampler import BatchSampler
from quire.training.schedule import checkpoints

__all__ = [
    "Batch",
    "BatchSampler",
    "FlatOptimizer",
    "MemberData",
    "Objective",
    "TrainConfig",
    "TrainResult",
    "checkpoints",
    "denoising",
    "errors",
    "evaluate",
    "losses",
    "masked_prediction",
    "predict",
    "random_shift",
    "train",
]
