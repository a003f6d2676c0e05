"""Cells that train: denoisers with a window, of photographs' pixels, and of their details given the clean averages."""

import math
from collections.abc import Callable

import torch
from torch import nn

from quire.device import resolve
from quire.experiments.multiscale.patches import from_haar, haar_details, patches
from quire.nets import window_denoiser
from quire.rng import generator
from quire.training import Batch, MemberData, TrainConfig, train
from quire.types import Tensor

__all__ = ["denoising_errors", "enlarged", "trained_window_denoiser"]

NOISES = (0.02, 4.0)  # of training, in units of the patches' standard deviation, uniform in the logarithm
DOMAINS = {"pixels": (1, 1), "details": (4, 3)}  # channels of the data, and how many of these, the last, are predicted
MEASURED = 256  # patches, about
SPREADS = {1: 1.0, 3: 0.22}  # about the standard deviation of what is predicted, by the number of its channels


def trained_window_denoiser(
    *,
    images: str,
    side: int,
    domain: str,
    window: int,
    width: int,
    layers: int,
    train_steps: int,
    seed: int,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """Train a network to denoise pixels, or details given the clean averages, at all levels of noise.

    Args:
        images, side: of :func:`patches`.
        domain: "pixels" or "details".
        window, width, layers: of the network.
        train_steps: of Adam.
        seed: of the weights, the batches and the noise.
        device: where it is trained.

    Returns:
        net.<name>: the weights.
    """
    net = _untrained(domain, window=window, width=width, layers=layers, seed=seed)
    clean = patches(images, side, held_out=False)
    clean = clean if domain == "pixels" else haar_details(clean)
    config = TrainConfig(
        learning_rate=2e-3,
        max_steps=train_steps,
        batch_size=16,
        optimizer="adam",
        schedule="cosine",
        loss=_error,
    )
    samples = MemberData.shared(clean, torch.zeros(len(clean)), sizes=[len(clean)])
    order = generator("multiscale", "batches", domain, window, seed)
    run = train(net.to(resolve(device)), samples, config=config, generators=[order])
    return {f"net.{name}": tensor for name, tensor in run.net.state_dict().items()}


def denoising_errors(
    *,
    network: dict[str, Tensor],
    images: str,
    side: int,
    domain: str,
    window: int,
    width: int,
    layers: int,
    seed: int,
    noises: list[float],
    device: str,
) -> list[dict]:
    """Mean squared error of the denoised detail coefficients, on patches that were held out.

    Args:
        network: of :func:`trained_window_denoiser`, with the arguments that it was made with.
        noises: standard deviations, in units of the patches'.
        device: where it runs.

    Returns:
        One row per noise: error, per coefficient that is predicted.
    """
    net = _restored(network, domain, window=window, width=width, layers=layers, seed=seed).to(resolve(device))
    held = patches(images, side, held_out=True)
    clean = held[:: max(1, len(held) // MEASURED)]  # from all over the photographs
    clean = (clean if domain == "pixels" else haar_details(clean)).to(resolve(device))
    stream, predicted, rows = generator("multiscale", "held out", seed), DOMAINS[domain][1], []
    for noise in noises:
        drawn = torch.randn(len(clean), predicted, *clean.shape[2:], generator=stream).to(clean)
        with torch.no_grad():
            given, wanted = clean[:, :-predicted], clean[:, -predicted:]
            level = torch.full((len(clean), 1, 1, 1), noise).to(clean)
            found = _estimate(net, given, wanted + level * drawn, level)
        rows.append({"noise": noise, "error": float((found - wanted).square().mean())})
    return rows


def enlarged(
    *,
    network: dict[str, Tensor],
    images: str,
    side: int,
    window: int,
    width: int,
    layers: int,
    seed: int,
    number: int,
    steps: int,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """Patches that were held out: their averages, details that a network of details draws given these, and the truth.

    The details follow the flow of the diffusion with growing variance from noise of size 4 to one of 0.02, in Euler steps.

    Returns:
        averages (each repeated over 2 × 2 pixels), drawn, true: [number, side, side].
    """
    net = _restored(network, "details", window=window, width=width, layers=layers, seed=seed).to(resolve(device))
    held = patches(images, side, held_out=True)
    true = held[torch.linspace(0, len(held) - 1, number).long()]
    whole = haar_details(true).to(resolve(device))
    stream = generator("multiscale", "enlarged", seed)
    with torch.no_grad():
        drawn = NOISES[1] * torch.randn(number, 3, side // 2, side // 2, generator=stream).to(whole)
        levels = torch.logspace(math.log10(NOISES[1]), math.log10(NOISES[0]), steps + 1)
        for now, then in zip(levels[:-1].tolist(), levels[1:].tolist(), strict=True):
            level = torch.full((number, 1, 1, 1), now).to(whole)
            found = _estimate(net, whole[:, :1], drawn, level)
            drawn = found + then / now * (drawn - found)
    none = torch.zeros_like(drawn)
    pictures = {"averages": none, "drawn": drawn}
    found = {name: from_haar(torch.cat([whole[:, :1], one], 1))[:, 0].cpu() for name, one in pictures.items()}
    return found | {"true": true[:, 0].contiguous()}


def _error(net: nn.Module, batch: Batch) -> Tensor:
    """Squared error of the estimate, weighted by 1/noise² + 1/spread², a mean over coefficients, of one level per sample."""
    clean = batch.inputs[0]
    predicted = 1 if clean.shape[1] == 1 else 3
    given, wanted = clean[:, :-predicted], clean[:, -predicted:]
    low, high = (math.log(noise) for noise in NOISES)
    noise = torch.exp(low + (high - low) * batch.uniform()[0]).to(clean)[:, None, None, None]
    noisy = wanted + noise * batch.normal(*wanted.shape[1:])[0].to(clean)
    found = _estimate(lambda x: net(x[None])[0], given, noisy, noise)
    weight = 1 / noise.square() + 1 / SPREADS[predicted] ** 2
    return ((found - wanted).square() * weight).flatten(1).mean(1)[None]


def _estimate(net: Callable[[Tensor], Tensor], given: Tensor, noisy: Tensor, noise: Tensor) -> Tensor:
    """The clean coefficients, from the noisy ones and the clean averages, with the noise told as one more channel.

    The network gets inputs of unit variance and adds to the best estimate that does not look at neighbours (karras2022elucidating).
    """
    spread = SPREADS[noisy.shape[1]]
    ratio = noise / spread
    scale = (1 + ratio.square()).sqrt()
    level = (ratio.log() / 4).expand(-1, 1, *noisy.shape[2:])
    seen = net(torch.cat([given, noisy / (spread * scale), level], 1))
    return noisy / scale.square() + spread * ratio / scale * seen


def _untrained(domain: str, *, window: int, width: int, layers: int, seed: int) -> nn.Module:
    if domain not in DOMAINS:
        raise ValueError(f"domain must be one of {', '.join(DOMAINS)}, got {domain!r}")
    stream = generator("multiscale", "weights", domain, window, seed)
    channels, predicted = DOMAINS[domain]
    shape = dict(width=width, layers=layers, window=window, bias=True)
    return window_denoiser(channels + 1, predicted, **shape, generator=stream)


def _restored(network: dict[str, Tensor], domain: str, **shape) -> nn.Module:
    net = _untrained(domain, **shape)
    net.load_state_dict({name.removeprefix("net."): one for name, one in network.items()})
    return net.eval()
