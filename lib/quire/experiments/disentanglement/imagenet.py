"""The same with a network that somebody else trained: EfficientNet-Lite0 on ImageNet, fine-tuned on five tasks of its own.

Heads are frozen: of each class the mean of the normalised features of its training images, seen by the *pre-trained* network, less the
mean over all classes and tasks. Random weights get the same heads. Batch norms keep their statistics while τ is trained; those of random
weights are first taken from the tasks' images.
"""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from quire.data import imagenet_weights, load
from quire.device import resolve
from quire.experiments.disentanglement.tasks import Split
from quire.rng import generator
from quire.tangent import FrozenHead, imagenet_encoder, linearize, mean_head
from quire.training import MemberData, TrainConfig, train
from quire.types import Float, Int, Tensor

__all__ = ["IMAGE_TASKS", "encoder_with", "image_task", "image_vectors", "imagenet_start"]

IMAGE_TASKS = ("digits", "greek", "symbols", "mnist", "cifar10-subset")
SCALE = 16.0  # inverse temperature of the logits


def image_task(name: str, *, images: int, validation: int, test: int, side: int, seed: int) -> tuple[Split, ...]:
    """Training, validation and test images of a task, ``[images, 3, side, side]`` with values between -1 and 1.

    Args:
        name: one of IMAGE_TASKS.
        images, validation, test: sizes of the splits.
        side: pixels to which images are resized.
        seed: of which images are taken.

    Raises:
        MissingData: the data set is not at hand.
        ValueError: it is too small.
    """
    number = images + validation + test
    if name in ("greek", "symbols"):
        data = load("glyph-tasks", task=name, num_samples=2 * number, num_test=0, seed=seed)
    else:
        data = load(name)
    labels = torch.from_numpy(data.labels).long()
    if len(labels) < number:
        raise ValueError(f"{name} has {len(labels)} images, asked were {number}: lower images, validation or test")
    order = torch.randperm(len(labels), generator=generator("disentanglement", "images", name, seed))
    held, rest = order[: validation + test], order[validation + test :]
    chosen = torch.cat([rest[_in_turn(labels[rest])][:images], held])
    raw = torch.from_numpy(data.inputs[chosen.numpy()]).float() / data.peak
    raw = raw.movedim(-1, 1) if raw.ndim == 4 else raw[:, None].expand(-1, 3, -1, -1)
    resized = 2 * functional.interpolate(raw, size=(side, side), mode="bilinear", antialias=True) - 1
    sizes = [images, validation, test]
    return tuple(Split(*part) for part in zip(resized.split(sizes), labels[chosen].split(sizes), strict=True))


def _in_turn(labels: Int[Tensor, " images"]) -> Int[Tensor, " images"]:
    """An order in which the classes take turns: the first of each, then the second of each.

    >>> _in_turn(torch.tensor([0, 0, 0, 1, 1])).tolist()
    [0, 3, 1, 4, 2]
    """
    place = functional.one_hot(labels).cumsum(0).gather(1, labels[:, None])[:, 0]
    return place.argsort(stable=True)


def imagenet_start(
    *,
    pretrained: bool,
    image_tasks: list[str],
    images: int,
    validation: int,
    test: int,
    side: int,
    seed: int,
    device: str,
) -> dict[str, Tensor]:
    """The weights to start from, and the heads that all fine-tunings share.

    Args:
        pretrained: ImageNet's weights, or random ones whose batch norms have seen the tasks' images.
        image_tasks: of IMAGE_TASKS.
        images, validation, test, side, seed: of :func:`image_task`.
        device: where it is computed.

    Returns:
        net.<name>: weights and statistics; head.<task>: class vectors.

    Raises:
        MissingData: the weights are not installed, or a data set is not at hand.
    """
    splits = dict(images=images, validation=validation, test=test, side=side, seed=seed)
    training = {name: image_task(name, **splits)[0] for name in image_tasks}
    place = resolve(device)
    judge = _encoder(pretrained=True, seed=seed).to(place)
    means = {name: mean_head(judge, one.images.to(place), one.labels.to(place)) for name, one in training.items()}
    centre = torch.cat(list(means.values())).mean(0)
    heads = {f"head.{name}": functional.normalize(mean - centre, dim=1) for name, mean in means.items()}
    net = judge if pretrained else _encoder(pretrained=False, seed=seed).to(place)
    if not pretrained:
        _take_statistics(net, torch.cat([one.images for one in training.values()]).to(place))
    return {f"net.{name}": tensor for name, tensor in net.state_dict().items()} | heads


def image_vectors(
    *,
    origin: Mapping[str, Tensor],
    linear: bool,
    image_tasks: list[str],
    images: int,
    validation: int,
    test: int,
    side: int,
    image_steps: int,
    learning_rate: float,
    seed: int,
    device: str,
) -> dict[str, Tensor]:
    """Fine-tune on each task, one after the other.

    Args:
        origin: of :func:`imagenet_start`.
        linear: train τ in f(θ0) + Jτ, in place of θ in f(θ).
        image_tasks, images, validation, test, side, seed: those that it was made with.
        image_steps, learning_rate: of Adam, 32 images each, with a cosine schedule.
        device: where it is trained.

    Returns:
        The task vectors by name of the weight, ``[tasks, …]``.
    """
    config = TrainConfig(
        learning_rate=learning_rate, max_steps=image_steps, batch_size=32, optimizer="adam", schedule="cosine"
    )
    start, ends = encoder_with(origin), []
    weights = {name: tensor.detach() for name, tensor in start.named_parameters()}
    for name in image_tasks:
        data = image_task(name, images=images, validation=validation, test=test, side=side, seed=seed)[0]
        inner = linearize(encoder_with(origin)) if linear else encoder_with(origin)
        model = _Still(inner, origin[f"head.{name}"], scale=SCALE).to(resolve(device))
        samples = MemberData.shared(data.images, data.labels, sizes=[len(data.labels)])
        stream = generator("disentanglement", "image batches", name, seed)
        found = train(model, samples, config=config, generators=[stream]).net.encoder
        moved = found.task_vector().tensors if linear else dict(found.named_parameters())
        ends.append({n: moved[n].detach() - (0 if linear else weights[n].to(moved[n])) for n in weights})
    return {name: torch.stack([end[name] for end in ends]) for name in weights}


def encoder_with(origin: Mapping[str, Tensor]) -> nn.Module:
    """The encoder with the weights of :func:`imagenet_start`, ready to be asked."""
    net = imagenet_encoder(None, generator=generator("disentanglement", "encoder"))
    net.load_state_dict({name.removeprefix("net."): one for name, one in origin.items() if name.startswith("net.")})
    return net.to(origin[f"net.{next(iter(net.state_dict()))}"].device).eval()


class _Still(FrozenHead):
    """Batch norms keep their statistics while the weights are trained."""

    def train(self, mode: bool = True) -> "_Still":
        return super().train(False)


def _encoder(*, pretrained: bool, seed: int) -> nn.Module:
    random = generator("disentanglement", "image weights", seed)
    return imagenet_encoder(imagenet_weights() if pretrained else None, generator=random)


@torch.no_grad()
def _take_statistics(net: nn.Module, images: Float[Tensor, "images 3 side side"]) -> None:
    """Means and variances of all batch norms, over one pass."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over the batches
    net.train()
    for part in images.split(256):
        net(part)
    net.eval()
