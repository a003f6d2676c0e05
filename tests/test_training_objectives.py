"""What is minimised: callables, their random numbers, denoising, masked prediction, derivatives along a direction."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from quire import nets
from quire import training as T
from quire.rng import generator
from quire.training.objectives import as_objective, descend

DOUBLE = torch.float64


def streams(members, name="order"):
    return [generator(name, k) for k in members]


def dense(members, num_inputs=4, num_classes=4, depth=1, vocab=None):
    config = nets.FullyConnectedConfig(
        num_inputs=num_inputs, depth=depth, width=8, num_classes=num_classes, vocab=vocab, readout="ntk"
    )
    return nets.fully_connected(config, generators=streams(members, "init"), dtype=DOUBLE)


def linear(members, inputs=3, outputs=3):
    plain = []
    for k in members:
        net = nn.Linear(inputs, outputs, dtype=DOUBLE)
        nets.initialize(net, generator=generator("linear", k))
        plain.append(net)
    return nets.stack(plain)


def flat(net):
    return torch.cat([parameter.detach().flatten(1) for parameter in net.parameters()], 1)


def real(count=40, inputs=4):
    return torch.randn(count, inputs, dtype=DOUBLE, generator=generator("x"))


def labels(count=40):
    return torch.randint(4, (count,), generator=generator("y"))


def config(**changes):
    return T.TrainConfig(**{"learning_rate": 0.1, "max_steps": 20, "batch_size": 8} | changes)


SIGNAL = torch.linspace(0.9, 0.1, 5, dtype=DOUBLE)
OBJECTIVES = {
    "denoising": lambda: T.denoising(SIGNAL, predict="noise", conditioned=False),
    "jitter": lambda: lambda net, batch: net(batch.inputs + 0.1 * batch.normal(4)).square().sum(2),
}


# ---- callables ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_a_callable_equals_the_name(loss):
    """The named loss, the same as a function of (outputs, targets), and as a function of (net, batch)."""
    data = T.MemberData.shared(real(), labels(), sizes=[40, 13])
    own = T.Objective(lambda outputs, targets: T.losses(outputs, targets, loss=loss))
    runs = [
        T.train(dense(range(2)), data, config=config(loss=one), generators=streams(range(2)))
        for one in (loss, own, lambda net, batch: T.losses(net(batch.inputs), batch.targets, loss=loss))
    ]
    assert torch.equal(flat(runs[0].net), flat(runs[1].net))
    assert torch.allclose(flat(runs[0].net), flat(runs[2].net), atol=1e-12)  # automatic instead of written-out gradient
    found = [T.evaluate(runs[0].net, data, loss=one) for one in (loss, own)]
    assert torch.equal(found[0]["loss"], found[1]["loss"])
    assert found[0]["error"].isfinite().all() and found[1]["error"].isnan().all()
    with_error = T.evaluate(runs[0].net, data, loss=T.Objective(own.loss, errors=T.errors))
    assert torch.equal(with_error["error"], found[0]["error"])


@pytest.mark.parametrize("batch_size", [8, None])
def test_a_sum_is_the_mean_with_a_larger_step(batch_size):
    """Sizes 40 and 20, whole sets or batches: the sum of n losses with rate η/n."""
    data = T.MemberData.shared(real(), labels(), sizes=[40, 20])
    counts = (8, 8) if batch_size else (40, 20)
    mean = T.train(dense(range(2)), data, config=config(batch_size=batch_size), generators=streams(range(2)))
    rates = tuple(0.1 / count for count in counts)
    settings = config(batch_size=batch_size, reduction="sum", learning_rate=rates)
    total = T.train(dense(range(2)), data, config=settings, generators=streams(range(2)))
    assert torch.allclose(flat(mean.net), flat(total.net), atol=1e-12)
    assert torch.allclose(total.train_loss, mean.train_loss * torch.tensor(counts), atol=1e-10)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch itself, at the first forward derivative
def test_a_loss_of_the_derivative_along_a_direction():
    """Half ‖J v‖² of a linear net is ½‖W v‖²: its gradient is W v vᵀ, and no new loop is needed."""
    directions = real(6, 3)

    def tangent(net, batch):
        _, moved = torch.func.jvp(net, (batch.inputs,), (batch.targets,))
        return 0.5 * moved.square().sum(2)

    net = linear(range(2))
    data = T.MemberData.shared(real(6, 3), directions, sizes=[6, 4])
    result = T.train(
        net,
        data,
        config=config(loss=tangent, batch_size=None, max_steps=1),
        generators=streams(range(2)),
        validation=data,
    )
    for member, size in enumerate([6, 4]):
        weight, v = net.weight[member].detach(), directions[:size]
        assert torch.allclose(result.net.weight[member], weight - 0.1 * weight @ (v.T @ v) / size, atol=1e-12)
        assert torch.equal(result.net.bias[member], net.bias[member])
        after = 0.5 * (v @ result.net.weight[member].detach().T).square().sum(1).mean()
        assert result.best_validation_loss[member] == pytest.approx(float(after), abs=1e-12)
        assert math.isnan(result.rows()[member]["validation_error"])


# ---- random numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [8, None])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_random_objectives_are_the_same_alone_and_in_company(name, batch_size):
    """Sets of different sizes, whole or in batches; one member ends earlier than the others."""
    sizes, rates = [40, 17, 23], (0.1, 0.05, 0.08)

    def outcome(members):
        data = T.MemberData.shared(real(), torch.zeros(40), sizes=[sizes[k] for k in members])
        settings = config(
            loss=OBJECTIVES[name](),
            batch_size=batch_size,
            learning_rate=tuple(rates[k] for k in members),
            max_steps=None,
            max_epochs=6,
        )
        result = T.train(dense(members), data, config=settings, generators=streams(members), validation=data)
        again = T.evaluate(result.net, data, loss=OBJECTIVES[name](), generators=streams(members), chunk_size=7)
        return result, again["loss"]

    (together, losses), (backward, _) = outcome([0, 1, 2]), outcome([2, 1, 0])
    for k in range(3):
        alone, loss = outcome([k])
        assert torch.allclose(flat(alone.net)[0], flat(together.net)[k], atol=1e-12)
        assert torch.allclose(flat(alone.net)[0], flat(backward.net)[2 - k], atol=1e-12)
        assert torch.allclose(alone.best_validation_loss[0], together.best_validation_loss[k], atol=1e-12)
        assert torch.allclose(loss[0], losses[k], atol=1e-12)
    repeated, _ = outcome([0, 1, 2])
    assert torch.equal(flat(repeated.net), flat(together.net))


def test_every_look_at_the_validation_set_draws_the_same():
    """At a rate so small that the net does not move, the loss of a random objective is the same at all checkpoints."""
    data = T.MemberData.shared(real(), torch.zeros(40), sizes=[40])
    settings = config(loss=OBJECTIVES["denoising"](), learning_rate=1e-300)
    result = T.train(dense([0]), data, config=settings, generators=streams([0]), validation=data)
    assert len(result.rows()) > 3 and len(set(result.history["validation_loss"].tolist())) == 1
    assert len(set(result.history["train_loss"].tolist())) > 1


def test_batches_draw_for_the_own_samples_only():
    whole = T.Batch(torch.zeros(2, 5, 3), None, tuple(streams([0, 1])), sizes=(5, 2))
    alone = T.Batch(torch.zeros(1, 2, 3), None, tuple(streams([1])))
    for draw in (lambda b: b.normal(3), lambda b: b.uniform(), lambda b: b.integers(9, 2)):
        both, one = draw(whole), draw(alone)
        assert torch.equal(both[1, :2], one[0]) and (both[1, 2:] == 0).all()
        assert both.shape[:2] == (2, 5)
    assert whole.uniform(2, 2).shape == (2, 5, 2, 2) and whole.normal().dtype == torch.float32
    assert T.Batch(torch.zeros(1, 2, 3, dtype=DOUBLE), None, tuple(streams([1]))).normal().dtype == DOUBLE


def test_augmentation_of_whole_sets_is_the_same_alone_and_in_company():
    images = torch.rand(12, 1, 6, 6, generator=generator("images"), dtype=DOUBLE)
    plain = [
        nets.build("fc-l2", input_shape=(1, 6, 6), num_classes=2, generator=generator("fc", k), dtype=DOUBLE)
        for k in range(2)
    ]

    def outcome(members):
        data = T.MemberData.shared(images, labels(12) % 2, sizes=[(12, 7)[k] for k in members])
        options = {"config": config(batch_size=None, max_steps=3), "augment": T.random_shift(2, flip=True)}
        return T.train(nets.stack([plain[k] for k in members]), data, generators=streams(members), **options).net

    both = outcome([0, 1])
    for k in range(2):
        assert torch.allclose(flat(both)[k], flat(outcome([k]))[0], atol=1e-12)


# ---- denoising and masked prediction ------------------------------------------------------------------------------


@pytest.mark.parametrize("predict", ["noise", "clean"])
def test_a_linear_denoiser_learns_the_posterior_mean(predict):
    """Gaussian data of variance σ² in each direction at one level: the best linear map is known."""
    deviations = torch.tensor([2.0, 1.0, 0.5], dtype=DOUBLE)
    clean = real(4000, 3) * deviations
    abar = 0.4
    objective = T.denoising(torch.tensor([abar], dtype=DOUBLE), predict=predict, conditioned=False)
    settings = config(loss=objective, optimizer="adam", learning_rate=0.02, max_steps=800, batch_size=256)
    settings = T.TrainConfig(**{**vars(settings), "schedule": "cosine", "final_fraction": 0.01})
    data = T.MemberData.shared(clean, torch.zeros(4000), sizes=[4000])
    result = T.train(linear([0]), data, config=settings, generators=streams([0]))
    variance = abar * deviations**2 + 1 - abar
    gain = (1 - abar) ** 0.5 / variance if predict == "noise" else abar**0.5 * deviations**2 / variance
    assert torch.allclose(result.net.weight[0], torch.diag(gain), atol=0.06)
    power = 1.0 if predict == "noise" else deviations**2
    signal = gain**2 * variance
    least = 0.5 * float((power - signal).sum())
    assert float(result.train_loss[0]) == pytest.approx(least, rel=0.1)


def test_levels_are_uniform_and_noise_has_their_strength():
    clean = torch.full((1, 20000, 1), 3.0, dtype=DOUBLE)
    objective = T.denoising(SIGNAL, predict="noise", conditioned=True)
    asked = objective.corrupted(T.Batch(clean, None, tuple(streams([0]))))
    noisy, level = asked.inputs
    assert level.shape == (1, 20000) and not level.is_floating_point()
    for index, abar in enumerate(SIGNAL.tolist()):
        chosen = noisy[level == index]
        assert len(chosen) / 20000 == pytest.approx(0.2, abs=0.015)
        assert float(chosen.mean()) == pytest.approx(3 * abar**0.5, abs=5 * ((1 - abar) / 4000) ** 0.5)
        assert float(chosen.var()) == pytest.approx(1 - abar, rel=0.12)
    kept = SIGNAL[level][..., None]
    assert torch.allclose(noisy, kept.sqrt() * clean + (1 - kept).sqrt() * asked.targets)


class Conditioned(nn.Module):
    """A denoiser of one pixel row that is told the level."""

    def __init__(self, levels=5, width=3):
        super().__init__()
        self.gain = nn.Embedding(levels, width)

    def forward(self, noisy, level):
        return self.gain(level) * noisy


def test_a_net_that_is_told_the_level_learns_a_gain_for_each():
    net = Conditioned().double()
    nn.init.zeros_(net.gain.weight)
    objective = T.denoising(SIGNAL, predict="clean", conditioned=True)
    settings = config(loss=objective, optimizer="adam", learning_rate=0.03, max_steps=600, batch_size=256)
    data = T.MemberData.shared(real(2000, 3), torch.zeros(2000), sizes=[2000])
    result = T.train(net, data, config=settings, generators=streams([0]))
    best = SIGNAL.sqrt()[:, None].expand(5, 3)  # unit variance: √ᾱ σ² / (ᾱ σ² + 1 - ᾱ)
    assert (result.net.gain.weight - best).abs().max() < 0.12
    held_out = T.evaluate(result.net, data, loss=objective, generators=streams([3], "test"))["loss"]
    assert float(held_out[0]) == pytest.approx(1.5 * float((1 - SIGNAL).mean()), rel=0.1)


@pytest.mark.parametrize("weighting", ["masked", "rate"])
def test_masked_loss_by_hand(weighting):
    objective = T.masked_prediction(4, rates=(0.2, 0.9), weighting=weighting)
    tokens = torch.randint(4, (2, 6, 5), generator=generator("tokens"))
    asked = objective.corrupted(T.Batch(tokens, None, tuple(streams([0, 1]))))
    clean, hidden, rate = asked.targets
    assert torch.equal(asked.inputs == 4, hidden) and torch.equal(asked.inputs[~hidden], tokens[~hidden])
    assert rate.min() > 0.2 and rate.max() <= 0.9 and torch.equal(clean, tokens)
    outputs = torch.randn(2, 6, 5, 4, dtype=DOUBLE, generator=generator("logits"))
    found = objective.loss(outputs, asked.targets)
    for m in range(2):
        for b in range(6):
            terms = [-float(outputs[m, b, i].log_softmax(0)[tokens[m, b, i]]) for i in range(5) if hidden[m, b, i]]
            count = max(len(terms), 1) if weighting == "masked" else 5 * float(rate[m, b])
            assert float(found[m, b]) == pytest.approx(sum(terms) / count, rel=1e-6)  # rates are single precision


class PerPosition(nn.Module):
    """Logits of each token from the token and its place alone: the best guess of a masked one is its marginal law."""

    def __init__(self, vocab=3, length=4):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(length, vocab + 1, vocab, dtype=DOUBLE))

    def forward(self, tokens):
        return self.table[torch.arange(tokens.shape[1]), tokens]


def test_masked_prediction_learns_the_marginals():
    """Cross-entropy of masked tokens against the entropy of independent ones, in closed form."""
    law = torch.tensor([0.6, 0.3, 0.1], dtype=DOUBLE)
    tokens = torch.multinomial(law, 4 * 5000, replacement=True, generator=generator("draws")).view(5000, 4)
    objective = T.masked_prediction(3, rates=(0.0, 1.0), weighting="rate")
    settings = config(loss=objective, optimizer="adam", learning_rate=0.05, max_steps=400, batch_size=128)
    data = T.MemberData.shared(tokens, torch.zeros(5000), sizes=[5000])
    result = T.train(PerPosition(), data, config=settings, generators=streams([0]))
    learned = result.net.table[:, 3].softmax(1)
    assert (learned - law).abs().max() < 0.06
    bound = T.evaluate(result.net, data, loss=objective, generators=streams([1], "test"))["loss"]
    assert float(bound[0]) == pytest.approx(float(torch.special.entr(law).sum()), rel=0.05)


def test_fully_masked_tokens_of_a_fast_net():
    """A corruption in front of the written-out gradient: all tokens masked, the hidden layers see zeros."""
    net = dense(range(2), vocab=4)
    masked = T.Objective(
        lambda outputs, targets: T.losses(outputs, targets, loss="cross_entropy"),
        corrupt=lambda batch: T.Batch(torch.full_like(batch.inputs, 4), batch.targets),
    )
    tokens = torch.randint(4, (40, 4), generator=generator("tokens"))
    data = T.MemberData.shared(tokens, labels(), sizes=[40, 40])
    found = T.evaluate(net, data, loss=masked)["loss"]
    assert torch.allclose(found, torch.full((2,), math.log(4), dtype=DOUBLE))
    result = T.train(net, data, config=config(loss=masked), generators=streams(range(2)))
    assert torch.allclose(flat(result.net), flat(net))  # relu(0) passes nothing to any weight


def test_labels_at_every_position():
    outputs = torch.randn(2, 3, 5, 4, dtype=DOUBLE, generator=generator("f"))
    targets = torch.randint(4, (2, 3, 5), generator=generator("y"))
    each = T.losses(outputs, targets, loss="cross_entropy")
    by_hand = functional.cross_entropy(outputs.flatten(0, 2), targets.flatten(), reduction="none").view(2, 3, 5)
    assert torch.allclose(each, by_hand.mean(2))
    assert torch.allclose(T.errors(outputs, targets), (outputs.argmax(3) != targets).double().mean(2))
    images = torch.randn(2, 3, 1, 4, 4, dtype=DOUBLE, generator=generator("images"))
    half = 0.5 * images.square().sum((2, 3, 4))
    assert torch.allclose(T.losses(images, torch.zeros_like(images), loss="mse"), half)
    assert torch.allclose(T.errors(images, torch.zeros_like(images)), 2 * half)


# ---- a stop before the step ---------------------------------------------------------------------------------------


def test_members_stop_at_the_weights_that_their_loss_belongs_to():
    sizes = [12, 40, 25]

    def outcome(members):
        data = T.MemberData.shared(real(), labels(), sizes=[sizes[k] for k in members])
        settings = config(
            batch_size=None,
            max_steps=400,
            learning_rate=0.5,
            stop_loss=0.7,
            stop_before_step=True,
            optimizer="momentum",
        )
        return T.train(dense(members), data, config=settings, generators=streams(members)), data

    together, data = outcome([0, 1, 2])
    assert set(together.stop_reasons) == {"stop_loss"} and len(set(together.steps.tolist())) > 1
    now = T.evaluate(together.net, data, loss="cross_entropy")["loss"]
    assert (now < 0.7).all() and torch.allclose(now, together.train_loss, atol=1e-12)
    for k in range(3):
        alone, _ = outcome([k])
        assert int(alone.steps[0]) == int(together.steps[k]) == alone.rows()[-1]["step"]
        assert torch.allclose(flat(alone.net)[0], flat(together.net)[k], atol=1e-9)


def test_a_loss_that_is_low_from_the_start_takes_no_step():
    data = T.MemberData.shared(real(), labels(), sizes=[40])
    settings = config(batch_size=None, stop_loss=1e3, stop_before_step=True)
    result = T.train(dense([0]), data, config=settings, generators=streams([0]))
    assert result.steps.tolist() == [0] and torch.equal(flat(result.net), flat(dense([0])))
    late = T.train(
        dense([0]),
        data,
        config=config(batch_size=None, stop_loss=1e-9, stop_before_step=True, max_steps=5),
        generators=streams([0]),
    )
    assert late.stop_reasons == ("max_steps",) and late.steps.tolist() == [5]


# ---- errors -------------------------------------------------------------------------------------------------------


def once(loss, **options):
    data = T.MemberData.shared(real(), options.pop("targets", labels()), sizes=[40])
    return T.train(options.pop("net", dense([0])), data, config=config(loss=loss, **options), generators=streams([0]))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: as_objective("cross-entropy"), r"loss must be one of .* or a callable .*got 'cross-entropy'"),
        (
            lambda: once(lambda net, batch: net(batch.inputs)),
            r"one loss per member and sample, \[1, 8\], got \[1, 8, 4\]",
        ),
        (lambda: once(T.Objective(lambda f, y: f.mean())), r"one loss per member and sample, \[1, 8\], got \[\]"),
        (
            lambda: T.evaluate(
                dense([0]), T.MemberData.shared(real(), labels(), sizes=[40]), loss=OBJECTIVES["denoising"]()
            ),
            "needs one generator per member: 1 members, 0 generators; give generators",
        ),
        (lambda: T.denoising(torch.tensor([1.5]), predict="noise", conditioned=False), r"fraction in \[0, 1\]"),
        (lambda: T.denoising(torch.tensor([]), predict="noise", conditioned=False), r"fraction in \[0, 1\]"),
        (lambda: T.masked_prediction(3, rates=(0.5, 0.2), weighting="rate"), "rates must be 0 ≤ low ≤ high ≤ 1"),
        (lambda: T.masked_prediction(3, rates=(0.0, 0.0), weighting="rate"), "rates must be 0 ≤ low ≤ high ≤ 1"),
        (lambda: config(stop_before_step=True, batch_size=None), "stop_before_step needs a stop_loss"),
        (
            lambda: config(stop_before_step=True, stop_loss=0.1),
            "stop_before_step needs a stop_loss and batch_size=None",
        ),
        (lambda: once("cross_entropy", targets=torch.zeros(40, 3).long()), r"one label per sample and position"),
        (lambda: once("mse", net=nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)).double()), r"got \[1\]: unsqueeze"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_is_no_choice():
    for make in (
        lambda: T.denoising(SIGNAL, predict="score", conditioned=False),
        lambda: T.masked_prediction(3, rates=(0.0, 1.0), weighting="none"),
        lambda: config(reduction="median"),
        lambda: as_objective(3),
    ):
        with pytest.raises((ValueError, TypeError)):  # the type checker of the tests may speak first
            make()


def test_descend_adds_to_what_is_there():
    """The gradient of a general callable is accumulated as that of an objective of the outputs."""
    batch = T.Batch(real(8)[None], labels(8)[None], tuple(streams([0])))
    gradients = []
    for objective in (as_objective("mse"), lambda net, b: T.losses(net(b.inputs), b.targets, loss="mse")):
        net = dense([0])
        for parameter in net.parameters():
            parameter.grad = torch.ones_like(parameter)
        descend(net, objective, batch, reduction="sum")
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in net.parameters()]))
    assert torch.allclose(*gradients, atol=1e-12)
