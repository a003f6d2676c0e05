"""Small networks of every kind that the tangent space is taken of, in float64, and Jacobians written out."""

import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap

from quire.nets import ResidualMLP
from quire.tangent import TaskVector


def generator(seed=0):
    """A stream."""
    return torch.Generator().manual_seed(seed)


def drawn(*shape, seed=0):
    """Normal numbers in float64."""
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


class Attention(nn.Module):
    """One pre-norm block of ``nn.MultiheadAttention`` on tokens, in evaluation mode on torch's fast path."""

    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True, norm_first=True)

    def forward(self, tokens):
        """Mean token."""
        return self.block(tokens).mean(1)


class Fused(nn.Module):
    """Attention by ``scaled_dot_product_attention``."""

    def __init__(self):
        super().__init__()
        self.all = nn.Linear(8, 24)

    def forward(self, tokens):
        """Mean token."""
        query, key, value = self.all(tokens).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        return nn.functional.scaled_dot_product_attention(query, key, value).mean(2).flatten(1)


class Tokens(nn.Module):
    """Dense layers and layer norms on ``[batch, tokens, width]``, and their mean."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 5, bias=False))

    def forward(self, tokens):
        """Mean token."""
        return self.layers(tokens).mean(1)


def dense():
    """Residual blocks with layer norms."""
    return ResidualMLP(num_inputs=6, width=8, depth=2, num_outputs=4, generator=generator())


def convolutional():
    """Two convolutions, with an activation in place."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, stride=2),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 3, 2, dilation=2, bias=False),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(12, 3),
    )


def normalised():
    """A batch norm with running statistics, an integer buffer among its state, and dropout."""
    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 4))
    with torch.no_grad():
        net[1].running_mean += 0.3
        net[1].running_var *= 2.0
    return net


INPUTS = {"dense": (6,), "normalised": (6,), "convolutional": (2, 8, 8), "Tokens": (5, 8), "Fused": (5, 8)}
INPUTS["Attention"] = (5, 8)
MODELS = {"dense": dense, "normalised": normalised, "convolutional": convolutional}
MODELS |= {"Tokens": Tokens, "Fused": Fused, "Attention": Attention}


def made(name, samples=7):
    """A model in float64 with no weight at zero, and inputs."""
    with torch.random.fork_rng():
        torch.manual_seed(3)  # torch's own layers take no generator
        net = MODELS[name]().double()
    with torch.no_grad():
        for seed, parameter in enumerate(net.parameters()):
            parameter += 0.3 * drawn(*parameter.shape, seed=seed)
    return net, drawn(samples, *INPUTS[name], seed=99)


def weights_of(net):
    """θ0 by name, detached: parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def direction(net, seed=0, size=0.1):
    """A task vector."""
    named = net.named_parameters()
    return TaskVector({name: size * drawn(*p.shape, seed=seed + i) for i, (name, p) in enumerate(named)})


def jacobian(net, inputs):
    """``[samples, outputs, weights]``, one sample at a time, by reverse differentiation."""
    weights = {name: parameter.detach() for name, parameter in net.named_parameters()}

    def one(sample):
        return jacrev(lambda p: functional_call(net, p, (sample[None],))[0])(weights)

    parts = vmap(one)(inputs)
    return torch.cat([parts[name].flatten(2) for name in weights], dim=2)


def flat(vector):
    """The numbers of a task vector, one after the other."""
    return torch.cat([tensor.flatten() for tensor in vector.tensors.values()])
