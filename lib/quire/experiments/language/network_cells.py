"""Cells with networks that predict a masked last token: JSON arguments to rows."""

import torch
from torch import nn

from quire.experiments.language.grammars import last_token_grammar
from quire.hierarchy import RandomHierarchy, divergence, last_token_posterior, sample_splits
from quire.nets import AttentionConfig, TreeConfig, attention_only, tree_cnn
from quire.rng import generator
from quire.training import MemberData, TrainConfig, TrainResult, predict, train
from quire.types import Tensor

__all__ = ["last_token_curve"]

RATES = {"cnn": 0.25, "lcn": 0.25, "transformer": 0.01}  # learning rates unless said otherwise
VALIDATION = 1024  # data by which training is stopped


def last_token_curve(
    *,
    vocab: int,
    num_rules: int,
    branching: int,
    depth: int,
    network: str,
    width: int,
    context: int,
    seed: int,
    sizes: list,
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
        vocab, num_rules, branching, depth: of the grammar.
        network: "cnn" (matched to the tree; momentum), "lcn" (the same without shared weights) or "transformer" (attention
            only, depth L, 4 heads; Adam).
        width: of every layer; of the transformer a multiple of four.
        context: tokens that are not masked.
        seed: of the grammar, the data, the initial weights and their order.
        sizes: numbers P of data.
        probes: test contexts, two or more.
        learning_rate: as in :class:`quire.training.TrainConfig`; None takes that of RATES.
        max_steps: longest training.
        device: where it is trained.

    Returns:
        One row per size; ``validation_loss`` is the one by which settings may be compared.

    Raises:
        ValueError: another network, or a grammar with fewer data than the three sets need.
    """
    if network not in RATES:
        raise ValueError(f"network must be one of {list(RATES)}, got {network!r}")
    grammar = last_token_grammar(vocab, num_rules, branching, depth, seed=seed)
    parts = {"train": max(sizes), "validation": VALIDATION, "test": probes}
    data = {name: part.tokens for name, part in sample_splits(grammar, parts, seed=seed, replacement=False).items()}
    net = _network(grammar, network, width, len(sizes), seed).to(device)
    config = _config(network, learning_rate or RATES[network], max_steps)
    sets = {
        name: MemberData.shared(
            _masked(data[name], vocab, context).to(device), data[name][:, -1].long().to(device), sizes=counts
        )
        for name, counts in (("train", sizes), ("validation", [VALIDATION] * len(sizes)))
    }
    orders = [generator("language.order", seed, member) for member in range(len(sizes))]
    result = train(net, sets["train"], config=config, generators=orders, validation=sets["validation"])
    law = last_token_posterior(grammar, data["test"], context=context)
    outputs = predict(result.net, _masked(data["test"], vocab, context).to(device)).cpu().double().log_softmax(-1)
    return _rows(sizes, law, outputs, result)


def _rows(sizes: list, law: Tensor, outputs: Tensor, result: TrainResult) -> list[dict]:
    entropy = float(torch.special.entr(law).sum(-1).mean())
    excess = divergence(law.expand(len(sizes), -1, -1), outputs)
    ends = zip(sizes, excess, result.best_validation_loss, result.steps, result.best_step, strict=True)
    return [
        {
            "samples": size,
            "loss": entropy + float(kl.mean()),
            "entropy": entropy,
            "divergence": float(kl.mean()),
            "divergence_error": float(kl.std()) / len(law) ** 0.5,
            "validation_loss": float(validated),
            "steps": int(steps),
            "best_step": int(best),
        }
        for size, kl, validated, steps, best in ends
    ]


def _masked(tokens: Tensor, vocab: int, context: int) -> Tensor:
    """The last token, and all those before the context, replaced by the mask."""
    hidden = torch.full_like(tokens, vocab)
    hidden[:, -1 - context : -1] = tokens[:, -1 - context : -1]
    return hidden


def _network(grammar: RandomHierarchy, network: str, width: int, members: int, seed: int) -> nn.Module:
    generators = [generator("language.init", seed, member) for member in range(members)]
    sizes = dict(vocab=grammar.vocab, num_classes=grammar.vocab, depth=grammar.depth, width=width)
    if network != "transformer":
        tree = TreeConfig(filter_size=grammar.branching, weight_sharing=network == "cnn", **sizes)
        return tree_cnn(tree, generators=generators)
    return attention_only(AttentionConfig(num_tokens=grammar.num_tokens, num_heads=4, **sizes), generators=generators)


def _config(network: str, learning_rate: float, max_steps: int) -> TrainConfig:
    return TrainConfig(
        learning_rate=learning_rate,
        max_steps=max_steps,
        batch_size=128,
        select="best",
        patience=4,
        checkpoints_per_decade=12,
        optimizer="adam" if network == "transformer" else "momentum",
        stop_loss=1e-3,
        on_divergence="stop",
    )
