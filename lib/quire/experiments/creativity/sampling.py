"""Samples of networks and machines from the same noise on the same grid, and what is calibrated for them: made once, as tensors."""

from collections.abc import Callable, Iterator, Mapping

import torch

from quire.device import resolve
from quire.diffusion import (
    BoundaryBroken,
    DDIMSampler,
    Equivariant,
    EquivariantLocal,
    Ideal,
    Local,
    ScheduledMachine,
    ScoreMachine,
    agreement,
    best_scale,
    nearest_scales,
)
from quire.experiments.creativity.images import pictures
from quire.experiments.creativity.networks import NUM_LEVELS, denoiser, restored, signal_levels
from quire.rng import generator
from quire.types import Float, Tensor

__all__ = [
    "WHOLE",
    "calibrated",
    "machine_named",
    "network_of",
    "sampled",
    "sampler_of",
    "scheduled",
    "start",
    "trajectory",
]

Denoise = Callable[[Tensor, Tensor], Tensor]
WHOLE = {"equivariant": Equivariant, "ideal": Ideal}  # machines that compare whole images


def machine_named(name: str, bank: Tensor) -> ScoreMachine:
    """A machine by name: "circular", "valid" (equivariant local ones), "border", "local", "equivariant", "ideal"."""
    if name in ("circular", "valid"):
        return EquivariantLocal(bank, train_patches=name)
    if name in ("border", "local"):
        return (BoundaryBroken if name == "border" else Local)(bank)
    if name in WHOLE:
        return WHOLE[name](bank)
    raise ValueError(f"machine must be circular, valid, border, local, equivariant or ideal, got {name!r}")


def sampler_of(num_steps: int) -> DDIMSampler:
    """The deterministic sampler; its levels, from noise to image, are multiples of the range over the number of steps.

    >>> sampler_of(4).timesteps.tolist()
    [999, 749, 499, 249]
    """
    sampler = DDIMSampler(signal_levels(), prediction_type="epsilon", timestep_spacing="trailing")
    sampler.set_timesteps(num_steps)
    return sampler


def trajectory(
    denoise: Denoise, noise: Float[Tensor, "batch channels side side"], *, num_steps: int
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Level, state and predicted noise at each step of the sampler; at the end level -1, the image, and nothing."""
    sampler, state = sampler_of(num_steps), noise
    for level in sampler.timesteps.tolist():
        with torch.no_grad():
            predicted = denoise(state, torch.full((len(state),), level, device=state.device))
        yield level, state, predicted
        state = sampler.step(predicted, level, state).prev_sample
    yield -1, state, torch.zeros_like(state)


def network_of(
    network: Mapping[str, Tensor], *, architecture: str, channels: int, width: int, layers: int, device: str
) -> Denoise:
    """A trained network as a function of states and levels."""
    net = denoiser(architecture, channels=channels, width=width, layers=layers, stream=torch.Generator())
    return restored(net, network, device=device)


def calibrated(
    *,
    network: Mapping[str, Tensor],
    dataset: str,
    num_images: int,
    num_test: int,
    side: int,
    architecture: str,
    width: int,
    layers: int,
    machines: list[str],
    scales: list[int],
    sampling_steps: int,
    num_probes: int,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """The windows with which each machine is most like a network, on the network's own trajectories.

    Args:
        network: of :func:`quire.experiments.creativity.networks.trained_denoiser`.
        dataset, num_images, num_test, side, architecture, width, layers: those that the network was made with.
        machines: of :func:`machine_named`, local ones.
        scales: window sizes that are compared.
        sampling_steps: of the sampler.
        num_probes: trajectories, from a noise that is not that of the samples.
        device: where it is computed.

    Returns:
        level: of each step, from noise to image; scale.<machine>: its window; cosine.<machine>: median over trajectories
        for each step and window.
    """
    bank = pictures(dataset, num_images=num_images, num_test=num_test, side=side).images.to(resolve(device))
    shown = dict(architecture=architecture, width=width, layers=layers, channels=bank.shape[1])
    net, noise, signal = (
        network_of(network, **shown, device=device),
        start(num_probes, bank, "calibration"),
        signal_levels(),
    )
    states = [one for one in trajectory(net, noise, num_steps=sampling_steps) if one[0] >= 0]
    found = {"level": torch.tensor([level for level, _, _ in states])}
    for name in machines:
        machine = machine_named(name, bank)
        each = [
            agreement(machine, state, predicted, abar=float(signal[level]), scales=scales, criterion="cosine").cpu()
            for level, state, predicted in states
        ]
        found[f"scale.{name}"] = torch.tensor([best_scale(one, scales) for one in each])
        found[f"cosine.{name}"] = torch.stack([one.double().median(1).values for one in each])
    return found


def sampled(
    *,
    network: Mapping[str, Tensor],
    calibration: Mapping[str, Tensor],
    dataset: str,
    num_images: int,
    num_test: int,
    side: int,
    architecture: str,
    width: int,
    layers: int,
    machines: list[str],
    sampling_steps: int,
    network_steps: list[int],
    num_samples: int,
    device: str = "cpu",
) -> dict[str, Tensor]:
    """Samples of a network and of machines from the same noise.

    Args:
        network, dataset, num_images, num_test, side, architecture, width, layers: as for :func:`calibrated`.
        calibration: of :func:`calibrated`, for the same machines.
        machines: of :func:`machine_named`, local ones; those that compare whole images are always added.
        sampling_steps: of the machines' sampler.
        network_steps: numbers of steps of the network's sampler, each a set of samples.
        num_samples: images of each.
        device: where it is computed.

    Returns:
        network.<steps>, and each machine's name: the samples; the same noise everywhere.
    """
    bank = pictures(dataset, num_images=num_images, num_test=num_test, side=side).images.to(resolve(device))
    shown = dict(architecture=architecture, width=width, layers=layers, channels=bank.shape[1])
    noise, net = start(num_samples, bank, "samples"), network_of(network, **shown, device=device)
    found = {f"network.{steps}": last(trajectory(net, noise, num_steps=steps)) for steps in network_steps}
    for name in [*machines, *WHOLE]:
        found[name] = last(trajectory(scheduled(name, bank, calibration), noise, num_steps=sampling_steps))
    return found


def scheduled(name: str, bank: Tensor, calibration: Mapping[str, Tensor]) -> ScheduledMachine:
    """A machine with its calibrated windows, as a network that predicts the noise."""
    scales = None
    if name not in WHOLE:
        known = [calibration[column].tolist() for column in ("level", f"scale.{name}")]
        scales = nearest_scales(*known, num_levels=NUM_LEVELS)
    return ScheduledMachine(machine_named(name, bank), signal_levels(), scales=scales, predict="noise")


def start(count: int, bank: Tensor, name: str) -> Float[Tensor, "count channels side side"]:
    """The noise from which samples start, the same for all networks."""
    return torch.randn(count, *bank.shape[1:], generator=generator("creativity", name)).to(bank.device)


def last(states: Iterator[tuple[int, Tensor, Tensor]]) -> Tensor:
    """The image at the end of a trajectory."""
    for _, state, _ in states:
        found = state
    return found
