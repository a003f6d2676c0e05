"""Noise, evidence and exact restoration, against all data of a small grammar written out."""

from dataclasses import replace

import pytest
import torch

from quire.diffusion import (
    epsilon_evidence,
    gaussian_evidence,
    gaussian_noise,
    mask,
    mask_evidence,
    restored_nodes,
    true_beliefs,
    true_nodes,
    uniform_evidence,
    uniform_noise,
)
from quire.hierarchy import (
    RandomHierarchy,
    log_likelihood,
    node_marginals,
    parse,
    sample,
    sample_nodes,
    sample_posterior,
    tree_posterior,
)

VOCAB = 3


def stream(seed: int = 0) -> torch.Generator:
    """Random numbers."""
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def grammar() -> RandomHierarchy:
    """Small enough to write out."""
    return RandomHierarchy(vocab=VOCAB, num_rules=2, branching=2, depth=2, num_classes=3, seed=1)


@pytest.fixture(scope="module")
def everything(grammar) -> torch.Tensor:
    """All data, each once."""
    return sample(grammar, grammar.num_data, seed=0, replacement=False).tokens.long()


def evidences(tokens: torch.Tensor) -> dict[str, torch.Tensor]:
    """Evidence of every process, at a noise where much is lost and not all."""
    return {
        "epsilon": epsilon_evidence(tokens, VOCAB, noise=0.6),
        "mask": mask_evidence(tokens, VOCAB, seen=mask(tokens, rate=0.5, generator=stream())),
        "uniform": uniform_evidence(uniform_noise(tokens, VOCAB, signal=0.4, generator=stream()), VOCAB, signal=0.4),
        "gaussian": gaussian_evidence(gaussian_noise(tokens, VOCAB, signal=0.3, generator=stream()), signal=0.3),
    }


def posterior(evidence: torch.Tensor, everything: torch.Tensor) -> torch.Tensor:
    """P(datum | evidence) by writing it out: samples × data."""
    picked = torch.stack(
        [evidence[:, place].index_select(1, everything[:, place]) for place in range(evidence.shape[1])]
    )
    weights = picked.prod(0)
    return weights / weights.sum(1, keepdim=True)


@pytest.mark.parametrize("name", ["epsilon", "mask", "uniform", "gaussian"])
def test_marginals_beliefs_and_likelihoods_are_sums_over_all_data(grammar, everything, name):
    tokens = sample(grammar, 20, seed=3, replacement=True).tokens
    evidence = evidences(tokens)[name]
    law, nodes = posterior(evidence, everything), true_nodes(grammar, everything)
    for level, marginal in enumerate(node_marginals(grammar, evidence)):
        for node in range(marginal.shape[1]):
            for symbol in range(marginal.shape[2]):
                expected = law[:, nodes[level][:, node] == symbol].sum(1)
                assert torch.allclose(marginal[:, node, symbol], expected, atol=1e-14)
    picked = torch.stack([evidence[:, place].index_select(1, everything[:, place]) for place in range(4)]).prod(0)
    assert torch.allclose(log_likelihood(grammar, evidence).exp(), picked.mean(1), rtol=1e-12)
    true = true_beliefs(grammar, tokens, evidence)
    assert torch.allclose(true.below[-1], true.everywhere[-1], atol=1e-14)  # the root has nothing above it
    assert torch.allclose(true.below[0], evidence.gather(2, tokens.long()[..., None])[..., 0] / evidence.sum(2))


@pytest.mark.parametrize("name", ["epsilon", "mask", "uniform", "gaussian"])
def test_restored_data_have_the_law_given_the_evidence(grammar, everything, name):
    evidence = evidences(everything[:3])[name]
    drawn = sample_nodes(grammar, evidence, draws=20_000, generator=stream(1))
    law = posterior(evidence, everything)
    same = (drawn[0][:, :, None] == everything[None, None]).all(3)
    assert bool((same.sum(2) == 1).all())  # each draw is one of the data
    assert torch.allclose(same.double().mean(1), law, atol=5 * 0.5 / 20_000**0.5)
    parsed = parse(grammar, drawn[0].flatten(0, 1))
    for level in range(3):
        assert torch.equal(parsed.levels[level], drawn[level].flatten(0, 1).to(parsed.levels[level].dtype))


