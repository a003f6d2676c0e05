"""Training eight tree-matched U-Nets together, beside one network of convolutions at a time; any-order sampling, beside the naive loop.

The ratios (time of the other over ours, interleaved, best of the rounds) and the growth of resident memory are in ``extra_info``.
"""

import math
import resource
import time

import torch
from torch import nn
from torch.nn import functional

from quire.diffusion import MaskedSampler, masked_loss, sample_any_order
from quire.nets import tree_unet
from quire.rng import generator
from quire.training import MemberData, TrainConfig, train

MEMBERS, WIDTH, VOCAB, DEPTH, BATCH, STEPS, ROUNDS = 8, 48, 16, 3, 128, 25, 3
LENGTH, STRINGS, NAIVE_STEPS = 2**DEPTH, 512, 1000


class Plain(nn.Module):
    """The same U-Net as a user would write it: one network, one-hot tokens, convolutions."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Conv1d(VOCAB, WIDTH, 1)
        self.down = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 2, stride=2) for _ in range(DEPTH))
        self.up = nn.ModuleList(nn.ConvTranspose1d(WIDTH, WIDTH, 2, stride=2) for _ in range(DEPTH))
        self.mix = nn.ModuleList(nn.Conv1d(2 * WIDTH, WIDTH, 1) for _ in range(DEPTH))
        self.leave = nn.Conv1d(WIDTH, VOCAB, 1)

    def forward(self, tokens):
        onehot = functional.one_hot(tokens, VOCAB + 1)[..., :VOCAB].float().transpose(1, 2)
        kept = [functional.gelu(self.enter(onehot))]
        for layer in self.down:
            kept.append(functional.gelu(layer(kept[-1])))
        state = kept.pop()
        for up, mix in zip(self.up, self.mix, strict=True):
            state = functional.gelu(mix(torch.cat([kept.pop(), functional.gelu(up(state))], 1)))
        return self.leave(state).transpose(1, 2)


def one_at_a_time(tokens):
    for _ in range(MEMBERS):
        net = Plain()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        for _ in range(STEPS):
            batch = tokens[torch.randint(len(tokens), (BATCH,))].long()
            hidden = torch.rand(batch.shape) < torch.rand(BATCH, 1)
            logits = net(batch.masked_fill(hidden, VOCAB))
            loss = (functional.cross_entropy(logits.transpose(1, 2), batch, reduction="none") * hidden).sum(1)
            optimizer.zero_grad()
            (loss / hidden.sum(1).clamp_min(1)).mean().backward()
            optimizer.step()


def together(tokens):
    net = tree_unet(
        VOCAB, branching=2, depth=DEPTH, width=WIDTH, generators=[generator("w", k) for k in range(MEMBERS)]
    )
    data = MemberData.shared(tokens, torch.zeros(len(tokens)), sizes=[len(tokens)] * MEMBERS)
    config = TrainConfig(
        learning_rate=1e-3, max_steps=STEPS, batch_size=BATCH, optimizer="adam", loss=masked_loss(VOCAB, weight="flat")
    )
    return train(net, data, config=config, generators=[generator("b", k) for k in range(MEMBERS)])


def interleaved(runs):
    """Best time of each run, and how much the largest resident size grew in its first round, in MB."""
    best, grown = dict.fromkeys(runs, math.inf), {}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            before, start = resident(), time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
            grown.setdefault(name, resident() - before)
    return best, grown


def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_ensemble_of_unets(benchmark):
    tokens = torch.randint(VOCAB, (2048, LENGTH), generator=generator("tokens"))
    best, grown = interleaved({"ensemble": lambda: together(tokens), "one_at_a_time": lambda: one_at_a_time(tokens)})
    benchmark.extra_info["ratio_one_at_a_time"] = round(best["one_at_a_time"] / best["ensemble"], 2)
    benchmark.extra_info |= {f"grown_mb_{name}": round(value, 1) for name, value in grown.items()}
    result = benchmark.pedantic(lambda: together(tokens), rounds=1, iterations=1)
    assert (result.steps == STEPS).all()
    assert best["one_at_a_time"] > 0.7 * best["ensemble"]


@torch.no_grad()
def test_any_order_sampling(benchmark):
    net = tree_unet(VOCAB, branching=2, depth=DEPTH, width=WIDTH, generators=[generator("w")])

    def any_order():
        return sample_any_order(net, (1, STRINGS, LENGTH), mask=VOCAB, generator=generator("any"))

    def naive():
        sampler, random = MaskedSampler(NAIVE_STEPS, mask=VOCAB), generator("naive")
        tokens = torch.full((1, STRINGS, LENGTH), VOCAB)
        for timestep in sampler.timesteps:
            tokens = sampler.step(net(tokens), timestep, tokens, generator=random).prev_sample
        return tokens

    best, grown = interleaved({"any_order": any_order, "naive": naive})
    benchmark.extra_info["ratio_naive_loop"] = round(best["naive"] / best["any_order"], 1)
    benchmark.extra_info["tokens_per_second"] = round(STRINGS * LENGTH / best["any_order"])
    benchmark.extra_info |= {f"grown_mb_{name}": round(value, 1) for name, value in grown.items()}
    assert int(benchmark.pedantic(any_order, rounds=1, iterations=1).max()) < VOCAB
    assert best["naive"] > 10 * best["any_order"]
