"""Which cells the chapter asks for: a network is trained once, calibrated for its machines, sampled once, and compared."""

from quire.experiments.creativity.mosaics import mosaics
from quire.experiments.creativity.networks import trained_classifier, trained_denoiser
from quire.experiments.creativity.sampling import calibrated, sampled
from quire.sweep import Grid, Handle, grid, made, replicates

__all__ = [
    "backward_cells",
    "calibrations",
    "data",
    "first_of",
    "likeness_cells",
    "mosaics_of",
    "natural",
    "networks",
    "of_architecture",
    "samples_of",
    "window_cells",
    "windows",
]

SIDES = {"digits": 8, "glyphs": 8, "mnist": 16, "cifar10-subset": 32, "cifar10": 32}  # pixels
SIZES = {"digits": 1797, "glyphs": 10**6, "mnist": 60000, "cifar10-subset": 10000, "cifar10": 50000}
SPARE = {"digits": 898, "glyphs": 10**5, "mnist": 10000, "cifar10-subset": 2000, "cifar10": 10000}
NATURAL = {"resnet-circular": "circular", "unet-circular": "circular"}  # the machine of an architecture


def data(dataset: str, num_images: int, *, num_test: int) -> dict:
    """The arguments that name the images: as many as asked, or as there are.

    >>> data("digits", 5000, num_test=0)
    {'dataset': 'digits', 'num_images': 1797, 'num_test': 0, 'side': 8}
    """
    test = min(num_test, SPARE[dataset])
    left = SIZES[dataset] - (test if dataset == "digits" else 0)
    return dict(dataset=dataset, num_images=min(num_images, left), num_test=test, side=SIDES[dataset])


def windows(architecture: str, side: int, *, largest: int) -> list[int]:
    """The window sizes that are compared: odd, within the image where they are circular, and such that they differ elsewhere.

    For a U-Net, whose receptive field is the image or nearly so, also the window that holds the image at every pixel.

    >>> windows("resnet-circular", 8, largest=9), windows("unet-zeros", 8, largest=9)
    ([1, 3, 5, 7], [1, 3, 5, 7, 9, 15])
    """
    if natural(architecture) == "circular":
        return list(range(1, min(largest, side) + 1, 2))
    whole = [2 * side - 1] if architecture.startswith("unet") else []
    return sorted({*range(1, min(largest, 2 * side - 1) + 1, 2), *whole})


def natural(architecture: str) -> str:
    """The equivariant local machine that has the symmetry of a network.

    >>> natural("resnet-circular"), natural("unet-attention")
    ('circular', 'border')
    """
    return NATURAL.get(architecture, "border")


def networks(shown: dict, recipes: dict[str, dict], **training) -> list[tuple[dict, Handle]]:
    """Each network, after what is said of it.

    Args:
        shown: of :func:`data`.
        recipes: width, layers, train_steps of each architecture, and seeds, the number of networks.
        training: what all have in common, of :func:`trained_denoiser`.
    """
    found = []
    for architecture, recipe in recipes.items():
        net = dict(architecture=architecture, width=recipe["width"], layers=recipe["layers"])
        for seed in replicates(recipe["seeds"]):
            asked = dict(train_steps=recipe["train_steps"], seed=seed, **training)
            found.append((shown | net, made(trained_denoiser, **shown, **net, **asked)))
    return found


def calibrations(
    nets: list, *, largest: int, sampling_steps: int, num_probes: int
) -> list[tuple[dict, Handle, Handle]]:
    """Each network with the windows of its own machine and of the local one."""
    found = []
    for said, network in nets:
        scales = windows(said["architecture"], said["side"], largest=largest)
        machines = [natural(said["architecture"]), "local"]
        asked = dict(machines=machines, scales=scales, sampling_steps=sampling_steps, num_probes=num_probes)
        found.append((said, network, made(calibrated, network=network, **said, **asked)))
    return found


def window_cells(calibrated_nets: list) -> Grid:
    """Cells of best_windows."""
    found = Grid()
    for _, _, calibration in calibrated_nets:
        known = {name: [calibration.arguments[name]] for name in ("machines", "scales")}
        found += grid(calibration=calibration, **known)
    return found


def samples_of(calibrated_nets: list, *, network_steps: list, num_samples: int) -> list[tuple[dict, Handle]]:
    """Samples of each network and of its machines."""
    found = []
    for said, network, calibration in calibrated_nets:
        known = {name: calibration.arguments[name] for name in ("machines", "sampling_steps")}
        asked = dict(network_steps=network_steps, num_samples=num_samples)
        found.append((said, made(sampled, network=network, calibration=calibration, **said, **known, **asked)))
    return found


def first_of(sampled_nets: list, architecture: str) -> Handle:
    """The samples of the first network of a kind."""
    return next(samples for said, samples in sampled_nets if said["architecture"] == architecture)


def likeness_cells(sampled_nets: list) -> Grid:
    """Cells of likeness."""
    found = Grid()
    for said, samples in sampled_nets:
        found += grid(samples=samples, **{name: said[name] for name in ("dataset", "num_images", "num_test", "side")})
    return found


def of_architecture(calibrated_nets: list, architecture: str) -> list[tuple[dict, Handle, Handle]]:
    """The calibrated networks of a kind."""
    return [one for one in calibrated_nets if one[0]["architecture"] == architecture]


def mosaics_of(calibrated_nets: list, *, traced_step: int, num_samples: int, shown_sources: int) -> list[Handle]:
    """The mosaics of each network's own machine."""
    found = []
    for said, _, calibration in calibrated_nets:
        images = {name: said[name] for name in ("dataset", "num_images", "num_test", "side")}
        asked = dict(machine=natural(said["architecture"]), sampling_steps=calibration.arguments["sampling_steps"])
        shown = dict(traced_step=traced_step, num_samples=num_samples, shown_sources=shown_sources)
        found.append(made(mosaics, calibration=calibration, **images, **asked, **shown))
    return found


def backward_cells(
    shown: dict, recipe: dict, *, times: list, seeds: int, classifier_steps: int, training: dict, **asked
) -> Grid:
    """Cells of forward_backward, each with a denoiser and a classifier of its own.

    Args:
        shown: of :func:`data`, with test images.
        recipe: architecture, width, layers and train_steps of the denoiser.
        seeds: pairs of networks.
        classifier_steps: of the classifier's training.
        training: the rest of the denoiser's training.
        times: fractions of the noising.
        asked: reverse_steps and num_draws.
    """
    found = Grid()
    net = {name: recipe[name] for name in ("architecture", "width", "layers")}
    for seed in replicates(seeds):
        network = made(trained_denoiser, **shown, **net, train_steps=recipe["train_steps"], seed=seed, **training)
        judge = made(trained_classifier, **shown, classifier_steps=classifier_steps, seed=seed)
        found += grid(network=network, judge=judge, **shown, **net, seed=seed, times=[times], **asked)
    return found
