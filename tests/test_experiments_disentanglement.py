"""What the chapter on weight disentanglement runs: small cells against the same asked of plain modules, one at a time."""

import copy
import itertools

import pytest
import torch
from known_answers import finite, fits

from quire.data import TASKS
from quire.experiments.disentanglement import (
    cells,
    drawings,
    error_cells,
    kernel_cells,
    merging_cells,
    networks,
    plans,
    tasks,
    workbench,
)
from quire.tangent import linearize, nearest_class

SHAPE = dict(width=8, depth=2, web_images=20)
SPLITS = dict(images=40, validation=20, test=25)
TUNING = dict(num_tasks=3, tune_steps=25)


@pytest.fixture(scope="module")
def start():
    return networks.pretrained(**SHAPE, pretrain_steps=30, seed=0)


@pytest.fixture(scope="module")
def vectors(start):
    asked = dict(start=start, **TUNING, **SPLITS, learning_rate=3e-3, seed=0)
    return {linear: networks.fine_tuned(linear=linear, **asked) for linear in (False, True)}


def asked(start, vectors, method):
    linear, linearised = dict(zip(plans.NAMES, plans.METHODS, strict=True))[method]
    return dict(start=start, vectors=vectors[linear], linearised=linearised, **SPLITS, seed=0)


# --- data


def test_splits_are_disjoint_and_heads_are_rows_of_one_tower():
    task = tasks.task_of("greek", **SPLITS, seed=0)
    assert [len(part.labels) for part in (task.train, task.validation, task.test)] == [40, 20, 25]
    everything = torch.cat([part.images for part in (task.train, task.validation, task.test)]).flatten(1)
    assert len(everything.unique(dim=0)) == 85 and 0 <= everything.min() and everything.max() <= 1
    heads = torch.cat([tasks.head_of(name) for name in (*TASKS, "control")])
    assert torch.equal(heads, tasks.head_of("web")) and torch.allclose(heads.norm(dim=1), torch.ones(107))
    with pytest.raises(ValueError, match="name must be one of digits"):
        tasks.head_of("latin")


def test_splits_of_handwritten_digits_shrink_together():
    task = tasks.task_of("digits", images=2000, validation=600, test=1000, seed=0)
    sizes = [len(part.labels) for part in (task.train, task.validation, task.test)]
    assert sum(sizes) <= 1797 and sizes[0] / sizes[1] == pytest.approx(10 / 3, rel=0.02)
    assert len(tasks.control(validation=5, test=6, seed=0).head) == 27


# --- networks


def test_no_pretraining_gives_the_random_weights():
    weights = networks.pretrained(**SHAPE, pretrain_steps=0, seed=3)
    expected = networks.encoder(width=8, depth=2, seed=3).state_dict()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    again = networks.encoder_of(weights)
    images = torch.rand(2, 16, 16)
    assert torch.equal(again(images), networks.encoder(width=8, depth=2, seed=3)(images))


@pytest.mark.parametrize("linear", [False, True])
def test_fine_tuning_together_is_fine_tuning_alone(start, linear):
    """The second of two tasks, in one program with the first, and by a loop of its own with the same batches."""
    together = networks.fine_tuned(
        start=start, linear=linear, num_tasks=2, tune_steps=6, **SPLITS, learning_rate=3e-3, seed=0
    )
    from quire.rng import generator
    from quire.training import MemberData, TrainConfig, train

    task = tasks.task_of("upper", **SPLITS, seed=0)
    net = networks.encoder_of(start)
    model = networks.FrozenHead(linearize(net) if linear else net, task.head, scale=networks.SCALE)
    config = TrainConfig(learning_rate=3e-3, max_steps=6, batch_size=64, optimizer="adam", schedule="cosine")
    data = MemberData.shared(task.train.images, task.train.labels, sizes=[40])
    stream = [generator("disentanglement", "task batches", "upper", 0)]
    alone = train(model, data, config=config, generators=stream).net.encoder
    for name, tensor in together.items():
        end = alone.task_vector().tensors[name] if linear else alone.state_dict()[name] - start[name]
        assert torch.allclose(tensor[1], end, atol=2e-5), name


def test_fine_tuning_teaches_the_task_and_leaves_where_it_started(start, vectors):
    rows = cells.single_tasks(**asked(start, vectors, "non-linear"))
    assert sum(row["single"] for row in rows) > sum(row["zero_shot"] for row in rows) + 0.3
    assert all(tensor.shape[0] == 3 and tensor[0].shape == start[name].shape for name, tensor in vectors[True].items())


# --- cells, against modules with the weights written into them


def predictions(start, vectors, method, coefficients, task, split="test"):
    linear, linearised = dict(zip(plans.NAMES, plans.METHODS, strict=True))[method]
    moved = {n: torch.tensordot(torch.tensor(coefficients), tau, 1) for n, tau in vectors[linear].items()}
    net = networks.encoder_of(start)
    if linearised:
        net = linearize(net)
        for name, parameter in net.shift.named_parameters():
            parameter.data.copy_(moved[name])
    else:
        net.load_state_dict({name: start[name] + moved[name] for name in start})
    with torch.no_grad():
        return nearest_class(net(getattr(task, split).images), task.head)


