"""The data set of torch: its items are those of the samplers, in a loader with workers too; latents are the parse."""

import pytest
import torch
from torch.utils.data import DataLoader

from quire.hierarchy import HierarchyDataset, RandomHierarchy, parse, sample

GRAMMAR = RandomHierarchy(vocab=5, num_rules=3, branching=2, depth=3, num_classes=4, seed=1)
ASKED = dict(seed=3, replacement=False)


def test_items_are_samples():
    data, drawn = HierarchyDataset(GRAMMAR, 50, **ASKED), sample(GRAMMAR, 50, **ASKED)
    assert (
        len(data) == 50
        and torch.equal(data.tokens, drawn.tokens.long())
        and torch.equal(data.labels, drawn.labels.long())
    )
    tokens, label = data[7]
    assert tokens.dtype == label.dtype == torch.int64 and tokens.shape == (8,) and label.shape == ()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_gives_every_datum_once(workers):
    data = HierarchyDataset(GRAMMAR, 50, latents=True, **ASKED)
    batches = list(DataLoader(data, batch_size=8, shuffle=True, num_workers=workers))
    assert [len(labels) for _, labels, _ in batches] == [8] * 6 + [2]
    tokens = torch.cat([batch[0] for batch in batches])
    assert {tuple(row) for row in tokens.tolist()} == {tuple(row) for row in data.tokens.tolist()}
    for seen, labels, latents in batches:
        levels = parse(GRAMMAR, seen).levels
        assert torch.equal(levels[-1].flatten().long(), labels) and torch.equal(latents[:, -1], labels)
        assert torch.equal(latents[:, :4], levels[1].long()) and latents.shape[1] == 4 + 2 + 1


def test_tokens_go_into_an_embedding():
    tokens, _ = HierarchyDataset(GRAMMAR, 4, **ASKED)[[0, 1]]
    assert torch.nn.Embedding(5, 3)(tokens).shape == (2, 8, 3)


def test_splits_share_no_datum():
    train, test = (HierarchyDataset(GRAMMAR, 40, split=split, **ASKED).tokens.tolist() for split in ("train", "test"))
    assert not {tuple(row) for row in train} & {tuple(row) for row in test}
