"""The tree-matched U-Net: an ensemble is its members, weights have their scale, receptive fields are sub-trees."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from quire.diffusion import masked_loss
from quire.hierarchy import RandomHierarchy, sample
from quire.nets import tree_unet
from quire.training import MemberData, TrainConfig, train

SIZES = dict(branching=2, depth=3, width=6)


def streams(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def net_of(*seeds):
    return tree_unet(5, **SIZES, generators=streams(*seeds), dtype=torch.float64)


def random_tokens(members=2, batch=7):
    return torch.randint(6, (members, batch, 8), generator=torch.Generator().manual_seed(3))


def test_ensemble_is_each_net_alone():
    tokens = random_tokens()
    together = net_of(0, 1)(tokens).detach()
    for member in range(2):
        alone = net_of(member)(tokens[member : member + 1])
        assert torch.allclose(together[member : member + 1], alone, rtol=1e-12, atol=1e-14)


def test_it_is_the_convolutions_that_it_says():
    net, tokens = net_of(4), random_tokens(1)
    onehot = functional.one_hot(tokens[0].clamp_max(4), 5).double() * (tokens[0] < 5)[..., None]
    biases = [0.1 * torch.randn(one.shape, generator=streams(5)[0], dtype=torch.float64) for one in net.biases]
    with torch.no_grad():
        for own, drawn in zip(net.biases, biases, strict=True):
            own.copy_(drawn)
    own = [one[0, 0] for one in biases]
    state = functional.gelu(onehot @ net.enter[0] + own.pop(0)).mT
    kept = [state]
    for weight in net.down:
        kernel = weight[0].view(2, 6, 6).permute(2, 1, 0)
        kept.append(functional.gelu(functional.conv1d(kept[-1], kernel, own.pop(0), stride=2)))
    state = kept.pop()
    for widen, mix in zip(reversed(net.widen), reversed(net.mix), strict=True):
        bias = own.pop(0).view(2, 6)
        kernel = widen[0].view(6, 2, 6).permute(0, 2, 1)
        wide = functional.conv_transpose1d(state, kernel, stride=2)
        wide = functional.gelu(wide + bias.T.repeat(1, wide.shape[2] // 2))
        both = torch.cat([kept.pop(), wide], 1)
        state = functional.gelu(functional.conv1d(both, mix[0].T[..., None], own.pop(0)))
    logits = state.mT @ net.leave[0] + own.pop(0)
    assert torch.allclose(net(tokens)[0], logits, rtol=1e-10, atol=1e-12)


def test_training_in_company_is_training_alone():
    grammar = RandomHierarchy(5, 2, 2, 3, 5, seed=0)
    tokens = sample(grammar, 60, seed=0, replacement=True).tokens
    config = TrainConfig(
        learning_rate=1e-2, max_steps=5, batch_size=16, optimizer="adam", loss=masked_loss(5, weight="flat")
    )

    def trained(*seeds, sizes):
        data = MemberData.shared(tokens, torch.zeros(60), sizes=sizes)
        return train(net_of(*seeds), data, config=config, generators=streams(*[10 + one for one in seeds])).net

    together, alone = trained(0, 1, sizes=[20, 60]), trained(1, sizes=[60])
    shown = random_tokens(1)
    assert torch.allclose(together.select([1])(shown), alone(shown), rtol=1e-8, atol=1e-10)
    assert not torch.allclose(alone(shown), net_of(1)(shown), atol=1e-3)


def test_initial_logits_are_small_at_any_width():
    spread = [
        float(tree_unet(5, branching=2, depth=3, width=width, generators=streams(0))(random_tokens(1)).detach().std())
        for width in (16, 64, 256)
    ]
    assert all(0.005 < one < 0.1 for one in spread)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: tree_unet(1, **SIZES, generators=streams(0)),
        lambda: tree_unet(5, branching=2, depth=0, width=6, generators=streams(0)),
        lambda: tree_unet(5, **SIZES, generators=[]),
        lambda: net_of(0)(torch.zeros(1, 2, 7, dtype=torch.long)),
        lambda: net_of(0).check_inputs(torch.full((1, 8), 6)),
    ],
)
def test_bad_input_is_refused(wrong):
    with pytest.raises(ValueError):
        wrong()


def test_parameters_are_nn():
    assert all(isinstance(one, nn.Parameter) for one in net_of(0, 1).parameters())
    assert all(one.shape[0] == 2 for one in net_of(0, 1).parameters())