@pytest.mark.parametrize("name", ["mask", "uniform", "gaussian"])
def test_tower_rule_of_real_channels(name):
    """What is restored agrees with what was there as often as the posterior believes: an identity of Bayes' rule."""
    grammar = RandomHierarchy(vocab=8, num_rules=3, branching=2, depth=3, num_classes=8, seed=0)
    tokens = sample(grammar, 4000, seed=0, replacement=True).tokens.long()
    evidence = {
        "mask": lambda: mask_evidence(tokens, 8, seen=mask(tokens, rate=0.4, generator=stream())),
        "uniform": lambda: uniform_evidence(uniform_noise(tokens, 8, signal=0.7, generator=stream()), 8, signal=0.7),
        "gaussian": lambda: gaussian_evidence(gaussian_noise(tokens, 8, signal=0.6, generator=stream()), signal=0.6),
    }[name]()
    believed = true_beliefs(grammar, tokens, evidence).everywhere
    restored = restored_nodes(grammar, tokens, evidence, draws=1, generator=stream(2))
    for belief, kept in zip(believed, restored, strict=True):
        difference = (kept[:, 0].double() - belief).mean(1)
        assert abs(float(difference.mean())) < 4 * float(difference.std()) / 4000**0.5
        surest = node_marginals(grammar, evidence)[0].square().sum(2).mean()
    assert float(believed[0].mean()) == pytest.approx(float(surest), abs=0.02)  # E[P(true)] = E[Σ P²]


def test_exact_sampling_does_not_depend_on_the_memory_it_may_take(grammar, everything):
    evidence = evidences(everything)["uniform"]
    whole = node_marginals(grammar, evidence)
    for budget in (1, 2**12):
        for one, other in zip(whole, node_marginals(grammar, evidence, budget_bytes=budget), strict=True):
            assert torch.equal(one, other)
        drawn = sample_nodes(grammar, evidence, draws=2, generator=stream(), budget_bytes=budget)
        assert drawn[0].shape == (len(evidence), 2, 4) and drawn[2].shape == (len(evidence), 2, 1)
    trees = sample_posterior(grammar, evidence, generator=stream(), budget_bytes=1)
    assert trees.labels.shape == (len(evidence),) and trees.choices.shape == (len(evidence), 3)


def test_relabelling_the_symbols_relabels_the_beliefs(grammar, everything):
    evidence, order = evidences(everything)["gaussian"], torch.tensor([2, 0, 1])
    place = torch.argsort(order)
    rules = (place[grammar.rules[0].long()].to(grammar.rules[0].dtype), *grammar.rules[1:])
    renamed = replace(grammar, rules=rules)
    before, after = node_marginals(grammar, evidence), node_marginals(renamed, evidence[..., order])
    assert torch.allclose(after[0], before[0][..., order], atol=1e-14)
    assert torch.allclose(after[1], before[1], atol=1e-14) and torch.allclose(after[2], before[2], atol=1e-14)


