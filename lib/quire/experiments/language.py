"""Cells of the chapter on language: correlations, exact entropies and last-token predictors of one grammar each."""

import math

import torch

from quire import hierarchy as h
from quire.nets import AttentionConfig, TreeConfig, attention_only, tree_cnn
from quire.rng import generator
from quire.training import MemberData, TrainConfig, predict, train

__all__ = [
    "ensemble_correlations",
    "entropies",
    "last_token_curve",
    "sampled_correlations",
    "text_decay",
    "varying_codes",
]


def sampled_correlations(
    vocab: int, num_rules: int, branching: int, depth: int, seed: int, sizes: list[int]
) -> list[dict]:
    """Correlation of the last token with the one t before: in P data, its noise floor, and exactly."""
    grammar, last = _grammar(vocab, num_rules, branching, depth, seed), branching**depth - 1
    distances = range(1, last + 1)
    exact = [float(h.token_covariance(grammar, last - t, last).square().mean()) for t in distances]
    rows = []
    for size in sizes:
        tokens = h.sample(grammar, size, seed=seed, replacement=True).tokens
        for t, signal, found in zip(
            distances, exact, h.last_token_correlations(tokens, vocab, distances=distances), strict=True
        ):
            level = h.lca_level(grammar, last - t, last)
            rows.append(
                {
                    "samples": size,
                    "distance": t,
                    "level": level,
                    "measured": found.measured,
                    "floor": found.floor,
                    "exact": signal,
                    "rms": found.measured**0.5,
                    "exact_rms": signal**0.5,
                    "noise_constant": max(found.measured - signal, 0.0) * vocab**2 * size,
                }
            )
    return rows


