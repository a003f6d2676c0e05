"""What the chapter on spatial scales runs: sector spectra, learning curves of deep kernels, their theory and bound."""

import math

import torch

from quire.deep_kernels import (
    Architecture,
    draw_weights,
    effective_dimension,
    fully_connected,
    hierarchical_diagonal,
    hierarchical_gram,
    hierarchical_gram_by_level,
    hierarchical_kernel,
    hierarchical_kernel_by_level,
    mean_eigenvalue,
    meta_patches,
    sample_spheres,
    sector_decay,
    sector_spectrum,
    train_centred,
)
from quire.device import resolve
from quire.regression import (
    ModeSpectrum,
    NestedRegression,
    best_error_bound,
    draw_teachers,
    error_bound,
    self_consistent_curve,
)
from quire.rng import generator, seed_from

__all__ = ["asymptotic_exponents", "finite_width", "learning_curves", "sector_decays", "theory_curves", "tree_nodes"]

RIDGES = torch.logspace(-2, 3, 51, dtype=torch.float64)


def tree_nodes(filter_sizes: list[int]) -> list[dict]:
    """One row per node of the architecture, with its meta-patch."""
    return meta_patches(Architecture(tuple(filter_sizes)))


def sector_decays(filter_sizes: list[int], kind: str, level: int, *, grid_points: int, max_modes: int) -> list[dict]:
    """Eigenvalues of one sector along its diagonal (all patches vary alike), and the predicted power through the last.

    Args:
        filter_sizes: of the network, covering the input.
        kind: "ntk" or "nngp".
        level: the sector.
        grid_points: size of the quadrature grid, averages included.
        max_modes: degrees kept at most.

    Returns:
        One row per wavenumber; ``fitted`` marks the upper half, which the slope is read from.
    """
    tree = Architecture(tuple(filter_sizes))
    nodes, _, average_nodes = _grid(tree, level, grid_points)
    modes = min(max(nodes // 4, 8), max_modes)  # a quarter of the nodes: aliases are weaker by 7^(2 nu + d)
    spectrum = sector_spectrum(tree, level, kind=kind, nodes=nodes, modes=modes, average_nodes=average_nodes)
    norms, eigenvalues = spectrum.along((1,) * spectrum.degrees.shape[1])
    power = sector_decay(tree, level, kind=kind)
    reference = eigenvalues[-1] * (norms / norms[-1]) ** power
    return [
        {
            "wavenumber": float(k),
            "eigenvalue": float(value),
            "predicted_eigenvalue": float(line),
            "predicted_slope": power,
            "fitted": bool(k >= norms[-1] / 2),
        }
        for k, value, line in zip(norms, eigenvalues, reference, strict=True)
    ]


def learning_curves(
    filter_sizes: list[int],
    student: str,
    teacher_levels: list[int],
    sizes: list[int],
    num_test: int,
    ridge_factor: float,
    seed: int,
    *,
    kind: str = "ntk",
    device: str = "cpu",
) -> list[dict]:
    """Test errors of a student kernel, averaged exactly over Gaussian teachers that involve one level of meta-patches.

    Args:
        filter_sizes: of the deepest network; teachers are its cuts after each level of ``teacher_levels``.
        student: "cnn" for the deepest network, "fc" for a fully-connected one of the same depth.
        teacher_levels: levels of the teachers.
        sizes: numbers of training points, nested.
        num_test: test points.
        ridge_factor: second curve with the ridge ``ridge_factor`` times K(x, x); the first is ridgeless.
        seed: of the inputs, shared by all students and teachers.
        kind: "ntk" or "nngp", of student and teachers.
    """
    tree, target = Architecture(tuple(filter_sizes)), resolve(device)
    stream = generator("spatial scales: inputs", filter_sizes, sizes[-1], num_test, seed)
    inputs = sample_spheres(
        sizes[-1] + num_test, tree.num_nodes(1), patch_size=tree.filter_sizes[0], generator=stream
    ).to(target)
    train, test = inputs[: sizes[-1]], inputs[sizes[-1] :]
    teachers = hierarchical_gram_by_level(train, architecture=tree, kind=kind)
    crosses = hierarchical_kernel_by_level(train, test, architecture=tree, kind=kind)
    gram, cross = teachers[-1], crosses[-1]
    if _student(tree, student) != tree:
        options = {"architecture": _student(tree, student), "kind": kind, "normalise": True}
        gram, cross = hierarchical_gram(train, **options), hierarchical_kernel(train, test, **options)
    ridge = ridge_factor * hierarchical_diagonal(levels=tree.depth - 1, kind=kind)
    fits = {
        "error": NestedRegression(gram, cross, ridge=0.0),
        "ridge_error": NestedRegression(gram, cross, ridge=ridge),
    }
    rows = []
    for level in teacher_levels:
        diagonal = torch.full((num_test,), hierarchical_diagonal(levels=level, kind=kind), dtype=torch.float64)
        curves = {
            name: fit.average_errors(
                teachers[level - 1], crosses[level - 1], teacher_diagonal=diagonal.to(target), sizes=sizes
            ).mean(1)
            for name, fit in fits.items()
        }
        for index, size in enumerate(sizes):
            values = {name: float(curve[index]) for name, curve in curves.items()}
            rows.append({"teacher_level": level, "samples": size, **values})
    return rows


def theory_curves(
    filter_sizes: list[int],
    student: str,
    teacher_levels: list[int],
    sizes: list[int],
    ridge_factor: float,
    grid_points: int,
    *,
    kind: str = "ntk",
) -> list[dict]:
    """The same errors from spectra alone: self-consistent theory, and the upper bound for the ridge.

    ``bound`` holds for the ridge of ``predicted_ridge_error``; ``best_bound`` for the ridge that makes it smallest.
    """
    tree = Architecture(tuple(filter_sizes))
    eigenvalues, multiplicities, tail = _spectrum(tree, _student(tree, student), kind, grid_points)
    ceiling = hierarchical_diagonal(levels=tree.depth - 1, kind=kind)
    rows = []
    for level in teacher_levels:
        teacher, counts, missed = _spectrum(tree, tree.cut(level), kind, grid_points)
        power = teacher * counts
        modes = ModeSpectrum(eigenvalues, multiplicities, power, student_tail=tail, unlearnable=missed)
        ridgeless = self_consistent_curve(modes, sizes, ridge=0.0).errors
        ridge = self_consistent_curve(modes, sizes, ridge=ridge_factor * ceiling).errors
        given = {"eigenvalues": eigenvalues, "teacher_power": power, "missed_power": missed, "diagonal": ceiling}
        for index, size in enumerate(sizes):
            best = best_error_bound(size, **given, ridges=RIDGES)
            rows.append(
                {
                    "teacher_level": level,
                    "samples": size,
                    "predicted_error": float(ridgeless[index]),
                    "predicted_ridge_error": float(ridge[index]),
                    "bound": error_bound(size, ridge_factor * ceiling, **given),
                    "best_bound": best.value,
                    "best_ridge": best.ridge,
                }
            )
    return rows


def asymptotic_exponents(
    filter_sizes: list[int], teacher_level: int, sizes: list[float], *, kind: str = "ntk"
) -> list[dict]:
    """Local exponents of the theory solved with pure power laws, sector by sector, at sizes that no experiment reaches.

    Sector m has d_m k^(d_m - 1) dk modes of eigenvalue k^-(2 nu + d_m); a check of the derived exponent that uses
    neither its threshold argument nor its approximations.
    """
    tree = Architecture(tuple(filter_sizes))
    wavenumbers = torch.logspace(0, 14, 4201, dtype=torch.float64)
    step = math.log(10) * 14 / 4200
    parts = []
    for level in range(1, tree.depth):
        dimension = effective_dimension(tree, level)
        values = wavenumbers ** float(sector_decay(tree, level, kind=kind))
        counts = tree.num_nodes(level) * dimension * wavenumbers**dimension * step
        parts.append((values, counts, values * counts * (level <= teacher_level)))
    spectrum = ModeSpectrum(*[torch.cat(part) for part in zip(*parts, strict=True)])
    errors = self_consistent_curve(spectrum, [int(size) for size in sizes], ridge=0.0).errors
    logs = torch.tensor(sizes, dtype=torch.float64).log()
    slopes = -(errors.log().diff() / logs.diff())
    middles = ((logs[1:] + logs[:-1]) / 2).exp()
    return [{"samples": float(x), "local_exponent": float(y)} for x, y in zip(middles, slopes, strict=True)]


def finite_width(
    filter_sizes: list[int],
    teacher_level: int,
    samples: int,
    width: int,
    num_networks: int,
    num_test: int,
    num_steps: int,
    seed: int,
    *,
    device: str = "cpu",
) -> list[dict]:
    """Networks trained by gradient descent beside kernel regression on the same points and teachers, one row for each.

    Every network has its own teacher and its own initial weights; inputs and teachers depend on the seed and the number
    of points, not on the width.
    """
    tree, target = Architecture(tuple(filter_sizes)), resolve(device)
    stream = generator("spatial scales: finite width", filter_sizes, teacher_level, samples, num_test, seed)
    inputs = sample_spheres(samples + num_test, tree.num_nodes(1), patch_size=tree.filter_sizes[0], generator=stream)
    grams = hierarchical_gram_by_level(inputs, architecture=tree, kind="ntk")
    targets = draw_teachers(grams[teacher_level - 1], num_teachers=num_networks, generator=stream)
    gram = grams[-1]
    fit = NestedRegression(gram[:samples, :samples], gram[:samples, samples:], ridge=0.0)
    kernel_errors = fit.errors(targets[:samples], targets[samples:], sizes=[samples])[0]
    labels = targets.T.contiguous().float().to(target)
    points = inputs.float().to(target)
    weights = draw_weights(
        tree,
        width,
        num_networks=num_networks,
        generator=torch.Generator().manual_seed(seed_from("spatial scales: weights", width, samples, seed)),
    )
    trained = train_centred(
        [layer.to(target) for layer in weights],
        points[:samples],
        labels[:, :samples].contiguous(),
        architecture=tree,
        test_inputs=points[samples:],
        learning_rate=1 / float(torch.linalg.eigvalsh(gram[:samples, :samples])[-1]),
        momentum=0.9,
        num_steps=num_steps,
    )
    network_errors = (trained["predictions"] - labels[:, samples:]).double().square().mean(1).cpu()
    return [
        {
            "network": index,
            "network_error": float(network_errors[index]),
            "kernel_error": float(kernel_errors[index]),
            "relative_loss": float(trained["losses"][index] / labels[index, :samples].square().mean()),
        }
        for index in range(num_networks)
    ]


def _student(tree: Architecture, student: str) -> Architecture:
    if student not in ("cnn", "fc"):
        raise ValueError(f'student must be "cnn" (the tree itself) or "fc" (fully connected), got {student!r}')
    return tree if student == "cnn" else fully_connected(tree.input_length, hidden_layers=tree.depth - 1)


def _grid(tree: Architecture, level: int, grid_points: int) -> tuple[int, int, int]:
    """Nodes, modes and averaging nodes of a sector such that the whole grid has about ``grid_points`` points."""
    patches = math.prod(tree.filter_sizes[1:level])
    average_nodes = 8
    averaged = tree.num_nodes(1) - patches
    nodes = int((grid_points / average_nodes**averaged) ** (1 / patches) + 1e-9)
    nodes = min(max(nodes, 4), 8192 if tree.filter_sizes[0] == 2 else 1024)  # nodes on spheres cost a cube
    return nodes, max(nodes // 2, 2), average_nodes


def _spectrum(tree: Architecture, network: Architecture, kind: str, grid_points: int) -> tuple:
    """Eigenvalues, multiplicities (constant mode first, then sector by sector) and the trace that they miss."""
    constant = mean_eigenvalue(tree, kind=kind, average_nodes=16, network=network)
    values, counts = [torch.tensor([constant], dtype=torch.float64)], [torch.ones(1, dtype=torch.float64)]
    for level in range(1, tree.depth):
        nodes, modes, average_nodes = _grid(tree, level, grid_points)
        sector = sector_spectrum(
            tree, level, kind=kind, nodes=nodes, modes=modes, average_nodes=average_nodes, network=network
        )
        values.append(sector.eigenvalues.clamp_min(0))
        counts.append(sector.multiplicities)
    eigenvalues, multiplicities = torch.cat(values), torch.cat(counts)
    trace = hierarchical_diagonal(levels=len(network.filter_sizes), kind=kind)
    return eigenvalues, multiplicities, max(trace - float(eigenvalues @ multiplicities), 0.0)
