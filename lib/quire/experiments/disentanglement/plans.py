"""Which cells the chapter asks for: a network is pre-trained once, fine-tuned once in each way, and asked often."""

import itertools

from quire.experiments.disentanglement import cells, error_cells, imagenet_cells
from quire.experiments.disentanglement.imagenet import IMAGE_TASKS, image_vectors, imagenet_start
from quire.experiments.disentanglement.networks import fine_tuned, pretrained
from quire.sweep import Grid, Handle, grid, made, replicates

__all__ = [
    "CELLS",
    "IMAGE_CELLS",
    "IMAGE_TASKS",
    "NAMES",
    "asked",
    "image_plan",
    "direction_cells",
    "kernel_cells",
    "map_cells",
    "merged",
    "plan",
]

NAMES = ("non-linear", "post-hoc", "linear")
CELLS = {"single": cells.single_tasks, "sums": cells.addition, "pairs": error_cells.pair_errors}
IMAGE_CELLS = {
    "single": imagenet_cells.image_singles,
    "sums": imagenet_cells.image_sums,
    "pairs": imagenet_cells.image_errors,
}
METHODS = ((False, False), (False, True), (True, True))  # (trained in the tangent space, asked there)
PAIRS = (("digits", "upper"), ("greek", "armenian"), ("georgian", "symbols"))


def plan(
    *,
    shape: dict,
    tuning: dict,
    splits: dict,
    pretrain_steps: list,
    learning_rates: list,
    seeds: int,
) -> list[dict]:
    """Every way to fine-tune and to ask, for each seed, length of pre-training and learning rate.

    Args:
        shape: width, depth and web_images of :func:`pretrained`.
        tuning: num_tasks and tune_steps of :func:`fine_tuned`.
        splits: images, validation and test of the tasks.
        pretrain_steps: lengths of pre-training; 0 is a random network.
        learning_rates: of fine-tuning.
        seeds: networks.

    Returns:
        Arguments of a cell: start, vectors, linearised, the splits, and the seed.
    """
    found = []
    for seed, steps, rate in itertools.product(replicates(seeds), pretrain_steps, learning_rates):
        start = made(pretrained, **shape, pretrain_steps=steps, seed=seed)
        common = dict(start=start, **splits, seed=seed)
        vectors = {
            linear: made(fine_tuned, linear=linear, learning_rate=rate, **tuning, **common) for linear in (False, True)
        }
        found += [common | dict(vectors=vectors[linear], linearised=linearised) for linear, linearised in METHODS]
    return found


def asked(planned: list[dict]) -> Grid:
    """Cells of what asks every method."""
    return _together(planned)


def merged(planned: list[dict]) -> Grid:
    """Cells of what asks ordinary fine-tuning alone."""
    return _together([cell for cell in planned if not cell["linearised"]])


def map_cells(planned: list[dict], *, points: int, reach: float) -> Grid:
    """Cells of error_map: every method of the first seed; the second and third task, or the first two."""
    pair = (1, 2) if planned[0]["vectors"].arguments["num_tasks"] > 2 else (0, 1)
    first = min(cell["seed"] for cell in planned)
    shown = [cell for cell in planned if cell["seed"] == first]
    return _together([cell | dict(first=pair[0], second=pair[1], points=points, reach=reach) for cell in shown])


def direction_cells(planned: list[dict]) -> Grid:
    """Cells of directions: each set of vectors once."""
    kept: dict[str, Handle] = {cell["vectors"].key: cell["vectors"] for cell in planned}
    return _together([dict(vectors=vectors) for vectors in kept.values()])


def image_plan(
    *, splits: dict, image_tasks: list, image_steps: int, rates: dict[bool, float], seeds: int
) -> list[dict]:
    """EfficientNet, fine-tuned and asked as it is, with ImageNet's weights and from random ones.

    It is not linearised: on a processor, Jacobian-vector products through its convolutions and batch norms take many times as long as the
    function.

    Args:
        splits: images, validation, test and side of the tasks.
        image_tasks: of ``imagenet.IMAGE_TASKS``.
        image_steps: of fine-tuning.
        rates: learning rates, of pre-trained and of random weights.
        seeds: of images, and of random weights.
    """
    found = []
    for seed, given in itertools.product(replicates(seeds), (True, False)):
        common = dict(image_tasks=image_tasks, **splits, seed=seed)
        origin = made(imagenet_start, pretrained=given, **common)
        tuning = dict(origin=origin, image_steps=image_steps, learning_rate=rates[given], **common)
        vectors = made(image_vectors, linear=False, **tuning)
        found.append(common | dict(origin=origin, vectors=vectors, linearised=False))
    return found


def kernel_cells(*, shape: dict, pretrain_steps: list, kernel_images: int, seeds: int) -> Grid:
    """Cells of localisation: three pairs of tasks, for each seed and length of pre-training."""
    found = Grid()
    for seed, steps, (first, second) in itertools.product(replicates(seeds), pretrain_steps, PAIRS):
        start = made(pretrained, **shape, pretrain_steps=steps, seed=seed)
        found += grid(start=start, first=first, second=second, kernel_images=kernel_images, seed=seed)
    return found


def _together(cells: list[dict]) -> Grid:
    """Each of these calls; a list is one argument, and no axis."""
    found = Grid()
    for cell in cells:
        found += grid(**{name: [value] if isinstance(value, list) else value for name, value in cell.items()})
    return found
