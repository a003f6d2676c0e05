"""The training loop: against torch's optimizers, and the independence of the members."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from quire import nets
from quire import training as T
from quire.rng import generator

DOUBLE = torch.float64


def tree(members, dtype=DOUBLE, width=12, **changes):
    config = nets.TreeConfig(
        **{"filter_size": 2, "depth": 2, "width": width, "num_classes": 3, "vocab": 4, "readout": "ntk"} | changes
    )
    return nets.tree_cnn(config, generators=[generator("init", k) for k in range(members)], dtype=dtype)


def orders(members):
    return [generator("order", k) for k in range(members)]


def samples(count=96, seed=0):
    """Labels that a small net can learn: the largest of three symbol counts."""
    inputs = torch.randint(4, (count, 4), generator=generator("x", seed)).to(torch.uint8)
    labels = torch.stack([(inputs == symbol).sum(1) for symbol in range(3)], 1).argmax(1)
    return inputs, labels.to(torch.uint8)


def config(**changes):
    return T.TrainConfig(**{"learning_rate": 0.2, "max_steps": 40, "batch_size": 16} | changes)


def flat(net):
    return torch.cat([parameter.detach().flatten(1) for parameter in net.parameters()], 1)


def run(net, sizes, settings_, **options):
    data = T.MemberData.shared(*samples(), sizes=sizes)
    return T.train(net, data, config=settings_, generators=orders(net.members), **options)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "exponential"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_equals_torch_optimizers_on_the_whole_set(optimizer, schedule):
    """Full batch, weight decay, schedule: the same weights as torch.optim on the same objective."""
    settings_ = config(
        optimizer=optimizer, schedule=schedule, final_fraction=0.1, batch_size=None, max_steps=12, weight_decay=0.01
    )
    net = tree(1)
    result = run(net, [20], settings_)
    twin = tree(1)
    make = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.2, weight_decay=0.01),
        "momentum": lambda p: torch.optim.SGD(p, lr=0.2, momentum=0.9, weight_decay=0.01),
        "adam": lambda p: torch.optim.Adam(p, lr=0.2, weight_decay=0.01),
    }[optimizer]
    optim = make(twin.parameters())
    inputs, labels = samples()
    for step in range(12):
        phase = step / 12
        factor = {
            "constant": 1.0,
            "cosine": 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * phase)),
            "exponential": 0.1**phase,
        }[schedule]
        optim.param_groups[0]["lr"] = 0.2 * factor
        optim.zero_grad()
        functional.cross_entropy(twin(inputs[:20])[0], labels[:20].long()).backward()
        optim.step()
    assert torch.allclose(flat(result.net), flat(twin), atol=1e-9)
    assert torch.equal(flat(net), flat(tree(1)))  # the net that was given is not touched


@pytest.mark.parametrize("kind", ["cnn", "lcn", "transformer", "dense"])
def test_members_train_as_if_alone(kind):
    """Three sizes, one early end, one learning rate each: equal to three separate runs, and to the reversed order."""
    config_of = {
        "cnn": lambda inits: nets.tree_cnn(tree(1).config, generators=inits, dtype=DOUBLE),
        "lcn": lambda inits: nets.tree_cnn(tree(1, weight_sharing=False).config, generators=inits, dtype=DOUBLE),
        "transformer": lambda inits: nets.attention_only(
            nets.AttentionConfig(num_tokens=4, vocab=4, num_classes=3, depth=2, width=8, num_heads=2),
            generators=inits,
            dtype=DOUBLE,
        ),
        "dense": lambda inits: nets.fully_connected(
            nets.FullyConnectedConfig(num_inputs=4, depth=2, width=8, num_classes=3, vocab=4),
            generators=inits,
            dtype=DOUBLE,
        ),
    }[kind]
    sizes, rates = [24, 7, 96], (0.1, 0.3, 0.2)
    held_out = samples(50, seed=1)

    def outcome(members):
        net = config_of([generator("init", k) for k in members])
        data = T.MemberData.shared(*samples(), sizes=[sizes[k] for k in members])
        validation = T.MemberData.shared(*held_out, sizes=[50] * len(members))
        settings_ = config(
            learning_rate=tuple(rates[k] for k in members),
            optimizer="momentum",
            stop_loss=0.4,
            max_epochs=12,
            max_steps=None,
        )
        return T.train(
            net, data, config=settings_, generators=[generator("order", k) for k in members], validation=validation
        )

    together, backward = outcome([0, 1, 2]), outcome([2, 1, 0])
    assert len(set(together.steps.tolist())) > 1
    for k in range(3):
        alone = outcome([k])
        for other, row in ((together, k), (backward, 2 - k)):
            assert alone.stop_reasons[0] == other.stop_reasons[row]
            assert int(alone.steps[0]) == int(other.steps[row])
            assert torch.allclose(flat(alone.net)[0], flat(other.net)[row], atol=1e-10)
            assert torch.allclose(alone.train_loss[0], other.train_loss[row], atol=1e-10)
            assert int(alone.best_step[0]) == int(other.best_step[row])
        mine = [entry for entry in together.rows() if entry["member"] == k]
        last_alone, last = alone.rows()[-1], mine[-1]
        assert last["step"] == last_alone["step"] == int(together.steps[k])
        assert last["validation_loss"] == pytest.approx(last_alone["validation_loss"], abs=1e-10)


def test_determinism():
    first, second = (run(tree(3, torch.float32), [10, 20, 90], config()) for _ in range(2))
    assert torch.equal(flat(first.net), flat(second.net))
    assert torch.equal(first.history["train_loss"], second.history["train_loss"])


def test_mean_field_learning_rate_is_scaled_with_the_width():
    """The run with the scale equals the run with readout and rate written by hand."""
    field = tree(1, readout="mean_field")
    result = run(field, [20], config(learning_rate=0.1))
    assert result.history["learning_rate"].tolist() == pytest.approx([0.1 * 12] * len(result.rows()))
    adam = run(field, [20], config(learning_rate=0.1, optimizer="adam"))
    assert set(adam.history["learning_rate"].tolist()) == {0.1}


def test_learning_lowers_the_loss_and_stops_below_the_threshold():
    result = run(tree(4), [16, 32, 64, 96], config(optimizer="momentum", max_steps=600, stop_loss=0.05))
    assert set(result.stop_reasons) == {"stop_loss"}
    assert (result.train_loss < 0.05).all()
    assert (result.steps % torch.tensor([1, 2, 4, 6]) == 0).all()  # ends of epochs
    outcome = T.evaluate(result.net, T.MemberData.shared(*samples(), sizes=[16, 32, 64, 96]), loss="cross_entropy")
    assert (outcome["error"] == 0).all()


def test_best_weights_are_those_of_the_best_checkpoint():
    held_out = T.MemberData.shared(*samples(60, seed=3), sizes=[60, 60])
    settings_ = config(learning_rate=0.5, optimizer="momentum", max_steps=200, select="best")
    result = run(tree(2), [8, 12], settings_, validation=held_out)
    again = T.evaluate(result.net, held_out, loss="cross_entropy")["loss"]
    assert torch.allclose(again, result.best_validation_loss, atol=1e-12)
    for entry in result.rows():
        assert entry["validation_loss"] >= float(result.best_validation_loss[entry["member"]]) - 1e-12
    last = run(tree(2), [8, 12], config(**{**vars(settings_), "select": "last"}), validation=held_out)
    assert (T.evaluate(last.net, held_out, loss="cross_entropy")["loss"] > again).all()


def test_patience_ends_a_member_that_no_longer_improves():
    held_out = T.MemberData.shared(*samples(60, seed=3), sizes=[60])
    settings_ = config(learning_rate=0.5, optimizer="momentum", max_steps=5000, patience=4)
    result = run(tree(1), [8], settings_, validation=held_out)
    steps = result.history["step"].tolist()
    assert result.stop_reasons == ("patience",)
    assert steps.index(int(result.best_step[0])) == len(steps) - 5
    assert steps[-1] == int(result.steps[0]) < 5000


def test_each_member_may_have_its_own_set():
    sets = [samples(30, seed=5), samples(20, seed=6)]
    data = T.MemberData.concatenate(sets, sizes=[25, 20])
    index = torch.tensor([[0, 24], [19, 3]])
    inputs, labels = data.batch(index)
    for member, (x, y) in enumerate(sets):
        assert torch.equal(inputs[member], x[index[member]])
        assert torch.equal(labels[member], y[index[member]])
    together = T.train(tree(2), data, config=config(), generators=orders(2))
    alone = T.train(
        tree(2).select([1]), T.MemberData.concatenate(sets[1:]), config=config(), generators=[generator("order", 1)]
    )
    assert torch.allclose(flat(together.net)[1], flat(alone.net)[0], atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 200), batch=st.integers(1, 50), blocks=st.integers(1, 3))
def test_sampler_passes_through_permutations(size, batch, blocks):
    sampler = T.BatchSampler([size, 3], batch, orders(2))
    stream = torch.cat([sampler.next()[0] for _ in range(64 * blocks)])
    epochs = stream[: stream.numel() // size * size].view(-1, size)
    assert torch.equal(epochs.sort(1).values, torch.arange(size).expand_as(epochs))
    alone = T.BatchSampler([size], batch, orders(1))
    assert torch.equal(torch.cat([alone.next()[0] for _ in range(64 * blocks)]), stream)


def test_sampler_keeps_the_streams_of_the_remaining_members():
    whole, part = (T.BatchSampler([5, 9, 200], 4, orders(3)) for _ in range(2))
    for _ in range(10):
        whole.next(), part.next()
    part.keep([0, 2])
    for _ in range(100):
        assert torch.equal(whole.next()[[0, 2]], part.next())


def test_losses_by_hand():
    outputs = torch.randn(2, 3, 4, dtype=DOUBLE, generator=generator("f"))
    labels = torch.tensor([[0, 1, 2], [3, 3, 0]])
    for m in range(2):
        for b in range(3):
            f, y = outputs[m, b], labels[m, b]
            entropy = -f[y] + f.exp().sum().log()
            assert T.losses(outputs, labels, loss="cross_entropy")[m, b] == pytest.approx(float(entropy))
            square = 0.5 * (f - functional.one_hot(y, 4)).square().sum()
            assert T.losses(outputs, labels, loss="mse")[m, b] == pytest.approx(float(square))
            assert T.errors(outputs, labels)[m, b] == float(f.argmax() != y)
    single, signs = outputs[..., :1], torch.tensor([[1, -1, 1], [-1, 1, 1]])
    hinge = (1 - single[..., 0] * signs).clamp_min(0)
    assert torch.equal(T.losses(single, signs, loss="hinge"), hinge)
    assert torch.equal(T.errors(single, signs), (single[..., 0].sign() != signs).double())
    real = torch.randn(2, 3, 4, dtype=DOUBLE, generator=generator("y"))
    assert torch.allclose(T.losses(outputs, real, loss="mse"), 0.5 * (outputs - real).square().sum(2))
    assert torch.allclose(T.errors(outputs, real), (outputs - real).square().sum(2))
    assert torch.allclose(T.losses(single, real[..., 0], loss="mse"), 0.5 * (single[..., 0] - real[..., 0]) ** 2)


def test_hinge_and_real_inputs():
    """The stripe model: one hidden layer learns a band of one coordinate."""
    inputs = torch.randn(256, 5, generator=generator("x"))
    signs = torch.where((inputs[:, 0] > -0.3) & (inputs[:, 0] < 1.18549), 1, -1)
    config_ = nets.FullyConnectedConfig(num_inputs=5, depth=1, width=64, num_classes=1, vocab=None, bias="normal")
    net = nets.fully_connected(config_, generators=[generator("init", k) for k in range(2)])
    data = T.MemberData.shared(inputs, signs, sizes=[256, 128])
    settings_ = config(loss="hinge", learning_rate=1.0, batch_size=None, max_steps=500)
    result = T.train(net, data, config=settings_, generators=orders(2))
    before, after = (T.evaluate(n, data, loss="hinge") for n in (net, result.net))
    assert (after["error"] < 0.25 * before["error"]).all()


def test_evaluate_and_predict_do_not_depend_on_the_chunks():
    net = tree(2)
    data = T.MemberData.shared(*samples(), sizes=[96, 41])
    whole, parts = (T.evaluate(net, data, loss="cross_entropy", chunk_size=size) for size in (1000, 7))
    inputs, labels = samples()
    for member, size in enumerate([96, 41]):
        loss = functional.cross_entropy(net(inputs[:size])[member].detach(), labels[:size].long())
        assert whole["loss"][member] == pytest.approx(float(loss), abs=1e-12)
        assert parts["loss"][member] == pytest.approx(float(loss), abs=1e-12)
        assert parts["error"][member] == whole["error"][member]
    assert torch.allclose(T.predict(net, inputs, chunk_size=5), net(inputs).detach(), atol=1e-14)
    plain = torch.nn.Linear(4, 3, dtype=DOUBLE)
    real = inputs.double()
    assert torch.allclose(T.predict(plain, real)[0], plain(real).detach(), atol=1e-14)
    one = T.evaluate(plain, T.MemberData.shared(real, labels, sizes=[96]), loss="cross_entropy")
    loss = functional.cross_entropy(plain(real).detach(), labels.long())
    assert float(one["loss"][0]) == pytest.approx(float(loss), abs=1e-12)


def test_whole_set_steps_with_different_sizes_and_ends():
    """Gradient descent on whole sets of unequal size: each member as if alone, also after one has ended."""
    settings_ = config(batch_size=None, max_steps=300, stop_loss=0.3, optimizer="momentum")
    together = run(tree(3), [12, 96, 30], settings_)
    assert len(set(together.steps.tolist())) > 1
    for k, size in enumerate([12, 96, 30]):
        alone = run(tree(3).select([k]), [size], settings_)
        assert int(alone.steps[0]) == int(together.steps[k])
        assert torch.allclose(flat(alone.net)[0], flat(together.net)[k], atol=1e-9)


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
def test_vision_training_with_augmentation(strategy):
    """A plain net: trained copy with fresh statistics, the same alone and in a stack."""
    images = torch.rand(40, 1, 16, 16, generator=generator("images"), dtype=DOUBLE)
    labels = (images[:, 0, :8].mean((1, 2)) > images[:, 0, 8:].mean((1, 2))).long()
    plain = [
        nets.build("vgg3-bn", input_shape=(1, 16, 16), num_classes=2, generator=generator("init", k), dtype=DOUBLE)
        for k in range(2)
    ]
    settings_ = config(optimizer="adam", learning_rate=0.01, max_epochs=3, max_steps=None)
    options = {"config": settings_, "augment": T.random_shift(2, flip=True)}
    both = T.train(
        nets.stack(plain, strategy=strategy),
        T.MemberData.shared(images, labels, sizes=[40, 40]),
        generators=orders(2),
        **options,
    )
    alone = T.train(
        plain[1], T.MemberData.shared(images, labels, sizes=[40]), generators=[generator("order", 1)], **options
    )
    member = both.net.member(1)
    assert not member.training
    assert int(alone.net.bn1.num_batches_tracked) == int(alone.steps[0]) == 9
    for (name, ours), theirs in zip(alone.net.state_dict().items(), member.state_dict().values(), strict=True):
        assert torch.allclose(ours.double(), theirs.double(), atol=1e-9), name
    assert torch.count_nonzero(plain[1].bn1.running_mean) == 0


def test_random_shift_moves_by_whole_pixels():
    images = torch.zeros(2, 50, 1, 9, 9)
    images[..., 4, 4] = 1.0
    moved = T.random_shift(2)(images, orders(2))
    assert torch.equal(moved.sum((2, 3, 4)), torch.ones(2, 50))
    positions = moved.flatten(2).argmax(2)
    rows, columns = positions // 9 - 4, positions % 9 - 4
    assert rows.abs().max() == columns.abs().max() == 2
    assert not torch.equal(moved[0], moved[1])
    mirrored = T.random_shift(0, flip=True)(torch.arange(6.0).view(1, 1, 1, 2, 3).repeat(1, 40, 1, 1, 1), orders(1))
    kinds = {tuple(image.flatten().tolist()) for image in mirrored[0]}
    assert kinds == {(0.0, 1.0, 2.0, 3.0, 4.0, 5.0), (2.0, 1.0, 0.0, 5.0, 4.0, 3.0)}


def test_callback_and_checkpoints():
    seen = []
    run(tree(2), [10, 20], config(max_steps=100, checkpoints_per_decade=2), callback=seen.append)
    assert [entry["step"] for entry in seen] == [1, 3, 10, 32, 100] == T.checkpoints(100, 2)
    assert all(entry["active"] == [0, 1] for entry in seen)


def test_history_averages_the_loss_between_checkpoints():
    """With one step per checkpoint interval the first entry is the loss of the initial net on its batch."""
    result = run(tree(1), [16], config(max_steps=1, batch_size=None))
    inputs, labels = samples()
    loss = functional.cross_entropy(tree(1)(inputs[:16])[0].detach(), labels[:16].long())
    assert result.rows()[0]["train_loss"] == pytest.approx(float(loss), abs=1e-12)
    assert math.isnan(result.rows()[0]["validation_loss"])
    assert math.isnan(float(result.best_validation_loss[0]))


def test_divergence_names_member_step_and_learning_rate():
    settings_ = config(learning_rate=(0.1, 1e200), max_steps=100, loss="mse")
    with pytest.raises(
        FloatingPointError, match=r"member 1 is (nan|inf) at step \d+ \(learning rate 1e\+200.*20 samples"
    ):
        run(tree(2), [10, 20], settings_)
    going_on = run(tree(2), [10, 20], config(**{**vars(settings_), "on_divergence": "stop"}))
    assert going_on.stop_reasons == ("max_steps", "diverged")
    assert int(going_on.steps[0]) == 100 and int(going_on.steps[1]) < 16
    alone = run(tree(1), [10], config(max_steps=100, loss="mse", learning_rate=0.1))
    assert torch.allclose(flat(going_on.net)[0], flat(alone.net)[0], atol=1e-12)


def pair():
    return T.MemberData.shared(*samples(), sizes=[10, 10])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: T.MemberData.shared(*samples(), sizes=[10, 97]), "member 1 asks for 97 samples.*96 rows"),
        (lambda: T.MemberData.shared(*samples(), sizes=[0]), "member 0 asks for 0 samples"),
        (lambda: T.MemberData.concatenate([samples(5)], sizes=[6]), "asks for 6 samples, its set has 5"),
        (lambda: T.MemberData.shared(torch.zeros(3, 2), torch.zeros(4), sizes=[1]), "as many samples"),
        (
            lambda: T.train(tree(3), pair(), config=config(), generators=orders(3)),
            "data must have one entry per network",
        ),
        (lambda: T.train(tree(2), pair(), config=config(), generators=orders(1)), "generators must have one entry"),
        (lambda: run(tree(2), [9, 9], config(patience=2)), "need a validation set"),
        (lambda: run(tree(2), [9, 9], config(select="best")), "need a validation set"),
        (lambda: run(tree(2), [9, 9], config(learning_rate=(0.1,) * 3)), "one number or 2"),
        (lambda: run(tree(2), [9, 9], config(loss="hinge")), "hinge needs a network with one output"),
        (lambda: run(tree(2, vocab=2), [9, 9], config()), r"tokens must lie in 0\.\.2"),
        (lambda: T.evaluate(tree(1), pair(), loss="mse"), "one member per network"),
        (lambda: T.random_shift(-1), "max_pixels must be"),
        (lambda: config(max_epochs=3), "exactly one of max_steps and max_epochs"),
        (lambda: config(learning_rate=0.0), "learning_rate must be positive"),
        (lambda: config(learning_rate=math.nan), "learning_rate must be positive"),
        (lambda: config(batch_size=0), "batch_size must be at least 1"),
        (lambda: config(stop_window=0), "stop_window must be at least 1"),
        (lambda: config(momentum=1.0), r"momentum must lie in \[0, 1\)"),
        (lambda: config(optimizer="adam", adam_betas=(0.9, 1.0)), "adam_betas must lie"),
        (lambda: config(weight_decay=-1.0), "weight_decay must be"),
        (lambda: config(stop_loss=0.0), "stop_loss must be positive"),
        (lambda: config(schedule="cosine", final_fraction=2.0), "final_fraction must lie"),
        (lambda: config(schedule="exponential"), "needs final_fraction > 0"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", ["optimizer", "loss", "schedule", "select", "on_divergence"])
def test_unknown_options(name):
    with pytest.raises((ValueError, TypeError)):  # the type checker of the tests may speak first
        config(**{name: "something"})


def test_real_targets_need_another_loss():
    inputs, _ = samples()
    data = T.MemberData.shared(inputs, torch.zeros(96), sizes=[5])
    with pytest.raises(ValueError, match="cross_entropy needs integer labels"):
        T.train(tree(1), data, config=config(), generators=orders(1))