def task(name):
    if name == "control":
        return tasks.control(validation=20, test=25, seed=0)
    return tasks.task_of(name, **SPLITS, seed=0)


def accuracy(start, vectors, method, coefficients, name, split="test"):
    found = predictions(start, vectors, method, coefficients, task(name), split)
    return float((found == getattr(task(name), split).labels).double().mean())


@pytest.mark.parametrize("method", plans.NAMES)
def test_single_tasks(start, vectors, method):
    rows = finite(cells.single_tasks(**asked(start, vectors, method)))
    assert [row["task"] for row in rows] == list(TASKS[:3])
    for place, row in enumerate(rows):
        own = [float(k == place) for k in range(3)]
        assert row["single"] == accuracy(start, vectors, method, own, row["task"])
        assert row["control_after"] == accuracy(start, vectors, method, own, "control")
        assert row["zero_shot"] == accuracy(start, vectors, method, [0.0] * 3, row["task"])
        assert row["control"] == accuracy(start, vectors, method, [0.0] * 3, "control")


@pytest.mark.parametrize("method", plans.NAMES)
def test_the_coefficient_of_a_sum_is_chosen_on_validation_data(start, vectors, method):
    rows = finite(cells.addition(**asked(start, vectors, method)))
    assert len(rows) == 21 + 2
    names = TASKS[:2]
    single = [
        accuracy(start, vectors, method, [float(k == place) for k in range(3)], n) for place, n in enumerate(names)
    ]
    held = [
        accuracy(start, vectors, method, [float(k == place) for k in range(3)], n, "validation")
        for place, n in enumerate(names)
    ]
    scores = []
    for alpha in cells.ADDED.tolist():
        each = [accuracy(start, vectors, method, [alpha, alpha, 0.0], n, "validation") for n in names]
        scores.append(sum(a / b for a, b in zip(each, held, strict=True)))
    best = cells.ADDED.tolist()[max(range(21), key=lambda k: (round(scores[k], 9), -k))]
    row = next(row for row in rows if row["chosen"] and row["merged"] == 2)
    assert row["alpha"] == best
    each = [accuracy(start, vectors, method, [best, best, 0.0], n) for n in names]
    assert row["accuracy"] == pytest.approx(sum(each) / 2)
    assert row["normalised"] == pytest.approx(sum(a / b for a, b in zip(each, single, strict=True)) / 2)


def test_a_negation_keeps_the_control_on_validation_data(start, vectors):
    for row in finite(cells.negation(**asked(start, vectors, "non-linear"))):
        place = TASKS.index(row["task"])
        own = [-row["alpha"] * float(k == place) for k in range(3)]
        assert row["target"] == accuracy(start, vectors, "non-linear", own, row["task"])
        assert row["control"] == accuracy(start, vectors, "non-linear", own, "control")
        before = accuracy(start, vectors, "non-linear", [0.0] * 3, "control", "validation")
        assert accuracy(start, vectors, "non-linear", own, "control", "validation") >= 0.95 * before
        assert 0 <= row["alpha"] <= 3


@pytest.mark.parametrize("method", plans.NAMES)
def test_errors_of_pairs_count_predictions_that_change(start, vectors, method):
    rows = finite(error_cells.pair_errors(**asked(start, vectors, method)))
    assert len(rows) == 3
    for row, (a, b) in zip(rows, itertools.combinations(range(3), 2), strict=True):
        both, alone = [float(k in (a, b)) for k in range(3)], {}
        for place in (a, b):
            alone[place] = [float(k == place) for k in range(3)]
        expected = axis = 0.0
        for place, other in ((a, b), (b, a)):
            ask = [task(TASKS[place])]
            own, together, foreign, none = (
                predictions(start, vectors, method, c, *ask) for c in (alone[place], both, alone[other], [0.0] * 3)
            )
            expected += float((own != together).double().mean())
            axis += float((none != foreign).double().mean())
        assert row["error"] == pytest.approx(expected) and row["axis"] == pytest.approx(axis / 2)
        assert 2 * row["diagonal"] >= row["error"] >= 0
        if method != "non-linear":
            assert row["interaction"] == 0 and row["localisation"] == row["error"]


def test_a_map_has_no_error_at_its_centre(start, vectors):
    rows = finite(error_cells.error_map(**asked(start, vectors, "non-linear"), first=0, second=2, reach=1.0, points=3))
    assert len(rows) == 9 and next(r for r in rows if r["alpha"] == r["other_alpha"] == 0)["error"] == 0
    corner = next(row for row in rows if row["alpha"] == row["other_alpha"] == 1)
    assert corner["error"] <= corner["localisation"] + corner["interaction"]
    pairs = error_cells.pair_errors(**asked(start, vectors, "non-linear"))
    assert corner["error"] == next(p for p in pairs if (p["first"], p["second"]) == (TASKS[0], TASKS[2]))["error"]


