"""What is trained: an encoder on the web, and from its weights one task vector for each task, in the weights or in their tangent space.

All fine-tunings of a method are one batched program: the k-th matrix product of all tasks is one.
"""

from collections.abc import Mapping

import torch
from torch import nn

from quire.data import TASKS
from quire.device import resolve
from quire.experiments.disentanglement.tasks import EMBEDDING, head_of, task_of, web
from quire.nets import ResidualMLP, stack
from quire.rng import generator
from quire.tangent import FrozenHead, linearize
from quire.training import MemberData, TrainConfig, train
from quire.types import Tensor

__all__ = ["SCALE", "encoder", "encoder_of", "fine_tuned", "pretrained"]

SCALE = 16.0  # inverse temperature of the logits
SIDE = 16  # pixels


def encoder(*, width: int, depth: int, seed: int) -> ResidualMLP:
    """An untrained encoder from images to embeddings."""
    drawn = generator("disentanglement", "weights", seed)
    return ResidualMLP(num_inputs=SIDE**2, width=width, depth=depth, num_outputs=EMBEDDING, generator=drawn)


def encoder_of(weights: Mapping[str, Tensor]) -> ResidualMLP:
    """The encoder that has these weights."""
    depth = len({name.split(".")[1] for name in weights if name.startswith("blocks.")})
    net = encoder(width=len(weights["embed.weight"]), depth=depth, seed=0)
    net.load_state_dict(dict(weights))
    return net.to(weights["embed.weight"].device)


def pretrained(
    *, width: int, depth: int, web_images: int, pretrain_steps: int, seed: int, device: str = "cpu"
) -> dict[str, Tensor]:
    """Train an encoder on the web; no step at all gives random weights.

    Args:
        width, depth: of :class:`quire.nets.ResidualMLP`.
        web_images: of each of nine groups of classes.
        pretrain_steps: of Adam, 128 images each, the learning rate falling from 2e-3 as a cosine.
        seed: of weights, images and batches.
        device: where it is trained.

    Returns:
        The encoder's weights by name.
    """
    net = encoder(width=width, depth=depth, seed=seed)
    if pretrain_steps == 0:
        return dict(net.state_dict())
    data = web(images=web_images, seed=seed)
    model = FrozenHead(net, head_of("web"), scale=SCALE).to(resolve(device))
    config = TrainConfig(
        learning_rate=2e-3, max_steps=pretrain_steps, batch_size=128, optimizer="adam", schedule="cosine"
    )
    samples = MemberData.shared(data.images, data.labels, sizes=[len(data.labels)])
    order = generator("disentanglement", "web batches", seed)
    return dict(train(model, samples, config=config, generators=[order]).net.encoder.state_dict())


def fine_tuned(
    *,
    start: Mapping[str, Tensor],
    linear: bool,
    num_tasks: int,
    images: int,
    validation: int,
    test: int,
    tune_steps: int,
    learning_rate: float,
    seed: int,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """Fine-tune on each task for itself, from the same weights, the head frozen.

    Args:
        start: θ0, of :func:`pretrained`.
        linear: train τ in f(θ0) + Jτ, in place of θ in f(θ).
        num_tasks: the first so many of Glyph-8.
        images, validation, test: splits of each task, of which the first is trained on.
        tune_steps, learning_rate: of Adam, 64 images each, with a cosine schedule.
        seed: of images and batches.
        device: where it is trained.

    Returns:
        The task vectors θ - θ0, or τ, by name of the weight, ``[tasks, …]``.
    """
    place = resolve(device)
    data = [task_of(name, images=images, validation=validation, test=test, seed=seed) for name in TASKS[:num_tasks]]
    members = [FrozenHead(_ready(start, linear), task.head, scale=SCALE) for task in data]
    net = stack(members, strategy="vmap").to(place)
    config = TrainConfig(
        learning_rate=learning_rate, max_steps=tune_steps, batch_size=64, optimizer="adam", schedule="cosine"
    )
    samples = MemberData.concatenate([(task.train.images, task.train.labels) for task in data])
    streams = [generator("disentanglement", "task batches", task.name, seed) for task in data]
    net = train(net, samples, config=config, generators=streams).net
    ends = [_moved(net.member(k).encoder, start, linear) for k in range(num_tasks)]
    return {name: torch.stack([end[name] for end in ends]) for name in ends[0]}


def _ready(start: Mapping[str, Tensor], linear: bool) -> nn.Module:
    net = encoder_of(start)
    return linearize(net) if linear else net


def _moved(net: nn.Module, start: Mapping[str, Tensor], linear: bool) -> dict[str, Tensor]:
    if linear:
        return net.task_vector().tensors
    return {name: tensor.detach() - start[name].to(tensor) for name, tensor in net.named_parameters()}
