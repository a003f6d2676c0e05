"""Speed and memory of exact denoising on hierarchies, as ratios within one process, one thread; times come with ``make bench``.

The alternative is the strategy of the published code, restated with the axes it uses: symbols first, the nodes of all data in
one last axis; on the way down, the products of all children but one as a square table that is ones on its diagonal, and the sum
over rules as a table of all symbols by all rules, filled where a rule produces the symbol and zero elsewhere.
"""

import time

import psutil
import pytest
import torch

from quire.diffusion import epsilon_evidence, line_distances, mask, mask_evidence, pair_blocks, tree_blocks
from quire.hierarchy import RandomHierarchy, node_marginals, sample, sample_nodes
from quire.rng import generator

NOISE = 0.6


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def strings_of(vocab, num_rules, branching, depth, count):
    """A grammar, and data of it."""
    grammar = RandomHierarchy(vocab, num_rules, branching, depth, vocab, seed=0)
    return grammar, sample(grammar, count, seed=0, replacement=True).tokens.long()


def products_of_rules(rules, below):
    """For each of the v m rules and each node, the messages of its children: (rules, nodes, children)."""
    flat = rules.flatten(0, 1)
    children = below.unflatten(1, (-1, rules.shape[2]))
    return torch.stack([children[flat[:, i], :, i] for i in range(rules.shape[2])], 2), flat


def dense_tables(grammar, evidence):
    """Marginals of all nodes, by level from the leaves; each of shape (symbols, nodes of all data)."""
    vocab, num_rules, s = grammar.vocab, grammar.num_rules, grammar.branching
    up = [evidence.flatten(0, 1).T / evidence.flatten(0, 1).sum(1)]
    for rules in grammar.rules:
        chances, _ = products_of_rules(rules.long(), up[-1])
        message = chances.prod(2).unflatten(0, (vocab, num_rules)).sum(1)
        up.append(message / message.sum(0))
    down = torch.full_like(up[-1], 1 / vocab)
    marginals = [up[-1] * down / (up[-1] * down).sum(0)]
    for level in range(grammar.depth, 0, -1):
        chances, flat = products_of_rules(grammar.rules[level - 1].long(), up[level - 1])
        square = chances[..., None] @ torch.ones(1, s, dtype=chances.dtype)
        square[..., torch.arange(s), torch.arange(s)] = 1.0
        others = square.prod(2) * down.repeat_interleave(num_rules, 0)[..., None]
        table = torch.zeros(vocab, *others.shape, dtype=others.dtype)
        which = torch.arange(len(flat)).repeat_interleave(s)
        child = torch.arange(s).repeat(len(flat))
        table[flat.flatten(), which, :, child] = others[which, :, child]
        down = table.sum(1).flatten(1)
        down = down / down.sum(0)
        product = up[level - 1] * down
        marginals.append(product / product.sum(0))
    return marginals[::-1]


def cpu_times(*calls, rounds=3):
    """The best CPU time of each of several interleaved calls."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for place, call in enumerate(calls):
            start = time.process_time()
            call()
            best[place] = min(best[place], time.process_time() - start)
    return best


def peak_megabytes(call):
    """Largest resident memory of the process so far, above what it was before the call, in MB."""
    process = psutil.Process()
    before = process.memory_info().rss
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the high-water mark starts anew
    call()
    mark = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024
    return (mark - before) / 2**20


@pytest.mark.parametrize("depth,count,least", [(6, 8, 8.0), (8, 4, 10.0)], ids=["L6", "L8"])
def test_messages_beside_dense_tables(benchmark, depth, count, least):
    grammar, tokens = strings_of(32, 8, 2, depth, count)
    evidence = epsilon_evidence(tokens, 32, noise=NOISE)
    ours, theirs = node_marginals(grammar, evidence), dense_tables(grammar, evidence)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one.flatten(0, 1).T, other, rtol=1e-12, atol=1e-14)
    fast, slow = cpu_times(lambda: node_marginals(grammar, evidence), lambda: dense_tables(grammar, evidence))
    benchmark.pedantic(lambda: node_marginals(grammar, evidence), rounds=3)
    benchmark.extra_info.update(
        dense_tables=slow / fast,
        memory_dense=peak_megabytes(lambda: dense_tables(grammar, evidence)),
        memory_ours=peak_megabytes(lambda: node_marginals(grammar, evidence)),
    )
    assert slow / fast > least