def test_directions_are_those_of_flat_vectors(vectors):
    rows = finite(cells.directions(vectors=vectors[False]))
    flat = torch.cat([tensor.flatten(1) for tensor in vectors[False].values()], dim=1).double()
    assert len(rows) == 3
    for row in rows:
        a, b = flat[row["first"]], flat[row["second"]]
        assert row["length"] == pytest.approx(float(a.norm()))
        assert row["cosine"] == pytest.approx(float(torch.cosine_similarity(a, b, dim=0)), abs=1e-9)


# --- merging


def test_rules_of_merging(start, vectors):
    rows = {row["rule"]: row for row in finite(merging_cells.merging(**asked(start, vectors, "non-linear")))}
    assert len(rows) == 3 + 1 + 3 + 3
    total = next(
        row for row in cells.addition(**asked(start, vectors, "non-linear")) if row["chosen"] and row["merged"] == 3
    )
    assert (rows["sum"]["accuracy"], rows["sum"]["number"]) == (pytest.approx(total["accuracy"]), total["alpha"])
    assert rows["masks"]["accuracy"] >= rows["sum"]["accuracy"] and 0 < rows["masks"]["density"] < 1
    densities = [rows[f"consensus of {least}"]["density"] for least in (1, 2, 3)]
    assert densities == sorted(densities, reverse=True) and densities[0] == pytest.approx(1 - rows["sum"]["useless"])
    assert densities[0] - densities[1] == pytest.approx(rows["sum"]["selfish"])


def test_a_vector_scaled_with_depth(start, vectors):
    rows = finite(merging_cells.frontier(**asked(start, vectors, "non-linear")))
    assert len(rows) == 3 * 11 and all(row["target"] == 1 for row in rows if row["shallow"] == 1)
    scaled = copy.deepcopy(vectors)
    for name, tensor in scaled[False].items():
        tensor *= 1.0 if name.startswith("blocks.1") else 0.3
    row = next(row for row in rows if row["task"] == "upper" and row["shallow"] == 0.3)
    after = accuracy(start, scaled, "non-linear", [0.0, 1.0, 0.0], "upper")
    assert row["target"] == pytest.approx(after / accuracy(start, vectors, "non-linear", [0.0, 1.0, 0.0], "upper"))


# --- kernel, plans, pictures


def test_the_kernel_of_one_task_with_itself_has_no_blocks(start):
    row = finite(kernel_cells.localisation(start=start, first="greek", second="greek", kernel_images=12, seed=0))[0]
    assert row["cross"] > 0.8
    other = kernel_cells.localisation(start=start, first="greek", second="upper", kernel_images=12, seed=0)[0]
    assert other["cross"] < row["cross"] and 0 <= other["energy"] <= 1 and 0 <= other["polarised"] <= 1


def test_plans_are_calls_of_their_cells():
    setting = dict(shape=SHAPE, tuning=TUNING, splits=SPLITS)
    planned = plans.plan(**setting, pretrain_steps=[0, 30], learning_rates=[1e-3], seeds=2)
    assert len(planned) == 12 and len({cell["vectors"].key for cell in planned}) == 8
    for cell in (*plans.CELLS.values(), cells.negation):
        assert fits(cell, plans.asked(planned))
    assert fits(merging_cells.merging, plans.merged(planned)) and len(plans.merged(planned)) == 4
    assert fits(error_cells.error_map, plans.map_cells(planned, points=3, reach=1.0))
    assert fits(cells.directions, plans.direction_cells(planned)) and len(plans.direction_cells(planned)) == 8
    kernel = plans.kernel_cells(shape=SHAPE, pretrain_steps=[0, 30], kernel_images=8, seeds=2)
    assert fits(kernel_cells.localisation, kernel) and len(kernel) == 12
    two = plans.plan(
        **setting | dict(tuning=TUNING | dict(num_tasks=2)), pretrain_steps=[0], learning_rates=[1e-3], seeds=1
    )
    assert {(cell["first"], cell["second"]) for cell in plans.map_cells(two, points=3, reach=1.0)} == {(0, 1)}


def test_a_workbench_keeps_what_it_was_asked(start, vectors):
    setting = asked(start, vectors, "linear")
    bench = workbench.workbench(**setting, device="cpu")
    first = bench.response(bench.tasks[0], "test")
    assert bench.response(bench.tasks[0], "test") is first
    assert bench.response(bench.tasks[0], "validation") is not first


def test_pictures_of_the_tasks_have_a_row_each():
    drawn = drawings.task_pictures(num_tasks=2, count=3)
    assert len(drawn.images) == 9 and drawn.titles[0] == "digits" and drawn.titles[6] == "control"
