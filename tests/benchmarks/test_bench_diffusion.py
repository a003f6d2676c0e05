"""Speed and memory of exact denoising on hierarchies, as ratios within one process, one thread; times come with ``make bench``.

The alternative is the strategy of the published code, restated with the axes it uses: symbols first, the nodes of all data in
one last axis; on the way down, the products of all children but one as a square table that is ones on its diagonal, and the sum
over rules as a table of all symbols by all rules, filled where a rule produces the symbol and zero elsewhere.
"""

import math
import time
from pathlib import Path

import psutil
import pytest
import torch

from quire.diffusion import epsilon_evidence, line_distances, mask, mask_evidence, pair_blocks, tree_blocks
from quire.diffusion.blocks import Blocks
from quire.hierarchy import RandomHierarchy, node_marginals, sample, sample_nodes
from quire.rng import generator

NOISE = 0.6
STEPS = 12  # of the process that fills in token by token; its time is that of a step, times the tokens that are hidden


pytestmark = pytest.mark.usefixtures("one_thread")


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
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    call()
    mark = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
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


@pytest.mark.parametrize(
    "axis,values",
    [("depth", (4, 6, 8)), ("vocab", (16, 32, 64)), ("count", (8, 16, 32))],
    ids=["depth", "vocab", "count"],
)
def test_the_cost_is_linear_in_rules_tokens_and_data(benchmark, axis, values):
    """Time against the number of messages that rules need, d v m B: the exponent is printed; one with caches that are too small."""
    base = dict(vocab=32, depth=7, count=16)
    work, times = [], []
    for value in values:
        size = {**base, axis: value}
        grammar, tokens = strings_of(size["vocab"], 8, 2, size["depth"], size["count"])
        evidence = epsilon_evidence(tokens, size["vocab"], noise=NOISE)
        work.append(2 ** size["depth"] * size["vocab"] * 8 * size["count"])
        times.append(cpu_times(lambda g=grammar, e=evidence: node_marginals(g, e))[0])
    exponent = math.log(times[-1] / times[0]) / math.log(work[-1] / work[0])
    benchmark.pedantic(lambda: node_marginals(grammar, evidence), rounds=1)
    benchmark.extra_info.update(exponent=exponent)
    assert exponent < 1.35


def test_restoring_beside_a_process_of_many_steps(benchmark):
    """x_0 given x_t in one pass, beside filling in one masked token after the other with the same exact denoiser."""
    grammar, tokens = strings_of(32, 8, 2, 8, 16)
    seen = mask(tokens, rate=0.3, generator=generator("bench", 0))
    stream = generator("bench", 1)

    def token_by_token():
        known, strings = seen.clone(), tokens.clone()
        for _ in range(STEPS):
            law = node_marginals(grammar, mask_evidence(strings, 32, seen=known))[0]
            place = (~known).double().argmax(1, keepdim=True)
            picked = law.gather(1, place[..., None].expand(-1, -1, 32))[:, 0]
            strings.scatter_(1, place, torch.multinomial(picked, 1, generator=stream))
            known.scatter_(1, place, True)
        return strings

    def in_one_pass():
        return sample_nodes(grammar, mask_evidence(tokens, 32, seen=seen), draws=1, generator=stream)

    fast, slow = cpu_times(in_one_pass, token_by_token, rounds=2)
    hidden = int((~seen).sum(1).max())
    benchmark.pedantic(in_one_pass, rounds=3)
    benchmark.extra_info.update(
        token_by_token=slow / fast * hidden / STEPS,
        tokens_per_second=tokens.numel() / fast,
        memory=peak_megabytes(in_one_pass),
    )
    assert slow / fast > STEPS / 2


def test_blocks_of_trees_beside_all_pairs(benchmark):
    """Sums over blocks, beside the covariance of every pair of leaves."""
    spins = torch.rand(200, 4, 1024, generator=generator("bench", 2)) < 0.3
    distances = line_distances(1024)

    def by_pairs() -> Blocks:
        return pair_blocks(spins, distances, order="alike")

    def by_blocks() -> Blocks:
        return tree_blocks(spins, 2, order="alike")

    assert by_blocks().susceptibility == pytest.approx(by_pairs().susceptibility)
    fast, slow = cpu_times(by_blocks, by_pairs)
    benchmark.pedantic(by_blocks, rounds=3)
    benchmark.extra_info.update(
        all_pairs=slow / fast, memory_pairs=peak_megabytes(by_pairs), memory_blocks=peak_megabytes(by_blocks)
    )
    assert slow / fast > 3


def test_a_small_tree_beside_a_library_of_exact_inference(benchmark):
    """Variable elimination of a well-kept library, one datum at a time, on the tree as a Bayesian network: a node for each
    symbol and each rule, and one with soft evidence below each leaf."""
    models = pytest.importorskip("pgmpy.models")
    factors = pytest.importorskip("pgmpy.factors.discrete")
    inference = pytest.importorskip("pgmpy.inference")
    grammar, tokens = strings_of(4, 2, 2, 3, 1)
    evidence = epsilon_evidence(tokens, 4, noise=NOISE)
    network = models.DiscreteBayesianNetwork()
    tables = []
    for level in range(3, -1, -1):
        for node in range(2 ** (3 - level)):
            name = f"symbol {level} {node}"
            if level == 3:
                tables.append(factors.TabularCPD(name, 4, [[0.25]] * 4))
            else:
                parent, child = f"{level + 1} {node // 2}", node % 2
                network.add_edges_from([(f"symbol {parent}", name), (f"rule {parent}", name)])
                produced = grammar.rules[level][..., child].flatten()
                columns = (torch.arange(4)[:, None] == produced).double().tolist()
                tables.append(factors.TabularCPD(name, 4, columns, [f"symbol {parent}", f"rule {parent}"], [4, 2]))
            if level:
                tables.append(factors.TabularCPD(f"rule {level} {node}", 2, [[0.5]] * 2))
    network.add_cpds(*tables)
    soft = [factors.TabularCPD(f"symbol 0 {p}", 4, evidence[0, p][:, None].tolist()) for p in range(8)]
    engine = inference.VariableElimination(network)

    def theirs():
        return engine.query(["symbol 3 0"], virtual_evidence=soft, show_progress=False)

    def ours():
        return node_marginals(grammar, evidence)

    assert torch.allclose(ours()[3][0, 0], torch.tensor(theirs().values), atol=1e-9)
    fast, slow = cpu_times(ours, theirs)
    benchmark.pedantic(ours, rounds=3)
    benchmark.extra_info.update(library=slow / fast)
    assert slow / fast > 3
