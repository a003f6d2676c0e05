"""Training 16 tree-matched networks of width 64 together, beside one by one and ``torch.func.vmap``, in the same process.

The ratios (time of the other over ours, interleaved, best of the rounds) are in ``extra_info``; nothing absolute is asserted.
"""

import math
import time

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional

from quire import nets
from quire import training as T
from quire.rng import generator

MEMBERS, WIDTH, VOCAB, CLASSES, SAMPLES, STEPS, ROUNDS = 16, 64, 8, 8, 2048, 40, 2
RATE, MOMENTUM = 0.02, 0.9


def problem(depth):
    inputs = torch.randint(VOCAB, (SAMPLES, 2**depth), generator=generator("x", depth)).to(torch.uint8)
    labels = torch.randint(CLASSES, (SAMPLES,), generator=generator("y", depth))
    config = nets.TreeConfig(
        filter_size=2, depth=depth, width=WIDTH, num_classes=CLASSES, vocab=VOCAB, readout="ntk", whitening="none"
    )
    ensemble = nets.tree_cnn(config, generators=[generator("init", k) for k in range(MEMBERS)])
    return inputs, labels, ensemble


def plain_net(ensemble, member):
    """The member as convolutions with stride equal to kernel."""
    layers, channels = [], VOCAB
    for weight in ensemble.weights:
        conv = nn.Conv1d(channels, WIDTH, 2, stride=2, bias=False)
        conv.weight.data = weight[member].detach().view(2, channels, WIDTH).permute(2, 1, 0) / math.sqrt(2 * channels)
        layers += [conv, nn.ReLU()]
        channels = WIDTH
    readout = nn.Linear(WIDTH, CLASSES, bias=False)
    readout.weight.data = ensemble.readout[member].detach().t() * ensemble.output_scale
    return nn.Sequential(*layers, nn.Flatten(), readout)


def together(inputs, labels, ensemble, batch):
    data = T.MemberData.shared(inputs, labels, sizes=[SAMPLES] * MEMBERS)
    config = T.TrainConfig(
        learning_rate=RATE, momentum=MOMENTUM, optimizer="momentum", batch_size=batch, max_steps=STEPS
    )
    return T.train(ensemble, data, config=config, generators=[generator("order", k) for k in range(MEMBERS)])


def one_by_one(onehot, labels, plain, batch):
    for member, net in enumerate(plain):
        order = generator("order", member)
        optimizer = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM)
        for _ in range(STEPS):
            index = torch.randint(SAMPLES, (batch,), generator=order)
            optimizer.zero_grad()
            functional.cross_entropy(net(onehot[index]), labels[index]).backward()
            optimizer.step()


def mapped(onehot, labels, plain, batch):
    template = plain[0]
    weights, _ = stack_module_state(plain)
    velocity = {name: torch.zeros_like(weight) for name, weight in weights.items()}

    def loss(parameters, images, targets):
        return functional.cross_entropy(functional_call(template, parameters, (images,)), targets)

    step = vmap(grad(loss))
    order = generator("order")
    for _ in range(STEPS):
        index = torch.randint(SAMPLES, (MEMBERS, batch), generator=order)
        gradient = step({name: weight.detach() for name, weight in weights.items()}, onehot[index], labels[index])
        with torch.no_grad():
            for name, weight in weights.items():
                velocity[name].mul_(MOMENTUM).add_(gradient[name])
                weight.sub_(velocity[name], alpha=RATE)


@pytest.mark.parametrize("depth, batch", [(2, 32), (2, 128), (3, 32)])
def test_ensemble_training(benchmark, depth, batch):
    inputs, labels, ensemble = problem(depth)
    plain = [plain_net(ensemble, member) for member in range(MEMBERS)]
    onehot = functional.one_hot(inputs.long(), VOCAB).float().transpose(1, 2).contiguous()
    same = torch.stack([net(onehot[:64]) for net in plain])
    assert torch.allclose(ensemble(inputs[:64]), same, atol=1e-4)

    others = {
        "one_by_one": lambda: one_by_one(onehot, labels, plain, batch),
        "vmap": lambda: mapped(onehot, labels, plain, batch),
    }
    best = dict.fromkeys((*others, "ensemble"), math.inf)
    everything = others | {"ensemble": lambda: together(inputs, labels, ensemble, batch)}
    for _ in range(ROUNDS):
        for name, run in everything.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    for name in others:
        benchmark.extra_info[f"ratio_{name}"] = round(best[name] / best["ensemble"], 2)
    benchmark.extra_info["threads"] = torch.get_num_threads()
    result = benchmark.pedantic(everything["ensemble"], rounds=ROUNDS, iterations=1)
    assert (result.steps == STEPS).all()
