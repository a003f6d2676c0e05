"""Forward and back on images: noise up to a time, denoise by the stochastic reverse process, and look what has changed."""

import math
from collections.abc import Mapping

import torch

from quire.device import resolve
from quire.diffusion import AncestralSampler, LayerScales, layer_cosines, layer_scales, pair_blocks, patch_distances
from quire.experiments.creativity.images import Pictures, pictures
from quire.experiments.creativity.networks import classifier, restored, signal_levels
from quire.experiments.creativity.sampling import Denoise, network_of
from quire.rng import generator
from quire.types import Float, Tensor

__all__ = ["forward_backward", "journeys"]


def forward_backward(
    *,
    network: Mapping[str, Tensor],
    judge: Mapping[str, Tensor],
    dataset: str,
    num_images: int,
    num_test: int,
    side: int,
    architecture: str,
    width: int,
    layers: int,
    seed: int,
    times: list[float],
    reverse_steps: int,
    num_draws: int,
    device: str = "cpu",
) -> list[dict]:
    """What a classifier sees of test images that were noised up to a time and denoised.

    Args:
        network: of :func:`quire.experiments.creativity.networks.trained_denoiser`.
        judge: of :func:`quire.experiments.creativity.networks.trained_classifier`.
        dataset, num_images, num_test, side, architecture, width, layers: those that both were made with.
        seed: of both, and of the noise.
        times: fractions of the whole noising, each rounded to a step.
        reverse_steps: steps of the whole reverse process.
        num_draws: trajectories of each image.
        device: where it is computed.

    Returns:
        One row per time, layer and standardisation ("channel" or "unit"): the mean cosine of the activations, its floor for
        random pairs of images, the fraction of images with the class kept, and the susceptibility of the changed pixels.
    """
    data = pictures(dataset, num_images=num_images, num_test=num_test, side=side)
    place = resolve(device)
    shown = dict(channels=data.images.shape[1], architecture=architecture, width=width, layers=layers)
    denoise = network_of(network, **shown, device=device)
    net = classifier(channels=shown["channels"], side=side, num_classes=judge["net.output.bias"].numel(), seed=seed)
    net = restored(net, judge, device=device)
    before = data.test_images.to(place)
    seen = _Views(net, data, before)
    rows = []
    for time in times:
        stream = generator("creativity", "forward and back", time, seed)
        after = journeys(denoise, before, time=time, reverse_steps=reverse_steps, num_draws=num_draws, stream=stream)
        with torch.no_grad():
            kept = (net(before).argmax(1) == torch.stack([net(one).argmax(1) for one in after])).double().mean()
        common = {"time": time, "kept": float(kept), "susceptibility": susceptibility(before, after)}
        rows += [common | row for row in seen.rows(after)]
    return rows


@torch.no_grad()
def journeys(
    denoise: Denoise,
    images: Float[Tensor, "images channels side side"],
    *,
    time: float,
    reverse_steps: int,
    num_draws: int,
    stream: torch.Generator,
) -> Float[Tensor, "draws images channels side side"]:
    """Images, noised up to a time and brought back by the ancestral sampler, several times each.

    Args:
        denoise: predicts the noise.
        images: where the journeys start.
        time: fraction of the whole, in (0, 1].
        reverse_steps: steps of the whole.
        num_draws: journeys of each image.
        stream: CPU generator.

    Raises:
        ValueError: a time that is not in (0, 1].
    """
    if not 0 < time <= 1:
        raise ValueError(f"time must be a fraction of the whole in (0, 1], got {time}")
    sampler = AncestralSampler(signal_levels(), prediction_type="sample", timestep_spacing="trailing")
    sampler.set_timesteps(reverse_steps)
    levels = sampler.timesteps[-max(1, round(time * reverse_steps)) :].tolist()
    clean, signal = images.repeat(num_draws, 1, 1, 1), signal_levels().to(images)
    noise = torch.randn(clean.shape, generator=stream).to(clean)
    state = sampler.add_noise(clean, noise, torch.full((len(clean),), levels[0], device=clean.device))
    for level in levels:
        predicted = denoise(state, torch.full((len(state),), level, device=state.device))
        now = signal[level]
        expected = ((state - (1 - now).sqrt() * predicted) / now.sqrt()).clamp(-1, 1)
        state = sampler.step(expected, level, state, generator=stream).prev_sample
    return state.unflatten(0, (num_draws, len(images)))


def susceptibility(
    before: Float[Tensor, "images channels side side"], after: Float[Tensor, "draws images channels side side"]
) -> float:
    """How many pixels change together; covariances of the change over draws of an image, averaged over images.

    It is one for pixels that change independently of one another, and nan for one draw, or if nothing changes.
    """
    change = (after - before).square().sum(2).sqrt().flatten(2).transpose(0, 1)
    if len(after) < 2 or bool((change == change.flatten()[0]).all()):
        return math.nan
    return pair_blocks(change.cpu(), patch_distances(*before.shape[2:]), order="within").susceptibility


class _Views:
    """What the layers of a classifier see, standardised on the training images in two ways."""

    def __init__(self, net: torch.nn.Module, data: Pictures, before: Tensor):
        self.net, self.before = net, before
        reference = data.images[: 4 * len(before)].to(before.device)
        self.scales: dict[str, LayerScales] = {
            per: layer_scales(net, reference, per=per) for per in ("channel", "unit")
        }
        self.floors = {per: self._means(before.roll(1, 0), per) for per in self.scales}

    def rows(self, after: Tensor) -> list[dict]:
        """One for each standardisation and layer."""
        found = []
        for per in self.scales:
            each = [self._means(images, per) for images in after]
            for depth, name in enumerate(each[0]):
                cosine = sum(one[name] for one in each) / len(each)
                row = {"layer": name, "depth": depth, "per": per, "cosine": cosine}
                found.append(row | {"floor": self.floors[per][name]})
        return found

    def _means(self, images: Tensor, per: str) -> dict[str, float]:
        cosines = layer_cosines(self.net, self.before, images, self.scales[per])
        return {name: float(one.double().mean()) for name, one in cosines.items()}
