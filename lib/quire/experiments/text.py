"""Measurements on a text: Shakespeare where the data are at hand, a generated one everywhere."""

import torch

from quire import hierarchy as h
from quire.data import load
from quire.experiments.language import text_decay, varying_codes
from quire.nets import AttentionConfig, attention_only
from quire.rng import generator
from quire.training import MemberData, TrainConfig, predict, train

__all__ = ["character_correlations", "character_losses"]

GRAMMAR = {"vocab": 12, "num_binary": 1, "num_ternary": 1, "depth": 6, "binary_probability": 0.5, "seed": 0}
HELD_OUT = 0.1  # of the text, for the validation windows, and as much for the test windows


def character_correlations(
    source: str, *, length: int, distances: list[int], sizes: list[int], seeds: int
) -> list[dict]:
    """Correlation of characters against distance, from P random windows and from all of a text.

    Args:
        source: "shakespeare" (his complete works in the public copy), or "generated" by a grammar of varying trees.
        length: tokens of the generated text; the whole of Shakespeare is used.
        distances: in characters.
        sizes: numbers P of windows.
        seeds: draws of the windows.

    Raises:
        MissingData: Shakespeare is asked for, is not stored, and cannot be downloaded.
        ValueError: another source.
    """
    return text_decay(*_text(source, length), distances=distances, sizes=sizes, seeds=seeds)


def character_losses(
    source: str,
    *,
    length: int,
    context: int,
    reach: int,
    sizes: list[int],
    seed: int,
    width: int,
    depth: int,
    init_scale: float,
    learning_rate: float,
    max_steps: int,
    held_out_windows: int,
    priors: list[float],
    batch_size: int = 32,
    device: str = "cpu",
) -> list[dict]:
    """Test loss of transformers, and of counts, that predict a character from the t before it, from P windows.

    The text is cut into three stretches: the P windows come from the first; training stops, weights and the counts' prior
    are chosen by the loss on windows of the second; the loss is measured on windows of the third.

    Args:
        source: "shakespeare" or "generated".
        length: tokens of the generated text.
        context: t.
        reach: the largest t of the comparison; the predicted characters are the same for every t.
        sizes: numbers P of windows, nested.
        seed: of windows, initial weights and order.
        width: of the transformer (4 heads).
        depth: attention layers.
        init_scale: standard deviation of the initial weights.
        learning_rate: of Adam, at the start; a cosine brings it to a twentieth at the longest training.
        max_steps: longest training.
        held_out_windows: validation windows, and as many test windows.
        priors: strengths κ among which the validation set chooses.
        batch_size: windows per step.

    Raises:
        MissingData: Shakespeare is asked for, is not stored, and cannot be downloaded.
        ValueError: another source, or a reach that the text cannot hold.
    """
    text, vocab = _text(source, length)
    windows = {
        name: h.text_windows(
            part,
            max(sizes) if name == "train" else held_out_windows,
            context=context,
            reach=reach,
            generator=generator("text.windows", name, seed),
        )
        for name, part in h.split_text(text, held_out=HELD_OUT).items()
    }
    sets = {
        name: MemberData.shared(
            torch.nn.functional.pad(rows[:, :-1], (0, 1), value=vocab).to(device),  # the last character is masked
            rows[:, -1].to(device),
            sizes=sizes if name == "train" else [held_out_windows] * len(sizes),
        )
        for name, rows in windows.items()
    }
    streams = {
        kind: [generator(f"text.{kind}", seed, member) for member in range(len(sizes))] for kind in ("init", "order")
    }
    shape = AttentionConfig(
        num_tokens=context + 1,
        vocab=vocab,
        num_classes=vocab,
        depth=depth,
        width=width,
        num_heads=4,
        init_scale=init_scale,
    )
    config = TrainConfig(
        learning_rate=learning_rate,
        max_steps=max_steps,
        batch_size=batch_size,
        optimizer="adam",
        schedule="cosine",
        final_fraction=0.05,
        select="best",
        patience=4,
        checkpoints_per_decade=12,
        on_divergence="stop",
    )
    net = attention_only(shape, generators=streams["init"]).to(device)
    result = train(net, sets["train"], config=config, generators=streams["order"], validation=sets["validation"])
    outputs = predict(result.net, sets["test"].inputs).cpu().double().log_softmax(-1)
    losses = -outputs.gather(2, windows["test"][:, -1:].expand(len(sizes), -1, 1))[..., 0]
    return [
        {
            "samples": size,
            "loss": float(loss.mean()),
            "loss_error": float(loss.std()) / held_out_windows**0.5,
            "validation_loss": float(best),
            "steps": int(steps),
            "best_step": int(best_step),
            "stopped_by": reason,
            **_counted(windows, size, vocab, priors),
        }
        for size, loss, best, steps, best_step, reason in zip(
            sizes, losses, result.best_validation_loss, result.steps, result.best_step, result.stop_reasons, strict=True
        )
    ]


def _text(source: str, length: int) -> tuple[torch.Tensor, int]:
    """Codes of the characters, and the size of the alphabet."""
    if source == "shakespeare":
        works = load("shakespeare")
        return torch.from_numpy(works.inputs.astype("int64")), len(works.classes)
    if source == "generated":
        return varying_codes(**GRAMMAR, length=length)["text"], GRAMMAR["vocab"]
    raise ValueError(f'source must be "shakespeare" or "generated", got {source!r}')


def _counted(windows: dict[str, torch.Tensor], size: int, vocab: int, priors: list[float]) -> dict:
    """Test loss of the counting n-gram, with the prior that is best on the validation windows."""
    longest = next(n for n in range(windows["train"].shape[1] - 1, -1, -1) if vocab**n < 2**62)

    def loss(model, rows):
        return -float(model.law(rows).gather(1, rows[:, -1:]).log().mean())

    models = [
        h.CountingNgram.fit(windows["train"][:size], vocab, context=longest, prior_strength=prior) for prior in priors
    ]
    best = min(models, key=lambda model: loss(model, windows["validation"]))
    return {"counting_loss": loss(best, windows["test"]), "counting_prior": best.prior_strength, "counted": longest}