def ensemble_correlations(vocab: int, num_rules: int, branching: int, depth: int, seed: int) -> list[dict]:
    """Exact squared correlations of one grammar at the first distance of every plateau, with both theories.

    Of the last token with the token there, and with the string of s tokens there (from the second plateau on).
    """
    grammar, last = _grammar(vocab, num_rules, branching, depth, seed), branching**depth - 1
    rows = []
    for level in range(1, depth + 1):
        t = branching ** (level - 1)
        string = math.nan
        if level > 1:
            node = (1, (last - t) // branching)
            string = float(h.string_token_covariance(grammar, node, last).square().mean())
        rows.append(
            {
                "level": level,
                "distance": t,
                "signal": float(h.token_covariance(grammar, last - t, last).square().mean()),
                "finite_size": h.ensemble_token_token(grammar, level),
                "asymptotic": h.asymptotic_token_token(grammar, level),
                "string_signal": string,
                "string_asymptotic": h.asymptotic_string_token(grammar, level),
                "threshold": h.step_threshold(grammar, level, weight_sharing=False),
            }
        )
    return rows


def entropies(
    vocab: int, num_rules: int, branching: int, depth: int, seed: int, contexts: list[int], probes: int
) -> list[dict]:
    """Exact entropy of the last token given n tokens, averaged over sampled contexts, and ln N̄ where n = s^l - 1."""
    grammar = _grammar(vocab, num_rules, branching, depth, seed)
    tokens = h.sample(grammar, probes, seed=seed, replacement=True, split="test").tokens
    aligned = {branching**level - 1: level for level in range(depth + 1)}
    rows = []
    for context, values in zip(contexts, h.conditional_entropies(grammar, tokens, contexts=contexts), strict=True):
        level = aligned.get(context, -1)
        bound = math.log(h.mean_candidates(grammar, level)) if level >= 0 else math.nan
        rows.append(
            {
                "context": context,
                "level": level,
                "entropy": float(values.mean()),
                "entropy_error": float(values.std()) / probes**0.5,
                "bound": bound,
            }
        )
    return rows


def last_token_curve(
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    network: str,
    width: int,
    context: int,
    seed: int,
    sizes: list[int],
    *,
    probes: int = 1024,
    learning_rate: float | None = None,
    max_steps: int = 4000,
    device: str = "cpu",
) -> list[dict]:
    """Loss of networks that predict the last token from the ``context`` before it, trained on nested sets of P data.

    Training, validation and test data are drawn without replacement, so that no datum is in two of them. Training stops
    early, and the weights are chosen, by the loss on validation data. The loss is the exact entropy plus the mean KL
    divergence of the exact law from the network's, over test contexts.

    Args:
        network: "cnn" (matched to the tree; momentum) or "transformer" (attention only, depth L, 4 heads; Adam).

    Returns:
        One row per size; ``validation_loss`` is the one by which settings may be compared.

    Raises:
        ValueError: the grammar has fewer data than the three sets need.
    """
    grammar = _grammar(vocab, num_rules, branching, depth, seed)
    parts = {"train": max(sizes), "validation": 1024, "test": probes}
    data = {name: part.tokens for name, part in h.sample_splits(grammar, parts, seed=seed, replacement=False).items()}
    inputs = {name: _masked(tokens, vocab, context) for name, tokens in data.items()}
    net = _network(grammar, network, width, len(sizes), seed).to(device)
    rate = learning_rate or {"cnn": 0.25, "transformer": 0.01}[network]
    config = TrainConfig(
        learning_rate=rate,
        max_steps=max_steps,
        batch_size=128,
        select="best",
        patience=4,
        checkpoints_per_decade=12,
        optimizer="momentum" if network == "cnn" else "adam",
        stop_loss=1e-3,
        on_divergence="stop",
    )
    sets = {
        name: MemberData.shared(inputs[name].to(device), data[name][:, -1].long().to(device), sizes=counts)
        for name, counts in (("train", sizes), ("validation", [1024] * len(sizes)))
    }
    orders = [generator("language.order", seed, member) for member in range(len(sizes))]
    result = train(net, sets["train"], config=config, generators=orders, validation=sets["validation"])
    law = h.last_token_posterior(grammar, data["test"], context=context)
    entropy = float(torch.special.entr(law).sum(-1).mean())
    outputs = predict(result.net, inputs["test"].to(device)).cpu().double().log_softmax(-1)
    excess = h.divergence(law.expand(len(sizes), -1, -1), outputs)
    return [
        {
            "samples": size,
            "loss": entropy + float(kl.mean()),
            "entropy": entropy,
            "divergence": float(kl.mean()),
            "divergence_error": float(kl.std()) / probes**0.5,
            "validation_loss": float(validated),
            "steps": int(steps),
            "best_step": int(best),
        }
        for size, kl, validated, steps, best in zip(
            sizes, excess, result.best_validation_loss, result.steps, result.best_step, strict=True
        )
    ]


def varying_codes(
    vocab: int, num_binary: int, num_ternary: int, depth: int, binary_probability: float, length: int, seed: int
) -> dict:
    """A text generated by a varying-tree grammar, as an artifact."""
    grammar = h.VaryingHierarchy(vocab, num_binary, num_ternary, depth, vocab, binary_probability, seed=seed)
    return {"text": h.varying_text(grammar, length, generator=generator("language.text", seed))}


def text_decay(text: torch.Tensor, vocab: int, *, distances: list[int], sizes: list[int], seeds: int) -> list[dict]:
    """Correlations of a text against distance, from P random windows and from all of it, and the horizon t*(P).

    The horizon of P is where the signal of the whole text, its own noise subtracted, meets the floor of P windows.
    """
    whole = h.text_correlations(text, vocab, distances=distances, num_windows=None)
    signal = [max(found.corrected, 1e-30) for found in whole]
    rows = [
        {
            "samples": len(text),
            "seed": 0,
            "distance": t,
            "measured": found.measured,
            "floor": found.floor,
            "signal": value,
            "rms": found.measured**0.5,
            "signal_rms": value**0.5,
            "norm": found.norm,
            "horizon": math.nan,
            "floor_constant": vocab * (found.floor * len(text)) ** 0.5,
            "whole": True,
        }
        for t, value, found in zip(distances, signal, whole, strict=True)
    ]
    for size in sizes:
        for seed in range(seeds):
            some = h.text_correlations(
                text, vocab, distances=distances, num_windows=size, generator=generator("language.windows", size, seed)
            )
            floor = sum(found.floor for found in some) / len(some)
            rows += [
                {
                    "samples": size,
                    "seed": seed,
                    "distance": t,
                    "measured": found.measured,
                    "floor": found.floor,
                    "signal": value,
                    "rms": found.measured**0.5,
                    "signal_rms": value**0.5,
                    "norm": found.norm,
                    "horizon": h.horizon(distances, signal, floor),
                    "whole": False,
                    "floor_constant": vocab * (max(found.measured - value, 0.0) * size) ** 0.5,
                }
                for t, value, found in zip(distances, signal, some, strict=True)
            ]
    return rows


def _grammar(vocab, num_rules, branching, depth, seed):
    """The convention of last-token prediction: as many roots as symbols, and no labels."""
    return h.RandomHierarchy(vocab, num_rules, branching, depth, vocab, seed=seed)


def _masked(tokens, vocab, context):
    """The last token, and all those before the context, replaced by the mask."""
    hidden = torch.full_like(tokens, vocab)
    hidden[:, -1 - context : -1] = tokens[:, -1 - context : -1]
    return hidden


def _network(grammar, network, width, members, seed):
    generators = [generator("language.init", seed, member) for member in range(members)]
    sizes = dict(vocab=grammar.vocab, num_classes=grammar.vocab, depth=grammar.depth, width=width)
    if network == "cnn":
        return tree_cnn(TreeConfig(filter_size=grammar.branching, **sizes), generators=generators)
    return attention_only(AttentionConfig(num_tokens=grammar.num_tokens, num_heads=4, **sizes), generators=generators)