def test_without_noise_all_is_restored_and_with_nothing_but_noise_nothing_is_known(grammar, everything):
    for evidence in (
        epsilon_evidence(everything, VOCAB, noise=0.0),
        mask_evidence(everything, VOCAB, seen=mask(everything, rate=0.0, generator=stream())),
        uniform_evidence(uniform_noise(everything, VOCAB, signal=1.0, generator=stream()), VOCAB, signal=1.0),
        gaussian_evidence(gaussian_noise(everything, VOCAB, signal=1.0, generator=stream()), signal=1.0),
        gaussian_evidence(gaussian_noise(everything, VOCAB, signal=1 - 1e-9, generator=stream()), signal=1 - 1e-9),
    ):
        assert all(
            bool(kept.all()) for kept in restored_nodes(grammar, everything, evidence, draws=2, generator=stream())
        )
    for evidence in (
        epsilon_evidence(everything, VOCAB, noise=1.0),
        mask_evidence(everything, VOCAB, seen=mask(everything, rate=1.0, generator=stream())),
        uniform_evidence(uniform_noise(everything, VOCAB, signal=0.0, generator=stream()), VOCAB, signal=0.0),
        gaussian_evidence(gaussian_noise(everything, VOCAB, signal=0.0, generator=stream()), signal=0.0),
    ):
        assert torch.allclose(
            tree_posterior(grammar, evidence).below()[2], torch.full((1,), 1 / 3, dtype=torch.float64)
        )
        assert torch.allclose(
            log_likelihood(grammar, evidence / evidence.sum(2, keepdim=True)), torch.tensor(3.0).log().double() * -4
        )


def test_noise_is_what_it_says():
    tokens = torch.randint(8, (200, 500), generator=stream())
    seen = mask(tokens, rate=0.3, generator=stream(1))
    assert float(seen.double().mean()) == pytest.approx(0.7, abs=0.01)
    noisy = uniform_noise(tokens, 8, signal=0.6, generator=stream(1))
    assert float((noisy == tokens).double().mean()) == pytest.approx(0.6 + 0.4 / 8, abs=0.01)
    soft = gaussian_noise(tokens, 8, signal=0.25, generator=stream(1))
    assert float(soft.mean()) == pytest.approx(0.5 / 8, abs=0.01) and float(soft.var()) == pytest.approx(
        0.75 + 0.25 * 7 / 64, abs=0.01
    )


def test_gaussian_evidence_is_the_ratio_of_the_densities():
    signal, noisy = 0.3, torch.randn(5, 4, 3, generator=stream(), dtype=torch.float64)
    centres = signal**0.5 * torch.eye(3, dtype=torch.float64)
    logs = -(noisy[..., None, :] - centres).square().sum(-1) / (2 * (1 - signal))
    assert torch.allclose(gaussian_evidence(noisy, signal=signal), torch.softmax(logs, -1), atol=1e-14)


def tokens() -> torch.Tensor:
    """Two tokens."""
    return torch.tensor([[0, 1]])


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: epsilon_evidence(tokens(), 3, noise=-0.1), r"noise must lie in \[0, 1\]"),
        (lambda: epsilon_evidence(tokens(), 1, noise=0.1), r"tokens must be in \[0, 1\)"),
        (lambda: epsilon_evidence(tokens().float(), 3, noise=0.1), "tokens must be integers"),
        (lambda: mask(tokens(), rate=1.5, generator=stream()), "rate must lie in"),
        (lambda: uniform_evidence(tokens() + 2, 3, signal=0.5), r"tokens must be in \[0, 3\)"),
        (lambda: uniform_noise(tokens(), 3, signal=float("nan"), generator=stream()), "signal must lie in"),
        (lambda: gaussian_noise(tokens(), 3, signal=2.0, generator=stream()), "signal must lie in"),
        (lambda: gaussian_evidence(torch.full((1, 2, 3), float("inf")), signal=0.5), "must be finite"),
        (lambda: gaussian_evidence(torch.zeros(1, 2, 3), signal=-1.0), "signal must lie in"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_strings_of_another_grammar_have_no_tree(grammar):
    foreign = torch.stack(torch.meshgrid(*4 * [torch.arange(3)], indexing="ij")).flatten(1).T
    with pytest.raises(ValueError, match="are not of this grammar"):
        true_nodes(grammar, foreign)
    with pytest.raises(ValueError, match="draws must be at least 1"):
        sample_nodes(grammar, epsilon_evidence(tokens().repeat(1, 2), 3, noise=0.5), draws=0, generator=stream())
