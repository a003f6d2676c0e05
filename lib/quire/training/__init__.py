"""Training: one loop for single networks and for ensembles of seeds, grammars and training-set sizes.

``train(net, MemberData, config=TrainConfig(...), generators=[...])`` gives a :class:`TrainResult`;
``evaluate`` and ``predict`` read the trained networks; ``random_shift`` augments images.
"""

from quire.training.augment import random_shift
from quire.training.config import TrainConfig, checkpoints
from quire.training.data import MemberData
from quire.training.evaluate import evaluate, predict
from quire.training.loop import train
from quire.training.losses import errors, losses
from quire.training.optimizers import FlatOptimizer
from quire.training.result import TrainResult
from quire.training.sampler import BatchSampler

__all__ = [
    "BatchSampler",
    "FlatOptimizer",
    "MemberData",
    "TrainConfig",
    "TrainResult",
    "checkpoints",
    "errors",
    "evaluate",
    "losses",
    "predict",
    "random_shift",
    "train",
]
