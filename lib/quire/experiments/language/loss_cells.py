"""Cells with learners of a text, transformers and counts, that predict the next character: JSON arguments to rows."""

import torch
from torch import nn

from quire.experiments.language.texts import characters
from quire.hierarchy import CountingNgram, split_text, text_windows
from quire.nets import AttentionConfig, attention_only
from quire.rng import generator
from quire.training import MemberData, TrainConfig, TrainResult, predict, train
from quire.types import Tensor

__all__ = ["character_losses"]

HELD_OUT = 0.1  # of the text, for the validation windows, and as much for the test windows


def character_losses(
    *,
    source: str,
    length: int,
    context: int,
    reach: int,
    sizes: list,
    seed: int,
    width: int,
    depth: int,
    init_scale: float,
    learning_rate: float,
    max_steps: int,
    held_out_windows: int,
    priors: list,
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
        held_out_windows: validation windows, and as many test windows; two or more.
        priors: strengths κ among which the validation set chooses.
        batch_size: windows per step.
        device: where it is trained.

    Raises:
        MissingData: Shakespeare is asked for, is not stored, and cannot be downloaded.
        ValueError: another source, or a reach that the text cannot hold.
    """
    text, vocab = characters(source, length)
    counts = {"train": max(sizes), "validation": held_out_windows, "test": held_out_windows}
    windows = {
        name: text_windows(part, counts[name], context=context, reach=reach, generator=_stream(name, seed))
        for name, part in split_text(text, held_out=HELD_OUT).items()
    }
    sets = {
        name: _members(rows, vocab, sizes if name == "train" else [held_out_windows] * len(sizes), device)
        for name, rows in windows.items()
    }
    net = _network(context, vocab, depth, width, init_scale, _streams("init", seed, sizes)).to(device)
    config = _config(learning_rate, max_steps, batch_size)
    orders = _streams("order", seed, sizes)
    result = train(net, sets["train"], config=config, generators=orders, validation=sets["validation"])
    outputs = predict(result.net, sets["test"].inputs).cpu().double().log_softmax(-1)
    losses = -outputs.gather(2, windows["test"][:, -1:].expand(len(sizes), -1, 1))[..., 0]
    counted = [_counted(windows, size, vocab, priors) for size in sizes]
    return [{**row, **counts} for row, counts in zip(_rows(sizes, losses, result), counted, strict=True)]


def _rows(sizes: list, losses: Tensor, result: TrainResult) -> list[dict]:
    ends = zip(result.best_validation_loss, result.steps, result.best_step, result.stop_reasons, strict=True)
    return [
        {
            "samples": size,
            "loss": float(loss.mean()),
            "loss_error": float(loss.std()) / len(loss) ** 0.5,
            "validation_loss": float(best),
            "steps": int(steps),
            "best_step": int(best_step),
            "stopped_by": reason,
        }
        for size, loss, (best, steps, best_step, reason) in zip(sizes, losses, ends, strict=True)
    ]


def _members(windows: Tensor, vocab: int, sizes: list, device: str) -> MemberData:
    """Windows with their last character masked, and that character."""
    masked = nn.functional.pad(windows[:, :-1], (0, 1), value=vocab)
    return MemberData.shared(masked.to(device), windows[:, -1].to(device), sizes=sizes)


def _stream(name: str, seed: int) -> torch.Generator:
    return generator("text.windows", name, seed)


def _streams(kind: str, seed: int, sizes: list) -> list[torch.Generator]:
    return [generator(f"text.{kind}", seed, member) for member in range(len(sizes))]


def _network(
    context: int, vocab: int, depth: int, width: int, init_scale: float, generators: list[torch.Generator]
) -> nn.Module:
    shape = AttentionConfig(
        num_tokens=context + 1,
        vocab=vocab,
        num_classes=vocab,
        depth=depth,
        width=width,
        num_heads=4,
        init_scale=init_scale,
    )
    return attention_only(shape, generators=generators)


def _config(learning_rate: float, max_steps: int, batch_size: int) -> TrainConfig:
    return TrainConfig(
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


def _counted(windows: dict[str, Tensor], size: int, vocab: int, priors: list) -> dict:
    """Test loss of the counting n-gram, with the prior that is best on the validation windows."""
    longest = next(n for n in range(windows["train"].shape[1] - 1, -1, -1) if vocab**n < 2**62)

    def loss(model: CountingNgram, rows: Tensor) -> float:
        return -float(model.law(rows).gather(1, rows[:, -1:]).log().mean())

    train = windows["train"][:size]
    models = [CountingNgram.fit(train, vocab, context=longest, prior_strength=prior) for prior in priors]
    best = min(models, key=lambda model: loss(model, windows["validation"]))
    return {"counting_loss": loss(best, windows["test"]), "counting_prior": best.prior_strength, "counted": longest}
